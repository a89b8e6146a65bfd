"""Runs a guard between somebody who types and a host: asks for verdicts, and keeps the time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from vedette.terminal.guard import MAX_QUEUE, Guard, Line, Send, Wait

LOW_QUEUE = MAX_QUEUE // 4


@dataclass(frozen=True, slots=True)
class Ends:
    """
    What a keeper works on. *up* takes bytes to the host, *ended* tells it that no more come. *say* shows the
    gateway's own words on the caller's screen. *judge* gives the verdict on a line: None where it may be
    entered, else what to tell the caller. *read* pauses the caller's input (False) or goes on with it.
    *clock* is seconds that do not jump.
    """

    up: Callable[[bytes], None]
    ended: Callable[[], None]
    say: Callable[[bytes], None]
    judge: Callable[[Line], Awaitable[bytes | None]]
    read: Callable[[bool], None]
    clock: Callable[[], float]


class Keeper:
    """Keys that enter nothing go up within the call that brings them; `run` does the rest."""

    def __init__(self, guard: Guard, ends: Ends) -> None:
        self._guard, self._ends = guard, ends
        self._wake = asyncio.Event()
        self._withdrawn = asyncio.Event()
        self._paused = self._over = self._told = False

    # --- what happens ------------------------------------------------------------------------------

    def typed(self, data: bytes) -> None:
        """What the caller sends."""
        if self._guard.typed(data):
            self._withdrawn.set()
        self._pump()
        if self._guard.waiting > MAX_QUEUE:
            self._paused = True
            self._ends.read(False)

    def shown(self, data: bytes) -> None:
        """What the host sends, before anything of it is hidden."""
        self._guard.shown(data, self._ends.clock())
        if self._guard.watching:
            self._wake.set()

    def resize(self, columns: int, rows: int) -> None:
        self._guard.resize(columns, rows, self._ends.clock())

    def eof(self) -> None:
        """The caller sends no more; what waits still goes its way first."""
        self._over = True
        self._pump()

    def say(self, words: bytes) -> None:
        """Show the gateway's own words, which begin on a line of their own."""
        words = b"\r\n" + words
        self._guard.shown(words, self._ends.clock())
        self._ends.say(words)

    # --- what is done ------------------------------------------------------------------------------

    def _pump(self) -> float | None:
        """All that can be done at once; what is left is for `run`, until when at the latest."""
        while isinstance(step := self._guard.step(self._ends.clock()), Send):
            self._ends.up(step.data)
        if self._paused and self._guard.waiting < LOW_QUEUE:
            self._paused = False
            self._ends.read(True)
        idle = not self._guard.waiting and self._guard.asked is None
        if not idle:
            self._wake.set()
        elif self._over and not self._told:
            self._told = True
            self._ends.ended()
        return step.until if isinstance(step, Wait) else None

    async def run(self) -> None:
        while True:
            until = self._pump()
            if self._guard.asked is not None:
                await self._ask(self._guard.asked)
                continue
            self._wake.clear()
            timeout = None if until is None else max(0.0, until - self._ends.clock())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._wake.wait()

    async def _ask(self, line: Line) -> None:
        """The verdict on *line*, unless the caller gives it up first."""
        self._withdrawn.clear()
        judging = asyncio.ensure_future(self._ends.judge(line))  # noqa: TID251  (it is awaited right here)
        giving_up = asyncio.create_task(self._withdrawn.wait())
        refusal: bytes | None = b""
        try:
            await asyncio.wait((judging, giving_up), return_when=asyncio.FIRST_COMPLETED)
            if judging.done():
                refusal = judging.result()
        finally:
            for task in (judging, giving_up):
                if not task.done():
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
        now = self._ends.clock()
        if refusal is None:
            self._ends.up(self._guard.passed(now))
            return
        if refusal:
            self.say(refusal)
        keys = self._guard.refused(now)
        if keys:
            self._ends.up(keys)
