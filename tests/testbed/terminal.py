"""A program on a pseudo-terminal of its own: what a person at a keyboard would be."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence

from tests.testbed import processes

# Long enough for a machine that does other work too, and short enough to say what was on the screen.
PATIENCE_SECONDS = processes.PATIENCE_SECONDS / 4


class Typist:
    """*seen* is all that the program has shown so far. Its methods block: run them beside the loop."""

    def __init__(self, fd: int, child: subprocess.Popen[bytes]) -> None:
        self.seen = b""
        self.at = 0
        self._fd, self._child = fd, child

    def type(self, keys: str | bytes) -> None:
        data = keys.encode() if isinstance(keys, str) else keys
        while data:
            data = data[os.write(self._fd, data) :]

    def until(self, pattern: str | bytes, *, within: float | None = None) -> bytes:
        """What came since the last time, up to and with what matches. Raises TimeoutError."""
        wanted = re.compile(pattern.encode() if isinstance(pattern, str) else pattern, re.DOTALL)
        deadline = time.monotonic() + (within or PATIENCE_SECONDS)
        while True:
            found = wanted.search(self.seen, self.at)
            if found:
                part, self.at = self.seen[self.at : found.end()], found.end()
                return part
            if not self._more(deadline):
                raise TimeoutError(f"no {pattern!r} in {self.seen[self.at :]!r}")

    def resize(self, rows: int, columns: int) -> None:
        _size(self._fd, rows, columns)
        self._child.send_signal(signal.SIGWINCH)

    def status(self) -> int:
        """Its exit status, once it has ended by itself. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._more(deadline):
            pass
        return self._child.wait(PATIENCE_SECONDS)

    def _more(self, deadline: float) -> bool:
        """Read some; False at its end, or when time is up."""
        ready, _, _ = select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            return False
        self.seen += data
        return bool(data)

    def end(self) -> None:
        self._child.kill()
        self._child.wait(processes.PATIENCE_SECONDS)
        os.close(self._fd)


@contextlib.contextmanager
def typing(
    words: Sequence[str], *, rows: int = 24, columns: int = 80, env: dict[str, str] | None = None
) -> Iterator[Typist]:
    """Run it on a terminal of that size, ended on the way out."""
    fd, inner = pty.openpty()
    try:
        _size(inner, rows, columns)
        given = processes.environment({"TERM": "xterm-256color", **(env or {})})
        child = subprocess.Popen(
            words, stdin=inner, stdout=inner, stderr=inner, env=given, start_new_session=True
        )
    except BaseException:
        os.close(fd)
        raise
    finally:
        os.close(inner)
    typist = Typist(fd, child)
    try:
        yield typist
    finally:
        typist.end()


def _size(fd: int, rows: int, columns: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
