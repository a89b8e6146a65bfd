"""Programs that run their arguments: one line each.

*text* are the options that take a value, *flag* those that take none, *skip* the operands before the
command. Options that are not listed make the command unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.environment import meddles
from vedette.shell.options import Spec, spec, split
from vedette.shell.scope import Arg, Scope


@dataclass(frozen=True, slots=True)
class Wrapper:
    """*elevated*: as another user. *outlives*: goes on when the caller has gone. *needed*: without a
    command it does what nobody can tell (an interactive shell). *lone*: the command is text for a shell."""

    options: Spec
    skip: int = 0
    elevated: bool = False
    outlives: bool = False
    needed: bool = False
    lone: bool = False


def wrapper(
    flag: str = "",
    text: str = "",
    skip: int = 0,
    *,
    write: str = "",
    unknown: str = "",
    elevated: bool = False,
    outlives: bool = False,
    needed: bool = False,
    lone: bool = False,
) -> Wrapper:
    options = spec(closed=True, first=True, flag=flag, text=text, write=write, unknown=unknown)
    return Wrapper(options, skip, elevated, outlives, needed, lone)


WRAPPERS: Mapping[str, Wrapper] = {
    "sudo": wrapper(
        "-n -S -E -H -k -A -b -P --non-interactive --stdin --preserve-env --set-home -K -v -l",
        "-u --user -g --group -p --prompt -h --host -C -T -r -t",
        elevated=True,
    ),
    "doas": wrapper("-n -L", "-u", elevated=True),
    "runuser": wrapper("", "-u -g -G", elevated=True, needed=True),
    "pkexec": wrapper("--disable-internal-agent", "--user", elevated=True, needed=True),
    "nohup": wrapper(outlives=True),
    "setsid": wrapper("-c -f -w --ctty --fork --wait", outlives=True),
    "timeout": wrapper("--preserve-status --foreground -v --verbose", "-k --kill-after -s --signal", 1),
    "nice": wrapper("", "-n --adjustment"),
    "ionice": wrapper("-t", "-c -n --class --classdata"),
    "chrt": wrapper("-b -f -i -o -r -a", "-T -P -D", 1),
    "taskset": wrapper("-a --all-tasks -c --cpu-list", "", 1),
    "numactl": wrapper("-l", "-N -m -i -p -C --cpunodebind --membind --interleave --physcpubind"),
    "stdbuf": wrapper("", "-i -o -e --input --output --error"),
    "unbuffer": wrapper("-p"),
    "time": wrapper("-p -v -q -a --portability --verbose", "-f --format", write="-o --output"),
    "chroot": wrapper("--skip-chdir", "--userspec --groups", 1, needed=True),
    "unshare": wrapper("-r -m -n -p -u -i -f -U --fork --mount --net --pid --mount-proc", needed=True),
    "nsenter": wrapper("-a -m -u -i -n -p -U --all --mount --net --pid", "-t --target", needed=True),
    "setarch": wrapper("-R", "", 1, needed=True),
    "linux64": wrapper("-R", needed=True),
    "linux32": wrapper("-R", needed=True),
    "setpriv": wrapper("--no-new-privs --clear-groups", "--reuid --regid --groups", needed=True),
    "capsh": wrapper(unknown="--", needed=True),
    "systemd-run": wrapper(
        "--user --scope --wait --pty -t --pipe -P --collect -G --quiet -q",
        "--unit -u",
        unknown="-p --property",
        outlives=True,
    ),
    "systemd-cat": wrapper("", "-t -p"),
    "systemd-inhibit": wrapper("", "--what --who --why --mode"),
    "flock": wrapper("-n -x -s -o --nonblock --exclusive --shared", "-w -E --timeout", 1),
    "watch": wrapper("-t -d -b -e -g -c --no-title --differences", "-n --interval", lone=True),
    "strace": wrapper("-f -c -q -y", "-e -s -p", unknown="-o --output"),
    "ltrace": wrapper("-f -c", "-e -s -p", write="-o"),
    "catchsegv": wrapper(),
    "dbus-run-session": wrapper(),
    "fakeroot": wrapper(needed=True),
    "eatmydata": wrapper(),
    "caffeinate": wrapper("-d -i -m -s"),
    "ts": wrapper("-i -s -r"),
    "chronic": wrapper("-e -v"),
    "proxychains": wrapper("-q"),
    "torsocks": wrapper(),
}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=", re.ASCII)


def _run(call: Call) -> None:
    wanted = WRAPPERS[call.name]
    given = split(call, wanted.options)
    call.notes.elevated |= wanted.elevated
    call.notes.background |= wanted.outlives or (given.has("-b") and wanted.elevated)
    if call.name in ("chroot", "nsenter", "unshare", "setpriv"):
        call.unknown("another root, where names stand for other things")
    command = (
        _variables(call, given.operands[wanted.skip :]) if wanted.elevated else given.operands[wanted.skip :]
    )
    if any(arg.open for arg in given.operands[: wanted.skip]):
        call.unknown("which program runs is decided at run time")
    elif command and wanted.lone:
        if any(arg.open for arg in command):
            call.unknown("what is run is put together at run time")
        else:
            call.script(" ".join(arg.text for arg in command))
    elif command and call.name == "flock" and command[0].text in ("-c", "--command"):
        call.script(command[1].text if len(command) > 1 else "")
    elif command:
        call.run(command, stdin=call.stdin, scope=_fresh(call))
    elif wanted.needed or given.has("-p"):
        call.unknown("a shell of its own")


def _fresh(call: Call) -> Scope:
    """Programs know nothing of the functions of this shell."""
    scope = call.scope.copy()
    scope.functions = {}
    return scope


def _variables(call: Call, args: list[Arg]) -> list[Arg]:
    """Takes off the ``NAME=value`` that stand before a command."""
    while args and _VARIABLE.match(args[0].text):
        name = args.pop(0).text.partition("=")[0]
        if meddles(name, exported=True):
            call.unknown(f"{name} was changed")
    return args


_ENV = spec(
    closed=True,
    first=True,
    flag="-i --ignore-environment -0 --null -v --debug",
    text="-u --unset -C --chdir",
    unknown="-S --split-string",
)


def _env(call: Call) -> None:
    """env: variables, then a command; without one it shows them all."""
    given = split(call, _ENV)
    folders = given.values("-C", "--chdir")
    scope = _fresh(call)
    if folders:
        scope.folders = None
    operands = given.operands
    if operands and operands[0].text == "-":
        operands = operands[1:]
    command = _variables(call, operands)
    if any(arg.open for arg in command[:1]):
        call.unknown("which program runs is decided at run time")
    elif command:
        call.run(command, stdin=call.stdin, scope=scope)
    else:
        call.touch(Effect.READ, "system:environment")


_SU = spec(
    closed=True,
    flag="-l --login -m -p --preserve-environment -P --pty -",
    text="-c --command -s --shell -g -G --group --supp-group -w",
)


def _su(call: Call) -> None:
    given = split(call, _SU)
    call.notes.elevated = True
    scripts = given.values("-c", "--command")
    shells = [value.text for value in given.values("-s", "--shell")]
    if any(text.rpartition("/")[2] not in ("sh", "bash", "dash") for text in shells):
        call.unknown("a shell that is not known here")
    if not scripts:
        call.unknown("a shell of its own")
    for arg in scripts:
        if arg.open:
            call.unknown("what is run is put together at run time")
        else:
            call.script(arg.text)


def _multi(call: Call) -> None:
    """busybox and toybox: the first word is the program."""
    if call.args and not call.args[0].text.startswith("-"):
        call.run(call.args, stdin=call.stdin, scope=_fresh(call))
    elif call.args and call.args[0].text not in ("--list", "--list-full", "--help"):
        call.unknown(f"the option {call.args[0].text}")


def _later(call: Call) -> None:
    """at, batch: commands from the standard input, for later."""
    call.notes.background = True
    call.touch(Effect.CONFIGURE, "system:cron")
    if call.stdin is not None:
        call.script(call.stdin)
    elif not any(arg.text in ("-l", "-d", "-r") for arg in call.args):
        call.unknown("commands for later that are not seen here")


_SCRIPT = spec(
    closed=True,
    flag="-a --append -e --return -f --flush -q --quiet --force",
    text="-E --echo -o --output-limit -m --logging-format",
    write="-I --log-in -O --log-out -B --log-io -T --log-timing",
    script="-c --command",
    unknown="-t --timing",
)


def _script(call: Call) -> None:
    """A shell, or a command, whose output is written down. Source: script(1) of util-linux 2.38."""
    given = split(call, _SCRIPT)
    if not given.has("-c", "--command"):
        call.unknown("commands that it is fed at run time")
    for arg in given.operands or [Arg("typescript")]:
        call.write(arg.text)


PROGRAMS: Mapping[str, Callable[[Call], None]] = {
    "script": _script,
    **dict.fromkeys(WRAPPERS, _run),
    "env": _env,
    "su": _su,
    "busybox": _multi,
    "toybox": _multi,
    "at": _later,
    "batch": _later,
}
