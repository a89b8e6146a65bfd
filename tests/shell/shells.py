"""What a real bash does with a command, and what we foresee of it: the programs it starts, with their arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.shell.cage import caged
from vedette.shell.parse import parse
from vedette.shell.scope import ANY, GLOB, HOME, PLAIN, Arg, Scope
from vedette.shell.walk import Walker

Argv = tuple[str, ...]

# Every program that bash cannot find is written down instead: s0, s1 and the like are such programs.
_HOOK = r"""
command_not_found_handle() { { printf '%s\0' "$#" "$@"; } >> "$LOG"; case $1 in s9) return 1;; esac; }
export -f command_not_found_handle
"""
_RUN = r"""
n=0
while IFS= read -r -d '' command; do
  LOG=/tmp/log.$n timeout -s KILL 2 bash -c "$command" name </dev/null >/dev/null 2>&1
  wait
  n=$((n+1))
done
for ((i = 0; i < n; i++)); do
  for _ in 1 2 3; do [ "$(pgrep -c timeout)" = 0 ] && break; done
  printf 'COMMAND\0'
  [ ! -e /tmp/log.$i ] || cat /tmp/log.$i
done
"""


def really(commands: Sequence[str]) -> list[set[Argv]]:
    """The programs that bash would start for each of *commands*."""
    fed = b"".join(command.encode() + b"\0" for command in commands)
    done = caged(["bash", "-c", _HOOK + _RUN], feed=fed, patience=300)
    found: list[set[Argv]] = []
    words = done.stdout.decode("utf-8", "replace").split("\0")[:-1]
    while words:
        word = words.pop(0)
        if word == "COMMAND":
            found.append(set())
        else:
            count = int(word)
            found[-1].add(tuple(words[:count]))
            del words[:count]
    assert len(found) == len(commands), done.stderr.decode()[-2000:]
    return found


class Spy(Walker):
    """Keeps what would be started."""

    __slots__ = ("started",)

    def __init__(self) -> None:
        super().__init__()
        self.started: list[tuple[Arg, ...]] = []

    def _start(self, text: str, args: tuple[Arg, ...], scope: Scope, stdin: str | None) -> None:
        self.started.append((Arg(text), *args))
        super()._start(text, args, scope, stdin)


def foreseen(command: str) -> list[tuple[Arg, ...]] | None:
    """What we read; None where we say that it is unknown."""
    spy = Spy()
    spy.walk(parse(command), Scope())
    spy.finish()
    return None if spy.notes.reason else spy.started


def covers(started: Sequence[Arg], argv: Argv) -> bool:
    """Whether *started*, with all that is open in it, may be *argv*."""
    parts = [
        "(?:[^\\0]*\\0)*" if arg.several else "(?:" + _open(arg.text) + "\\0)" + "+" * arg.pattern
        for arg in started
    ]
    return re.fullmatch("".join(parts), "".join(word + "\0" for word in argv), re.DOTALL) is not None


def _open(text: str) -> str:
    marks = {ANY: "[^\\0]*", GLOB: "[^\\0]*", PLAIN: "[A-Za-z0-9_.:+-]*", HOME: "(?:/root|~)"}
    return "".join(marks.get(char) or re.escape(char) for char in text)
