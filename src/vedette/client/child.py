"""Running a program in our place: its exit status is ours, and signals to us are for it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

from vedette.client.errors import ClientError

#: Passed on to the program.
PASSED = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
#: These a terminal sends to everybody in the foreground: the program has them already.
_TYPED = frozenset({signal.SIGINT, signal.SIGQUIT})


class Child:
    """One program, from the main thread. Signals that come before it runs are kept for it."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self._words, self._environment = list(words), dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def run(self) -> int:
        """Its exit status as a shell gives it: 128 and the signal's number for one that a signal ended.

        Raises ClientError ``client.program`` where it cannot be started.
        """
        before: dict[int, Any] = {number: signal.signal(number, self._pass) for number in PASSED}
        try:
            self._process = self._start()
            for number in self._early:
                self._send(number)
            status = self._process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return 128 - status if status < 0 else status

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(self._words, env=self._environment)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "its name or an argument cannot be one"
            raise ClientError("client.program", f"{self._words[0]} cannot be started: {reason}") from None

    def _pass(self, number: int, _: FrameType | None) -> None:
        if self._process is None:
            self._early.append(number)
        elif number not in _TYPED or not in_foreground():
            self._send(number)

    def _send(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


def in_foreground() -> bool:
    """Whether a terminal's Ctrl-C goes to this process and its children."""
    try:
        handle = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(handle) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(handle)
