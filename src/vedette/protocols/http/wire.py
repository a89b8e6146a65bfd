"""One side of an HTTP connection: what was read and not yet taken, and how much may stand either way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import cast

from vedette.protocols.http.bodies import Body
from vedette.protocols.http.heads import END, MAX_HEAD_BYTES, Malformed

#: Of what nobody has taken, so much is held before the peer is no longer read.
HIGH_BYTES = 256 << 10


class Gone(Exception):
    """The peer has hung up, or nothing more can come from it."""


class Wire(asyncio.Protocol):
    """
    Reads one peer, and writes to it.

    *lost* is called once when the connection is over, whoever ended it, also while nobody waits for bytes.
    """

    def __init__(self, lost: Callable[[], None] = lambda: None) -> None:
        self.buffer = bytearray()
        self.transport: asyncio.Transport | None = None
        self.received = 0
        self.sent = 0
        self.lost = lost
        self._eof = False
        self._ended = asyncio.Event()
        self._wanted = False
        self._loose = b""
        self._paused = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    # --- asyncio ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes, and have all of their methods.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if self._wanted and not self.buffer and not self._loose:
            # All of it belongs to a body that is counted: it goes on without being copied.
            self._loose = data
        else:
            self.buffer += data
        if len(self.buffer) > HIGH_BYTES and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def eof_received(self) -> bool:
        self._over()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._over()
        self._ended.set()
        if self._writer is not None and not self._writer.done():
            self._writer.set_exception(Gone())

    def _over(self) -> None:
        if self._eof:
            return
        self._eof = True
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
        self.lost()

    def pause_writing(self) -> None:
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_future()
            # Nobody may be waiting when the connection is lost; that is no error of anybody's.
            self._writer.add_done_callback(lambda done: done.cancelled() or done.exception())

    def resume_writing(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None and not writer.done():
            writer.set_result(None)

    # --- reading ---------------------------------------------------------------------------------

    @property
    def gone(self) -> bool:
        """Whether nothing more can come; what came before may still stand in the buffer."""
        return self._eof

    async def more(self) -> None:
        """Returns once there is more in the buffer than there was. Raises Gone."""
        if self._eof:
            raise Gone
        if self._paused and self.transport is not None and len(self.buffer) <= HIGH_BYTES // 2:
            self._paused = False
            self.transport.resume_reading()
        before = self.received
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None
        if self._eof and self.received == before:
            raise Gone

    def take_head(self) -> bytes | None:
        """A whole head from the front of the buffer; None while it is not there. Raises Malformed."""
        buffer = self.buffer
        end = buffer.find(END, 0, MAX_HEAD_BYTES)
        if end < 0:
            if len(buffer) >= MAX_HEAD_BYTES:
                raise Malformed(f"a head is at most {MAX_HEAD_BYTES} bytes long", 431)
            return None
        end += len(END)
        if end == len(buffer):
            head = bytes(buffer)
            buffer.clear()
        else:
            head = bytes(buffer[:end])
            del buffer[:end]
        return head

    async def head(self) -> bytes:
        """The next head. Raises Gone and Malformed."""
        while (head := self.take_head()) is None:
            await self.more()
        return head

    async def piece(self, body: Body) -> bytes:
        """The next bytes of *body*; empty once it is done. Raises Gone and Malformed."""
        while not body.done:
            data = body.take(self.buffer)
            if data or body.done:
                return data
            loose = await self._more_of(body)
            if loose and body.whole(loose):
                return loose
            self.buffer[:0] = loose
        return b""

    async def _more_of(self, body: Body) -> bytes:
        """As `more`; what came, where it was not put into the buffer."""
        self._wanted = body.counted
        try:
            await self.more()
        except BaseException:
            # Nobody waits any more; what has come just then is not lost.
            self.buffer[:0] = self._loose
            self._loose = b""
            raise
        finally:
            self._wanted = False
        loose, self._loose = self._loose, b""
        return loose

    async def whole(self, body: Body, most: int, pause: float | None = None) -> bytes:
        """
        All of *body*, of which each next piece has to come within *pause* seconds.

        Raises Gone, TimeoutError, and Malformed where it is longer than *most*.
        """
        pieces: list[bytes] = []
        size = 0
        while True:
            async with asyncio.timeout(pause):
                data = await self.piece(body)
            if not data:
                break
            size += len(data)
            if size > most:
                raise Malformed(f"a body is at most {most} bytes long", 413)
            pieces.append(data)
        return b"".join(pieces)

    # --- writing ---------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Without waiting. What cannot be sent any more is dropped; reading tells."""
        if data and self.transport is not None and not self.transport.is_closing():
            self.sent += len(data)
            self.transport.write(data)

    async def drained(self) -> None:
        """Returns once the peer has taken enough. Raises Gone."""
        if self._writer is not None:
            await asyncio.shield(self._writer)

    async def finished(self, seconds: float) -> None:
        """Send what was written, and hang up; at once where the peer has not taken it after *seconds*."""
        if self.transport is not None:
            self.transport.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._ended.wait()
            self.transport.abort()

    def abort(self) -> None:
        """At once."""
        if self.transport is not None:
            self.transport.abort()
