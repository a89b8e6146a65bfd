"""What shells do themselves. Source: the Bash manual, "Shell Builtin Commands"."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.environment import meddles
from vedette.shell.paths import paths
from vedette.shell.scope import ANY, LOOSE, PLAIN, Arg

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)


def _nothing(call: Call) -> None:
    """Whatever its arguments are, nothing is done."""


def _names(call: Call, args: list[Arg]) -> None:
    """Variables that get a value nobody knows. An index would be worked out, and may run commands."""
    for arg in args:
        if not _NAME.match(arg.text):
            call.unknown("a variable whose name is made at run time")
        else:
            if meddles(arg.text, exported=False):
                call.scope.strange = f"{arg.text} was changed"
            call.scope.put(arg.text, ANY)


def _cd(call: Call) -> None:
    operands = [arg for arg in call.args if arg.text not in ("-L", "-P", "-e", "-@", "--", "-LP")]
    if not operands:
        call.scope.folders = ("~",)
        return
    to = operands[0]
    if to.open or to.text.startswith(("-", *LOOSE)):
        call.scope.folders = None
        return
    found = tuple(paths(to.text, call.scope.folders))
    call.scope.folders = None if "*" in "".join(found) else found


def _lost(call: Call) -> None:
    """pushd, popd: some other folder."""
    call.scope.folders = None


def _echo(call: Call) -> None:
    """echo writes its words, and nothing else."""


def _printf(call: Call) -> None:
    args = list(call.args)
    if args and args[0].text == "-v":
        _names(call, args[1:2])
        args = args[2:]
    elif args and args[0].may_be_option and not (args[0].known and not args[0].text.startswith("-v")):
        call.unknown("an argument that may be an option is made at run time")


def _test(call: Call) -> None:
    """test and [: looking at files; -v and -R would work out an index."""
    texts = [arg.text for arg in call.args]
    if "-v" in texts or "-R" in texts:
        call.unknown("a variable whose name is made at run time")
    if any(arg.several for arg in call.args) and len(texts) > 1:
        call.unknown("a test that is made at run time")


def _export(call: Call) -> None:
    """export, declare and the like; assignments were made already."""
    flags = [arg.text for arg in call.args if arg.text[:1] in "-+" and arg.text]
    for flag in flags:
        if call.name in ("declare", "typeset", "local") and set(flag[1:]) & set("inrA"):
            call.unknown(f"variables of the sort {flag}")
        if call.name == "export" and "f" in flag:
            call.unknown("an exported function")
    if all(arg.text[:1] in ("-", "+") for arg in call.args) or any("p" in flag for flag in flags):
        call.touch(Effect.READ, "system:environment")
    exported = call.name == "export" or any("x" in flag for flag in flags)
    for arg in call.args:
        name, given, _ = arg.text.partition("=")
        if arg.text[:1] in ("-", "+"):
            continue
        if not _NAME.match(name):
            call.unknown("a variable whose name is made at run time")
        elif meddles(name, exported=exported):
            call.scope.strange = f"{name} was changed"
        elif given and not call.scope.values.get(name):
            call.scope.put(name, ANY)


def _unset(call: Call) -> None:
    for arg in call.args:
        if arg.text == "-f" or not (arg.text == "-v" or _NAME.match(arg.text)):
            call.unknown("what it forgets is decided at run time")
        elif meddles(arg.text, exported=True):
            call.scope.strange = f"{arg.text} was changed"
        elif arg.text != "-v":
            call.scope.put(arg.text, "")


def _read(call: Call) -> None:
    names, args = list[Arg](), list(call.args)
    while args:
        arg = args.pop(0)
        if arg.text.startswith("-") and arg.known and len(arg.text) > 1:
            last = arg.text[-1]
            if last == "a":
                names += args[:1]
            if last in "adinNptu":
                args[:1] = []
            continue
        names.append(arg)
    _names(call, names or [Arg("REPLY")])


def _map(call: Call) -> None:
    if any(arg.text.startswith("-C") for arg in call.args):
        call.unknown("a callback")
    last = call.args[-1:] or (Arg("MAPFILE"),)
    name = last[0].text if _NAME.match(last[0].text) else "MAPFILE"
    call.scope.put(name, ANY)
    call.scope.arrays[name] = (Arg(ANY, True),)
    if not _NAME.match(last[0].text):
        call.unknown("a variable whose name is made at run time")


def _getopts(call: Call) -> None:
    _names(call, [*call.args[1:2], Arg("OPTARG")])
    call.scope.put("OPTIND", PLAIN)


def _known(args: list[Arg]) -> tuple[Arg, ...]:
    return (Arg(ANY, True),) if any(arg.open for arg in args) else tuple(args)


def _set(call: Call) -> None:
    """set: options and positional parameters."""
    args = list(call.args)
    if not args or (args[0].text in ("-o", "+o") and len(args) == 1):
        call.touch(Effect.READ, "system:environment")
    while args:
        arg = args[0]
        if arg.open or arg.text.startswith(LOOSE):
            break
        if arg.text in ("--", "-"):
            call.scope.positional = _known(args[1:])
            return
        if arg.text in ("-o", "+o"):
            if len(args) > 1 and args[1].text not in ("pipefail", "errexit", "nounset", "xtrace", "noglob"):
                call.unknown(f"set {arg.text} {args[1].text}")
            del args[:2]
            continue
        if not arg.text.startswith(("-", "+")):
            break
        if not set(arg.text[1:]) <= set("euxfvCo"):
            call.unknown(f"set {arg.text}")
        if arg.text.endswith("o"):
            del args[:1]
        del args[:1]
    if args:
        call.scope.positional = _known(args)


def _shift(call: Call) -> None:
    by = call.args[0].text if call.args else "1"
    known = by.isdigit() and len(by) < 4 and not any(arg.open for arg in call.scope.positional)
    call.scope.positional = call.scope.positional[int(by) :] if known else (Arg(ANY, True),)


def _eval(call: Call) -> None:
    args = [arg for arg in call.args if arg.text != "--"]
    if any(arg.open for arg in args):
        call.unknown("what is run is put together at run time")
        return
    call.script(" ".join(arg.text for arg in args), fresh=False)


def _source(call: Call) -> None:
    call.unknown("commands from a file")
    for arg in call.args[:1]:
        call.read(arg.text)


def _trap(call: Call) -> None:
    args = [arg for arg in call.args if arg.text not in ("--", "-p", "-l")]
    if args and args[0].text not in ("-", "") and not args[0].text.isdigit():
        if args[0].open:
            call.unknown("what is run is put together at run time")
        else:
            call.script(args[0].text, fresh=False)


def _alias(call: Call) -> None:
    if any("=" in arg.text or not arg.known for arg in call.args):
        call.unknown("another name for a program")


def _exec(call: Call) -> None:
    args = list(call.args)
    while args and args[0].text.startswith("-"):
        flag = args.pop(0).text
        if flag == "--":
            break
        if flag == "-a":
            args = args[1:]
        elif not set(flag[1:]) <= set("cl"):
            call.unknown(f"exec {flag}")
    if args:
        call.run(args, stdin=call.stdin)


def _command(call: Call) -> None:
    """command, builtin: a program by its own name, whatever functions there are."""
    args = list(call.args)
    while args and args[0].text.startswith("-"):
        flag = args.pop(0).text
        if flag in ("-v", "-V"):
            return
        if flag == "--":
            break
        if flag != "-p":
            call.unknown(f"{call.name} {flag}")
    if args:
        scope = call.scope
        kept, scope.functions = scope.functions, {}
        call.run(args, stdin=call.stdin)
        scope.functions = {**kept, **scope.functions}


def _let(call: Call) -> None:
    for arg in call.args:
        if not re.fullmatch(r"[A-Za-z_]\w*\s*[-+*/]?=\s*\d+|[A-Za-z_]\w*(?:\+\+|--)", arg.text, re.ASCII):
            call.unknown("arithmetic of a form that is not known here")
            continue
        name = re.split(r"\W", arg.text, maxsplit=1)[0]
        value = call.scope.get(name)
        if value not in ("", PLAIN) and not value.isdigit() and not re.match(r"\w+\s*=", arg.text):
            call.unknown("arithmetic over a value that is not known to be a number")
        call.scope.put(name, PLAIN)


def _limits(call: Call) -> None:
    """ulimit, umask: of this shell and what it starts."""


def _kill(call: Call) -> None:
    """kill: a signal to a process; to all of them where the number is -1 or 1."""
    signals = {"-l", "-L", "-0"}
    if call.args and call.args[0].text in signals:
        return
    everybody = any(arg.text in ("-1", "1") for arg in call.args[1:] if arg.known)
    call.touch(Effect.DESTROY if everybody else Effect.CONFIGURE, "system:processes")


def _background(call: Call) -> None:
    call.notes.background = True


def _strange(call: Call) -> None:
    call.unknown("it changes what names stand for")


PROGRAMS: Mapping[str, Callable[[Call], None]] = {
    **{name: _nothing for name in (":", "true", "false", "exit", "return", "break", "continue", "logout")},
    **{name: _nothing for name in ("wait", "jobs", "type", "pwd", "times", "dirs", "caller", "fg", "bg")},
    **{name: _limits for name in ("ulimit", "umask")},
    "suspend": _nothing,
    "history": _strange,
    "fc": _strange,
    "bind": _strange,
    "complete": _strange,
    "compgen": _strange,
    "compopt": _strange,
    "enable": _strange,
    "shopt": _strange,
    "hash": _strange,
    "cd": _cd,
    "chdir": _cd,
    "pushd": _lost,
    "popd": _lost,
    "echo": _echo,
    "printf": _printf,
    "test": _test,
    "[": _test,
    **{name: _export for name in ("export", "declare", "typeset", "local", "readonly")},
    "unset": _unset,
    "read": _read,
    "mapfile": _map,
    "readarray": _map,
    "getopts": _getopts,
    "set": _set,
    "shift": _shift,
    "eval": _eval,
    "source": _source,
    ".": _source,
    "trap": _trap,
    "alias": _alias,
    "unalias": _nothing,
    "exec": _exec,
    "command": _command,
    "builtin": _command,
    "let": _let,
    "kill": _kill,
    "disown": _background,
}
