"""A TCP connection that passes through: two ends, each as fast as the other reads."""

from __future__ import annotations

from collections.abc import Callable

import asyncssh

from vedette.protocols.ssh.meter import Meter


class End(asyncssh.SSHTCPSession[bytes]):
    """
    One end. *took* is told of each piece that goes to the other one, and whether it may; *over* is
    called once, when this end is closed.
    """

    def __init__(self, took: Callable[[bytes], bool], over: Callable[[], None]) -> None:
        self.other: End | None = None
        self._took = took
        self._over = over
        self._channel: asyncssh.SSHTCPChannel[bytes] | None = None
        self._early: list[bytes] = []
        self._eof = False
        self._finished = False
        self.opened = False

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        self._channel = chan
        self.opened = True
        for data in self._early:
            chan.write(data)
        self._early.clear()
        if self._eof:
            chan.write_eof()
        if self._finished:
            chan.close()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self.other is None or not self._took(data):
            self.close()
        else:
            self.other.write(data)

    def eof_received(self) -> bool:
        if self.other is not None:
            self.other.eof()
        return True

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.pause()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self._channel = None
        self._over()
        if self.other is not None:
            self.other.finish()

    # --- what the other end does with it -----------------------------------------------------------

    def write(self, data: bytes) -> None:
        if self._channel is None:
            self._early.append(data)  # at most a window: it is not open yet on this side
        elif not self._channel.is_closing():
            self._channel.write(data)

    def eof(self) -> None:
        if self._channel is None:
            self._eof = True
        elif not self._channel.is_closing():
            self._channel.write_eof()

    def pause(self) -> None:
        if self._channel is not None:
            self._channel.pause_reading()

    def resume(self) -> None:
        if self._channel is not None:
            self._channel.resume_reading()

    def finish(self) -> None:
        """The other end is over: what is still to be written is written, then this one ends too."""
        self._finished = True
        if self._channel is not None:
            self._channel.close()

    def close(self) -> None:
        """At once."""
        if self._channel is not None:
            self._channel.abort()


class Tunnel:
    """Both ends of a forwarded connection. *ended* is called once, with the bytes that came back."""

    def __init__(
        self, meter: Meter, carried: Callable[[int, int], None], ended: Callable[[int, str], None]
    ) -> None:
        self.received = 0
        self._meter = meter
        self._carried = carried
        self._ended = ended
        self._open = 2
        self.down = End(self._goes_up, self._one_less)
        self.up = End(self._comes_down, self._one_less)
        self.down.other, self.up.other = self.up, self.down

    def _goes_up(self, data: bytes) -> bool:
        self._carried(len(data), 0)
        return True

    def _comes_down(self, data: bytes) -> bool:
        if not self._meter.permits(data):
            return False
        self.received += len(data)
        self._carried(0, len(data))
        return True

    def abandon(self) -> None:
        """The caller is gone: an end of its that never opened never will."""
        if not self.down.opened:
            self.down.opened = True
            self.up.close()
            self._one_less()

    def _one_less(self) -> None:
        self._open -= 1
        if self._open == 0:
            self._ended(self.received, self._meter.reached)
