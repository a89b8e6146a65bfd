"""Terminals of callers: what is typed is recorded, and at guarded shells judged, before the host has it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from vedette.protocols.ssh.output import Output
from vedette.protocols.ssh.wire import Down, Size, Up
from vedette.recording.tape import Reel
from vedette.terminal.echo import Echo
from vedette.terminal.guard import Guard, Line
from vedette.terminal.keeper import Ends, Keeper
from vedette.terminal.marks import Marks

Judge = Callable[[Line], Awaitable[bytes | None]]
DEFAULT_SIZE = (80, 24)


def cells(size: Size) -> tuple[int, int]:
    """Columns and rows; what a caller leaves open is taken as usual."""
    return size[0] or DEFAULT_SIZE[0], size[1] or DEFAULT_SIZE[1]


class Passing:
    """
    Stands where the host's end of a terminal would (see `wire.Down.join`), and lets everything by.

    *typed*: what is typed is recorded, as far as it was shown. *label* gives a command as recordings have it.
    """

    def __init__(
        self, down: Down, up: Up, output: Output, reel: Reel, size: Size, label: Callable[[str], str], *,
        typed: bool, shell: bool,
    ) -> None:  # fmt: skip
        self.down, self.up, self.output, self.reel = down, up, output, reel
        self.label = label
        self.echo = Echo(self._told) if typed else None
        self.marks = Marks(*cells(size), self.mark) if shell else None
        output.watch = self.watch

    def watch(self, data: bytes) -> None:
        if self.echo is not None:
            self.echo.shown(data)
        if self.marks is not None:
            self.marks.shown(data)

    def mark(self, text: str) -> None:
        try:
            self.reel.mark(self.label(text))
        except OSError:
            self.output.fail(self.up)

    def _told(self, text: str) -> None:
        try:
            self.reel.put(text.encode("utf-8", "replace"), "i")
        except OSError:
            self.output.fail(self.up)

    # --- where the host's end would be -----------------------------------------------------------

    def write(self, data: bytes) -> None:
        if self.marks is not None:
            self.marks.typed(data)
        if self.echo is not None:
            self.echo.typed(data)
        self.up.write(data)

    def eof(self) -> None:
        self.up.eof()

    def signal(self, name: str) -> None:
        self.up.signal(name)

    def resize(self, size: Size) -> None:
        try:
            self.reel.resized(*cells(size))
        except OSError:
            self.output.fail(self.up)
            return
        if self.marks is not None:
            self.marks.resize(*cells(size))
        self.up.resize(size)

    def broke(self, msec: int) -> None:
        self.up.broke(msec)

    def pause(self) -> None:
        self.up.pause()

    def resume(self) -> None:
        self.up.resume()

    def close(self) -> None:
        self.up.close()


class Guarded(Passing):
    """A shell whose lines are judged. *judge* as in `keeper.Ends`."""

    def __init__(
        self, down: Down, up: Up, output: Output, reel: Reel, size: Size, label: Callable[[str], str], *,
        typed: bool, judge: Judge,
    ) -> None:  # fmt: skip
        super().__init__(down, up, output, reel, size, label, typed=typed, shell=False)
        clock = asyncio.get_running_loop().time
        ends = Ends(self._up, up.eof, self._say, judge, self._read, clock)
        self.keeper = Keeper(Guard(*cells(size), clock()), ends)

    def watch(self, data: bytes) -> None:
        super().watch(data)
        self.keeper.shown(data)

    def write(self, data: bytes) -> None:
        self.keeper.typed(data)

    def eof(self) -> None:
        self.keeper.eof()

    def resize(self, size: Size) -> None:
        self.keeper.resize(*cells(size))
        super().resize(size)

    def _up(self, data: bytes) -> None:
        if self.echo is not None:
            self.echo.typed(data)
        self.up.write(data)

    def _say(self, words: bytes) -> None:
        if not self.output.show(words, None):
            self.output.fail(self.up)

    def _read(self, on: bool) -> None:
        if on:
            self.down.resume()
        else:
            self.down.pause()
