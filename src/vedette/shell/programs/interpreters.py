"""Programs that run programs written in some language: shells are read, of others only "
"what surely does nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.options import Spec, spec, split
from vedette.shell.scope import HOLES, LOOSE, Arg

_SHELL_FLAGS = frozenset("euxlnfvhmbCpPE")


def _shell(call: Call) -> None:
    """sh and its kin: a script in ``-c``, in a here-document, in a file, or in what it is fed."""
    args = list(call.args)
    while args:
        arg = args[0]
        text = arg.text
        if arg.open or text.startswith(LOOSE):
            call.unknown("an argument that may be an option is made at run time")
            return
        if not text.startswith(("-", "+")) or text == "-":
            break
        args.pop(0)
        if text == "--":
            break
        if text in ("--login", "--norc", "--noprofile", "--posix", "--verbose"):
            continue
        if text in ("-o", "+o") and args and args[0].text in ("pipefail", "errexit", "nounset", "xtrace"):
            args.pop(0)
            continue
        letters = text[1:]
        if text.startswith("--") or not set(letters) <= _SHELL_FLAGS | {"c", "s", "o"}:
            call.unknown(f"the option {text}")
            return
        if letters.endswith("o") and args and "c" not in letters:
            if args.pop(0).text not in ("pipefail", "errexit", "nounset", "xtrace"):
                call.unknown("an option of the shell")
            continue
        if "c" in letters:
            _script(call, args, pipefail="o" in letters)
            return
        if "s" in letters:
            _fed(call, args)
            return
    if args and args[0].text != "-":
        if args[0].text.startswith("/dev/fd/") or args[0].text in ("/dev/stdin", "/proc/self/fd/0"):
            call.unknown("commands that another program writes")
        call.read(args[0].text)
        call.notes.start(f"./{args[0].text}" if "/" not in args[0].text else args[0].text, call.scope.folders)
        for arg in args[1:]:
            call.notes.mention(arg.text, call.scope.folders)
    else:
        _fed(call, args[1:])


def _script(call: Call, args: list[Arg], *, pipefail: bool) -> None:
    if pipefail and args:
        args = args[1:]
    while (
        args and args[0].text.startswith("-") and args[0].text[1:] and set(args[0].text[1:]) <= _SHELL_FLAGS
    ):
        args = args[1:]
    if args and args[0].text == "--":
        args = args[1:]
    if not args:
        return
    if args[0].open:
        call.unknown("what is run is put together at run time")
    else:
        call.script(args[0].text, args=tuple(args[2:]))


def _fed(call: Call, args: list[Arg]) -> None:
    if call.stdin is None:
        call.unknown("commands that it is fed at run time")
    else:
        call.script(call.stdin, args=tuple(args))


# What runs code in a language that is not read here: options with a value, and those that are harmless alone.
_LANGUAGES: Mapping[str, Spec] = {
    "python": spec(first=True, text="-W -X", unknown="-c -m", flag="-V --version"),
    "perl": spec(first=True, unknown="-e -E -i -n -p -M -m -I", flag="-v"),
    "ruby": spec(first=True, unknown="-e -r -I -n -p -i", flag="-v --version"),
    "node": spec(first=True, unknown="-e --eval -p --print -r --require --import", flag="-v --version"),
    "php": spec(first=True, unknown="-r -B -R -F -E -d -S", flag="-v --version"),
    "lua": spec(first=True, unknown="-e -l -i", flag="-v"),
    "Rscript": spec(first=True, unknown="-e"),
    "tclsh": spec(first=True),
    "expect": spec(first=True, unknown="-c"),
    "osascript": spec(first=True, unknown="-e"),
}


def _language(call: Call) -> None:
    """Versions are shown; files are run; anything else is unknown."""
    name = re.sub(r"[0-9.]+\Z", "", call.name)
    given = split(call, _LANGUAGES[name])
    if given.operands and given.operands[0].text != "-":
        script = given.operands[0]
        if script.open or not HOLES.isdisjoint(script.text):
            call.unknown("which program runs is decided at run time")
        text = script.text
        call.notes.start(f"./{text}" if "/" not in text else text, call.scope.folders)
        call.read(text)
        for arg in given.operands[1:]:
            call.notes.mention(arg.text, call.scope.folders)
    elif not (given.has("-V", "--version", "-v") and len(call.args) == 1):
        call.unknown("a program in a language that is not read here")


# An awk program that only picks, counts and prints: no system(), no getline, no pipes, no files.
_AWK_BAD = re.compile(r"system|getline|close|@|\||>|/inet|ENVIRON|PROCINFO")
_AWK_COMPARED = re.compile(r"(?<=[\w)\]$\"'/ ])\s*>=?\s*[0-9.]+(?=\s*(?:[){;&|?]|$))")
_AWK_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


def _awk(call: Call) -> None:
    given = split(
        call,
        spec(
            first=True,
            closed=True,
            text="-F --field-separator -v --assign",
            flag="-V --version -S --sandbox",
            unknown="-f --file -e --source -i --include -l --load -E --exec -o -d -D -p",
        ),
    )
    if not given.operands:
        return
    program, files = given.operands[0], given.operands[1:]
    if not program.known:
        call.unknown("a program that is put together at run time")
    else:
        # With a regular expression or a comment about, where texts begin is not plain to see.
        plain = not {"/", "#"} & set(program.text)
        bare = _AWK_TEXT.sub('""', program.text) if plain else program.text
        if "print" not in bare:
            bare = _AWK_COMPARED.sub(" ", bare)
        if "/" not in bare:
            bare = _outside(bare)
        bare = bare.replace("||", " ")
        if _AWK_BAD.search(bare):
            call.unknown("a program that may start others or open files")
    for arg in files:
        if "=" not in arg.text:
            call.read(arg.text)
        elif not arg.known:
            call.unknown("a file that may be an assignment")


def _outside(text: str) -> str:
    """*text* without the ``>`` that stand outside of braces, where they compare."""
    depth, found = 0, list[str]()
    for char in text:
        depth = max(0, depth + (char == "{") - (char == "}"))
        found.append(" " if char == ">" and not depth else char)
    return "".join(found)


# What sed does without files and programs: addresses, then s///, y///, or a command of one letter.
_SED_ADDRESS = r"(?:[0-9]+(?:~[0-9]+)?|\$|/(?:[^/\\\n]|\\.)*/[IM]?)"
_SED_COMMAND = (
    r"(?:[pdDgGhHnNPqQx=lz](?:\s*[0-9]+)?|s(?P<d>[/|#,:@!%~])(?:(?!(?P=d))[^\\\n]|\\.)*(?P=d)"
    r"(?:(?!(?P=d))[^\\\n]|\\.)*(?P=d)[gpiImM0-9]*|y/(?:[^/\\\n]|\\.)*/(?:[^/\\\n]|\\.)*/|[aic]\\?\s?[^\n;}]*)"
)
_SED_ONE = re.compile(
    rf"\s*(?:{_SED_ADDRESS}(?:\s*,\s*(?:[+~]?{_SED_ADDRESS}|[+~][0-9]+))?\s*)?!?\s*{_SED_COMMAND}\s*"
)


def _sed_is_plain(text: str) -> bool:
    """Whether all commands of *text* surely read and write nothing but the text itself."""
    at = 0
    if len(text) > 4096:
        return False
    while at < len(text):
        found = _SED_ONE.match(text, at)
        if not found:
            return False
        at = found.end()
        if at < len(text):
            if text[at] not in ";\n":
                return False
            at += 1
    return True


_SED = spec(
    closed=True,
    flag="-n --quiet --silent -E -r --regexp-extended -s --separate -u --unbuffered -z --null-data --posix "
    "--sandbox --debug",
    mark="-i --in-place",
    text="-e --expression -l --line-length",
    unknown="-f --file",
)


def _sed(call: Call) -> None:
    # -i takes the rest of its word as a suffix: what looks like options in there is none.
    args = tuple(Arg("-i") if arg.text.startswith("-i") else arg for arg in call.args)
    given = split(Call(call.name, args, call.scope, call.runs), _SED)
    scripts = given.values("-e", "--expression")
    files = given.operands
    if not scripts:
        scripts, files = files[:1], files[1:]
    for script in scripts:
        if not script.known or not _sed_is_plain(script.text):
            call.unknown("commands that may start programs or open files")
    for arg in files:
        call.read(arg.text)
        if given.has("-i", "--in-place"):
            call.write(arg.text)


def _editor(call: Call) -> None:
    """Editors can run anything."""
    call.unknown("an editor, which can run anything")
    for arg in call.args:
        if not arg.text.startswith(("-", "+")):
            call.file(Effect.WRITE, arg.text)


def _builder(call: Call) -> None:
    """make and its kin: what stands in files decides."""
    call.unknown("what it runs stands in files")


PROGRAMS: Mapping[str, Callable[[Call], None]] = {
    **{name: _shell for name in ("sh", "bash", "dash", "ash", "ksh", "mksh", "rbash")},
    **{name: _language for name in _LANGUAGES},
    **{f"python{version}": _language for version in ("2", "2.7", "3", *(f"3.{n}" for n in range(6, 16)))},
    **{name: _awk for name in ("awk", "gawk", "mawk", "nawk")},
    "sed": _sed,
    **{name: _editor for name in ("vi", "vim", "view", "nvim", "nano", "emacs", "ed", "ex", "pico", "joe")},
    **{name: _builder for name in ("make", "gmake", "cmake", "ninja", "just")},
}
