"""git. Its aliases and hooks stand in files that are not seen here. Source: the manual pages of git 2.39."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.options import spec, split
from vedette.shell.programs.network import url
from vedette.shell.programs.serving import PACKS

_LOOKING = frozenset(
    [
        "status",
        "log",
        "diff",
        "show",
        "ls-files",
        "ls-tree",
        "rev-parse",
        "describe",
        "blame",
        "shortlog",
        "reflog",
        "cat-file",
        "rev-list",
        "name-rev",
        "merge-base",
        "for-each-ref",
        "count-objects",
        "version",
        "var",
        "check-ignore",
        "whatchanged",
    ]
)
_LOCAL = frozenset(
    [
        "add",
        "commit",
        "checkout",
        "switch",
        "restore",
        "merge",
        "rebase",
        "cherry-pick",
        "revert",
        "tag",
        "stash",
        "init",
        "mv",
        "am",
    ]
)
_RUNNING = (
    "--ext-diff",
    "--exec",
    "-x",
    "--upload-pack",
    "--receive-pack",
    "--textconv",
    "--output",
    "-u",
    "-c",
    "--open-files-in-pager",
    "-O",
    "--template",
    "--separate-git-dir",
    "-i",
    "--interactive",
)
_GLOBAL = spec(
    closed=True,
    first=True,
    flag="--no-pager -P --bare --no-replace-objects --version --help",
    text="-C",
    unknown="-c --config-env --exec-path --git-dir --work-tree --namespace -p --paginate",
)


def _git(call: Call) -> None:
    given = split(call, _GLOBAL)
    if not given.operands:
        return
    verb, rest = given.operands[0].text, given.operands[1:]
    folder = given.values("-C")
    if f"git-{verb}" in PACKS and not folder:
        PACKS[f"git-{verb}"](Call(f"git-{verb}", tuple(rest), call.scope, call.runs))
        return
    place = folder[-1].text if folder else "."
    if any(arg.several or (arg.may_be_option and not arg.known) for arg in rest):
        call.unknown("an argument that may be an option is made at run time")
    for arg in rest:
        named = _named(arg.text)
        if "/" in named and "://" not in named:
            call.notes.mention(named, call.scope.folders)
    if any(_runs(verb, arg.text) for arg in rest):
        call.unknown("options that run programs")
    if verb in _LOOKING or (
        verb in ("branch", "remote", "config", "stash", "tag") and _only_shows(verb, rest)
    ):
        call.read(place, tree=verb in ("diff", "show", "cat-file", "blame", "stash"))
    elif verb == "clean":
        call.file(Effect.DESTROY, place, tree=True)
    elif verb == "rm":
        for arg in rest:
            if not arg.text.startswith("-"):
                call.file(Effect.DESTROY, arg.text, tree=True)
    elif verb == "reset":
        hard = any(arg.text.startswith(("--h", "--m", "--k")) and arg.text != "--mixed" for arg in rest)
        call.file(Effect.DESTROY if hard else Effect.WRITE, place, tree=True)
    elif verb in ("clone", "fetch", "pull", "push", "ls-remote"):
        _remote(call, verb, [arg.text for arg in rest if not arg.text.startswith("-")], place)
        if verb == "push" and any(
            arg.text in ("-f", "--force", "--delete", "-d", "--mirror") for arg in rest
        ):
            call.host(Effect.DESTROY, "*", "*")
    elif verb in _LOCAL or verb in ("branch", "remote"):
        call.file(Effect.WRITE, place, tree=True)
        call.read(place, tree=True)
        forced = {"-f", "--force", "--discard-changes", "-D", "--abort", "drop", "clear"}
        if (
            any(arg.text in forced for arg in rest)
            or verb == "restore"
            or (verb == "checkout" and _paths(rest))
        ):
            call.file(Effect.DESTROY, place, tree=True)
    else:
        call.unknown(f"{verb}, which may be an alias or run programs")


def _named(text: str) -> str:
    """What an operand or the value of an option (``--file=/x``, ``-F/x``) may name."""
    if text.startswith("--"):
        return text.partition("=")[2]
    return text[2:] if text.startswith("-") else text


def _paths(rest: list) -> bool:  # type: ignore[type-arg]
    return any(arg.text in ("--", ".") or "/" in arg.text for arg in rest)


def _runs(verb: str, text: str) -> bool:
    if verb in ("commit", "add", "log", "diff", "show", "clean") and text in ("-u", "-c", "-i", "-x"):
        return False
    name = text.partition("=")[0]
    # Long options may be cut short; --text is one of its own.
    short = len(name) > 2 and name.startswith("--") and name != "--text"
    return any(name == option or (short and option.startswith(name)) for option in _RUNNING)


def _only_shows(verb: str, rest: list) -> bool:  # type: ignore[type-arg]
    texts = [arg.text for arg in rest]
    shows = {
        "branch": {"-a", "-r", "-v", "-vv", "--list", "--show-current", "--all"},
        "remote": {"-v", "show", "get-url", "origin"},
        "config": {"--list", "-l", "--get", "--global", "--local", "user.name", "user.email"},
        "stash": {"list", "show"},
        "tag": {"-l", "--list"},
    }[verb]
    if verb == "config" and not {"--list", "-l", "--get"} & set(texts):
        return False
    return (bool(texts) or verb != "stash") and all(text in shows for text in texts)


def _remote(call: Call, verb: str, words: list[str], place: str) -> None:
    sends = verb == "push"
    if any("::" in word for word in words):
        call.unknown("a transport that runs programs (ext::)")
    if words and "://" in words[0]:
        url(call, words[0], sends=sends)
    elif words and ":" in words[0] and "/" not in words[0].partition(":")[0]:
        call.host(
            Effect.EXPORT if sends else Effect.READ, words[0].partition(":")[0].rpartition("@")[2], "22"
        )
    else:
        call.host(Effect.EXPORT if sends else Effect.READ, "*", "*")
    if verb == "push":
        call.read(place, tree=True)
    elif verb == "clone":
        call.file(Effect.WRITE, words[1] if len(words) > 1 else "*", tree=True)
    elif verb != "ls-remote":
        call.file(Effect.WRITE, place, tree=True)


PROGRAMS: Mapping[str, Callable[[Call], None]] = {"git": _git}
