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

#: What takes longer than this, in seconds, is followed by work in a thread: others would wait for it.
SLOW_SECONDS = 0.008
#: Longer pieces are masked in parts of so many bytes.
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
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._mark = -1

    def put(self, data: bytes) -> None:
        """The next bytes."""
        if self._over or not data:
            return
        if self._work is None and not self._slow:
            self._take_at_once(data)
            return
        self._waiting.append(data)
        self._size += len(data)
        if self._size > HIGH_BYTES and not self._full:
            self._full = True
            self._throttle(True)
        if self._work is None:
            self._work = asyncio.create_task(self._take_aside())

    async def finish(self) -> None:
        """The stream is over: what is held is shown. Returns when all of it has been."""
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
        if self._work is not None:
            self._work.cancel()

    # --- what is fed --------------------------------------------------------------------------------

    def _take_at_once(self, data: bytes) -> None:
        for at in range(0, len(data), PIECE_BYTES):
            piece = data[at : at + PIECE_BYTES] if len(data) > PIECE_BYTES else data
            began = time.perf_counter()
            try:
                out = self._fed(piece)
            except CannotMask as no:
                self._fail(str(no))
                return
            self._out(out)
            if self._over:
                return
            if time.perf_counter() - began > SLOW_SECONDS:
                self._slow = True
                self.put(data[at + len(piece) :])
                break
        if self._work is None:
            self._watch()

    async def _take_aside(self) -> None:
        self._stop_waiting()
        try:
            while self._waiting:
                data = self._waiting.popleft()
                for at in range(0, len(data), PIECE_BYTES):
                    piece = data[at : at + PIECE_BYTES]
                    began = time.perf_counter()
                    self._out(await aside(lambda piece=piece: self._fed(piece)))  # type: ignore[misc]
                    self._slow = time.perf_counter() - began > SLOW_SECONDS
                    if self._over:
                        return
                self._size -= len(data)
                if self._full and self._size < LOW_BYTES:
                    self._full = False
                    self._throttle(False)
        except CannotMask as no:
            self._fail(str(no))
        finally:
            self._work = None
        self._watch()

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
        if self._work is None and not self._over:
            self._out(self._mask.pause())

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
