"""grep, find and xargs. Source: the manual pages of GNU grep 3.8 and findutils 4.9."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.options import spec, split
from vedette.shell.scope import ANY, LOOSE, Arg, loose

_GREP = spec(
    "read",
    text="-A -B -C -e -m -d -D --regexp --max-count --context --after-context --before-context --include "
    "--exclude --exclude-dir --label --binary-files --directories --devices",
    attached="--color --colour",
    read="-f --file --exclude-from",
)


def _grep(call: Call) -> None:
    given = split(call, _GREP)
    pattern = not given.has("-e", "--regexp", "-f", "--file")
    below = given.has("-r", "-R", "--recursive", "--dereference-recursive") or call.name == "rgrep"
    below = below or any(value.text == "recurse" for value in given.values("-d", "--directories"))
    for arg in given.operands[pattern:] or ([Arg(".")] if below else []):
        if arg.text != "-":
            call.read(arg.text, tree=below)
    if given.operands and given.operands[0].open:
        call.read(ANY, tree=True)


# Tests and options of find with the number of words that they take.
_TAKES = {
    **dict.fromkeys(
        [
            "amin",
            "anewer",
            "atime",
            "cmin",
            "cnewer",
            "context",
            "ctime",
            "fstype",
            "gid",
            "group",
            "ilname",
            "iname",
            "inum",
            "ipath",
            "iregex",
            "iwholename",
            "links",
            "lname",
            "maxdepth",
            "mindepth",
            "mmin",
            "mtime",
            "name",
            "newer",
            "path",
            "perm",
            "printf",
            "regex",
            "regextype",
            "samefile",
            "size",
            "type",
            "uid",
            "used",
            "user",
            "wholename",
            "xtype",
        ],
        1,
    ),
    **dict.fromkeys(
        [
            "a",
            "and",
            "o",
            "or",
            "not",
            "daystart",
            "depth",
            "d",
            "empty",
            "executable",
            "false",
            "true",
            "follow",
            "ignore_readdir_race",
            "noignore_readdir_race",
            "mount",
            "noleaf",
            "nogroup",
            "nouser",
            "nowarn",
            "warn",
            "print",
            "print0",
            "prune",
            "quit",
            "readable",
            "writable",
            "xdev",
            "ls",
            "help",
            "version",
        ],
        0,
    ),
}
_RUNNING = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_WRITING = {"-fprint": 1, "-fprint0": 1, "-fls": 1, "-fprintf": 2}


def _find(call: Call) -> None:
    args = list(call.args)
    roots = list[str]()
    while args and (args[0].text in ("-H", "-L", "-P") or args[0].text.startswith("-O")):
        args.pop(0)
    while args and not args[0].text.startswith(("-", "(", ")", "!", ",")):
        arg = args.pop(0)
        if arg.several or arg.text.startswith(LOOSE):
            call.unknown("where it looks is made at run time")
        roots.append(arg.text)
    roots = roots or ["."]
    for root in roots:
        call.read(root)
    while args:
        arg = args.pop(0)
        name = arg.text.removeprefix("-")
        if arg.several or loose(arg.text):
            call.unknown("a test that is made at run time")
        elif arg.text in _RUNNING:
            args = _run(call, roots, args, local=arg.text.endswith("dir"))
        elif arg.text in ("!", "(", ")", ","):
            continue
        elif arg.text == "-delete":
            for root in roots:
                call.file(Effect.DESTROY, root, tree=True)
        elif arg.text in _WRITING:
            call.write(args[0].text if args else "")
            del args[: _WRITING[arg.text]]
        elif arg.text == "-files0-from":
            call.unknown("where it looks stands in a file")
        elif arg.text.startswith("-newer") and len(arg.text) == 8:
            del args[:1]
        elif arg.text.startswith("-") and name in _TAKES:
            del args[: _TAKES[name]]
        else:
            call.unknown(f"the test {arg.text}")


def _run(call: Call, roots: list[str], args: list[Arg], *, local: bool) -> list[Arg]:
    """Reads the command of -exec, once for each root, and says what stands behind it."""
    for place, arg in enumerate(args):
        if arg.text == ";" or (arg.text == "+" and place and args[place - 1].text == "{}"):
            command, rest = args[:place], args[place + 1 :]
            break
    else:
        call.unknown("a command that does not end")
        return []
    scope = call.scope
    if local:
        scope = scope.copy()
        scope.folders = None
    for root in roots:
        found = f"{'.' if local else root.rstrip('/') if root != '/' else ''}/{ANY}"
        if command:
            call.run([_put(each, "{}", found, root) for each in command], scope=scope)
        else:
            call.unknown("no command to run")
    return rest


def _put(arg: Arg, mark: str, text: str, root: str) -> Arg:
    if mark not in arg.text:
        return arg
    if root.startswith("-"):
        text = ANY
    return Arg(arg.text.replace(mark, text), arg.several)


_XARGS = spec(
    "text",
    closed=True,
    first=True,
    flag="-0 --null -r --no-run-if-empty -t --verbose -x --exit -p --interactive -o --open-tty",
    text="-n --max-args -P --max-procs -L -d --delimiter -s --max-chars -I -E --process-slot-var",
    attached="-i --replace -l --max-lines -e --eof",
    read="-a --arg-file",
)


def _xargs(call: Call) -> None:
    """The command gets words that nobody knows yet."""
    given = split(call, _XARGS)
    command = given.operands or [Arg("echo")]
    marks = [value.text for value in given.values("-I", "-i", "--replace")]
    if marks:
        mark = marks[-1] or "{}"
        filled = [Arg(arg.text.replace(mark, ANY), arg.several) for arg in command]
        call.run(filled)
    else:
        call.run(command)  # with nothing to read it is run once, as it stands
        call.run([*command, Arg(ANY, True)])


_PARALLEL = spec(
    closed=True,
    first=True,
    flag="-k --keep-order --bar --progress --dry-run --line-buffer --lb --will-cite -u --ungroup",
    text="-j --jobs -P --max-procs --timeout --delay --halt --retries",
)
# A shell reads the command again with the words in it: nothing in either may mean something to that.
_PLAIN = re.compile(r"[A-Za-z0-9_./:,@%+=-]+\Z", re.ASCII)


def _parallel(call: Call) -> None:
    """GNU parallel, its words behind ``:::``; from its input they may be anything. Source: parallel(1)."""
    words = split(call, _PARALLEL).operands
    texts = [word.text for word in words]
    at = texts.index(":::") if ":::" in texts else len(texts)
    command, given = words[:at], words[at + 1 :]
    plain = all(not word.open and _PLAIN.match(word.text) for word in [*command, *given])
    lists = any(set(word.text) <= set(":+") for word in given)  # several, whose words stand side by side
    if not command or not given or not plain or lists or "PARALLEL" in call.scope.values:
        call.unknown("its commands are put together at run time")
        return
    for word in given:
        call.run([*command, word])


def _fd(call: Call) -> None:
    call.unknown("its options are not known here")


PROGRAMS: Mapping[str, Callable[[Call], None]] = {
    **{name: _grep for name in ("grep", "egrep", "fgrep", "rgrep", "zgrep")},
    "find": _find,
    "xargs": _xargs,
    "parallel": _parallel,
    "fd": _fd,
    "fdfind": _fd,
}
