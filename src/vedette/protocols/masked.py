"""Text on its way to a caller, masked as it comes: the clock and the threads around `masking.stream`."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence

from vedette.masking import CannotMask, Tally
from vedette.masking.binary import Binary
from vedette.masking.stream import TextMask
from vedette.model import MaskRule
from vedette.protocols.aside import aside

#: A piece that takes longer, in seconds of CPU, is followed by work in a thread: others would wait for it.
SLOW_SECONDS = 0.008
#: Of what is slow, so much is masked at a time.
PIECE_BYTES = 32 << 10
#: What waits for a thread, in bytes: then the source is not read any more.
HIGH_BYTES, LOW_BYTES = 256 << 10, 64 << 10


class Masked:
    """
    One stream. *show* is handed what may be shown, in order, and says whether that went well.

    *failed* is called once, with a reason, when nothing more of it can be masked or shown: then nothing more
    passes. *throttle* is told True when it should not be fed for now, and False later.

    Raises:
        CannotMask: a rule cannot be applied.
    """

    def __init__(
        self, masks: Sequence[MaskRule], key: bytes, tally: Tally, show: Callable[[bytes], bool],
        failed: Callable[[str], None], throttle: Callable[[bool], None] = lambda full: None,
        *, terminal: bool = False,
    ) -> None:  # fmt: skip
        self._mask = TextMask(masks, key, tally, terminal=terminal)
        refused = any(rule.binary == "refuse" for rule in masks if rule.entities)
        self._binary = Binary() if refused and not terminal else None
        self._show, self._failed, self._throttle = show, failed, throttle
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._slow = self._full = self._over = False
        self._work: asyncio.Task[None] | None = None
        self._soon: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._mark = -1

    def put(self, data: bytes) -> None:
        """The next bytes. What comes in one turn of the loop is masked, and shown, together."""
        if self._over or not data:
            return
        self._waiting.append(data)
        self._size += len(data)
        if self._size > HIGH_BYTES and not self._full:
            self._full = True
            self._throttle(True)
        if self._work is not None or self._soon is not None:
            return
        if self._slow:
            self._work = asyncio.create_task(self._take_aside())
        else:
            self._soon = asyncio.get_running_loop().call_soon(self._take_at_once)

    async def finish(self) -> None:
        """The stream is over: what is held is shown. Returns when all of it has been."""
        if self._soon is not None:
            self._soon.cancel()
            self._take_at_once()
        while self._work is not None and not self._over:
            await asyncio.wait((self._work,))
        self._stop_waiting()
        if not self._over:
            try:
                self._out(await aside(self._mask.finish))
            finally:
                self._over = True

    def close(self) -> None:
        """Nothing more is shown."""
        self._over = True
        self._stop_waiting()
        self._waiting.clear()
        if self._soon is not None:
            self._soon.cancel()
        if self._work is not None:
            self._work.cancel()

    # --- what is fed --------------------------------------------------------------------------------

    def _take_at_once(self) -> None:
        self._soon = None
        if self._over or self._work is not None:
            return  # a thread has it; what was read meanwhile is taken in turn
        out = []
        try:
            while self._waiting and not self._slow:
                out.append(self._timed(self._next()))
        except CannotMask as no:
            self._out(b"".join(out))
            self._fail(str(no))
            return
        self._out(b"".join(out))
        if self._waiting and not self._over:
            self._work = asyncio.create_task(self._take_aside())
        else:
            self._watch()

    async def _take_aside(self) -> None:
        self._stop_waiting()
        try:
            while self._waiting and not self._over:
                data = self._next()
                self._out(await aside(lambda data=data: self._timed(data)))  # type: ignore[misc]
        except CannotMask as no:
            self._fail(str(no))
        finally:
            self._work = None
        self._watch()

    def _next(self) -> bytes:
        """What is taken next of what waits: much, where it goes quickly. The source may `put` meanwhile."""
        most = PIECE_BYTES if self._slow else HIGH_BYTES
        pieces = [self._waiting.popleft()]
        size = len(pieces[0])
        while self._waiting and size + len(self._waiting[0]) <= most:
            pieces.append(self._waiting.popleft())
            size += len(pieces[-1])
        data = b"".join(pieces)
        if size > most:
            self._waiting.appendleft(data[most:])
            data = data[:most]
        self._size -= len(data)
        if self._full and self._size < LOW_BYTES:
            self._full = False
            self._throttle(False)
        return data

    def _timed(self, data: bytes) -> bytes:
        began = time.thread_time()
        out = self._fed(data)
        self._slow = time.thread_time() - began > SLOW_SECONDS * max(1.0, len(data) / PIECE_BYTES)
        return out

    def _fed(self, data: bytes) -> bytes:
        if self._binary is not None:
            self._binary.see(data)
        return self._mask.feed(data)

    def _out(self, data: bytes) -> None:
        if data and not self._over and not self._show(data):
            self._over = True

    def _fail(self, reason: str) -> None:
        self._over = True
        self._waiting.clear()
        self._failed(reason)

    # --- what is held -------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Lets what is held go in time; the same candidate is not given more time by what follows it."""
        if self._over:
            return
        patience, mark = self._mask.patience, self._mask.mark
        if patience is None:
            self._stop_waiting()
        elif self._timer is None or mark != self._mark or patience == 0.0:
            self._stop_waiting()
            self._mark = mark
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(patience, self._pause) if patience else loop.call_soon(self._pause)

    def _pause(self) -> None:
        self._timer = None
        if self._work is None and self._soon is None and not self._over:
            self._out(self._mask.pause())

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
