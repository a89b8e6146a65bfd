"""Performs a relay's steps on two asyncio transports.

Plain ``asyncio.Protocol``, no streams. What can be answered at once (a verdict
from cached facts, a masked run) is answered inside ``data_received``; only a
verdict that must be waited for suspends its direction, and stops reading from
the side it came from, which is the back-pressure.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from vedette.protocols.steps import Judge, Mask, Steps, ToDownstream, ToUpstream

log = logging.getLogger(__name__)

# What is read while a direction is suspended: reading stops, yet a transport may
# still hand over what it already had.
MAX_BACKLOG_BYTES = 4 << 20


class Relay(Protocol):
    """What a stream protocol gives to be driven."""

    def from_downstream(self, data: bytes) -> Steps: ...
    def from_upstream(self, data: bytes) -> Steps: ...
    def quick_downstream(self, data: bytes) -> int:
        """How many bytes at the front of *data* may go upstream as they are; the rest is for the steps."""

    def quick_upstream(self, data: bytes) -> int:
        """The same towards downstream."""


class Lane:
    """One direction: its generator, if one is under way, and what came meanwhile."""

    __slots__ = ("backlog", "backlog_bytes", "feed", "quick", "steps", "task", "to")

    def __init__(
        self, quick: Callable[[bytes], int], feed: Callable[[bytes], Steps], to: asyncio.Transport
    ) -> None:
        self.quick = quick
        self.feed = feed
        self.to = to
        self.steps: Steps | None = None
        self.task: asyncio.Task[None] | None = None
        self.backlog: list[bytes] = []
        self.backlog_bytes = 0


class Drive:
    """
    One session's two sockets and the relay between them.

    *judge* answers a draft with a ruling, or a coroutine that gives one; *mask* answers
    (plan, run) with bytes, or a coroutine that gives them. *ended* is called once, with which side ended it
    (``downstream``, ``upstream``, or ``error``) and the exception, if any; it
    closes what is to be closed.
    """

    def __init__(
        self,
        relay: Relay,
        downstream: asyncio.Transport,
        upstream: asyncio.Transport,
        *,
        judge: Callable[[Any], Any],
        mask: Callable[[Any, bytes], bytes | Coroutine[Any, Any, bytes]],
        ended: Callable[[str, Exception | None], None],
    ) -> None:
        self.relay = relay
        self.downstream = downstream
        self.upstream = upstream
        self.bytes_up = 0
        self.bytes_down = 0
        self._judge = judge
        self._mask = mask
        self._ended = ended
        self._over = False
        self._down = Lane(relay.quick_downstream, relay.from_downstream, upstream)
        self._up = Lane(relay.quick_upstream, relay.from_upstream, downstream)
        # Who asked that a side not be read: "wait" (a verdict), "full" (the other side's buffer).
        self._paused: dict[asyncio.Transport, set[str]] = {downstream: set(), upstream: set()}

    # --- what the two protocols report -----------------------------------------------------

    def from_downstream(self, data: bytes) -> None:
        self._receive(self._down, self.downstream, data)

    def from_upstream(self, data: bytes) -> None:
        self._receive(self._up, self.upstream, data)

    def lost(self, side: str, error: Exception | None) -> None:
        self._end(side, error)

    def full(self, transport: asyncio.Transport) -> None:
        """*transport* has too much to write: stop reading from the other side."""
        self._pause(self.upstream if transport is self.downstream else self.downstream, "full")

    def drained(self, transport: asyncio.Transport) -> None:
        self._resume(self.upstream if transport is self.downstream else self.downstream, "full")

    def failed(self, error: Exception) -> None:
        """Something went wrong on the way past this drive: the session ends."""
        self._end("error", error)

    def moved(self, up: int, down: int) -> None:
        """That many bytes went past this drive."""
        self.bytes_up += up
        self.bytes_down += down

    @property
    def waiting(self) -> bool:
        """A verdict on something the caller sent is being waited for."""
        return self._down.task is not None

    def stop(self) -> None:
        """End what is under way; nothing is sent or reported after this."""
        self._over = True
        for lane in (self._down, self._up):
            lane.backlog.clear()
            if lane.task is not None:
                lane.task.cancel()
            elif lane.steps is not None:
                lane.steps.close()
                lane.steps = None

    # --- performing ---------------------------------------------------------------------------

    def _receive(self, lane: Lane, source: asyncio.Transport, data: bytes) -> None:
        if self._over:
            return
        if lane.task is not None:
            lane.backlog.append(data)
            lane.backlog_bytes += len(data)
            if lane.backlog_bytes > MAX_BACKLOG_BYTES:
                self._end("error", BufferError("the caller sent on while it was told to wait"))
            return
        try:
            quick = lane.quick(data)
        except Exception as error:  # noqa: BLE001  (whatever it is ends this session, and is recorded)
            self._end("error", error)
            return
        if quick:
            whole = quick == len(data)
            self._write(lane.to, data if whole else data[:quick])
            if whole:
                return
            data = data[quick:]
        lane.steps = lane.feed(data)
        self._run(lane, source, None)

    def _run(
        self, lane: Lane, source: asyncio.Transport, answer: Any, refused: Exception | None = None
    ) -> None:
        """Perform steps until there are none, or one has to be waited for.

        *answer* is to the step that was waited for; *refused* says that it could not be masked.
        """
        steps = lane.steps
        if steps is None:
            return
        up: list[bytes] = []
        down: list[bytes] = []
        failure: Exception | None = None
        waited: Awaitable[Any] | None = None
        masking = False
        try:
            while True:
                step = steps.send(answer) if refused is None else steps.throw(refused)
                answer = refused = None
                kind = type(step)
                if kind is ToUpstream:
                    up.append(step.data)  # type: ignore[union-attr]
                elif kind is ToDownstream:
                    down.append(step.data)  # type: ignore[union-attr]
                elif kind is Judge:
                    answer = self._judge(step.draft)  # type: ignore[union-attr]
                    if asyncio.iscoroutine(answer):
                        waited = answer
                        break
                elif kind is Mask:
                    try:
                        answer = self._mask(step.plan, step.run)  # type: ignore[union-attr]
                    except Exception as error:  # noqa: BLE001  (handed to the relay)
                        # The relay says what a row that cannot be masked leads to.
                        refused = error
                    if asyncio.iscoroutine(answer):
                        waited, masking = answer, True
                        break
                else:
                    raise TypeError(f"a relay yielded {step!r}")
        except StopIteration:
            lane.steps = None
        except Exception as error:  # noqa: BLE001  (whatever it is ends this session, and is recorded)
            lane.steps = None
            failure = error
        self._send(self.upstream, up)
        self._send(self.downstream, down)
        if failure is not None:
            self._end("error", failure)
        elif waited is not None:
            self._pause(source, "wait")
            lane.task = asyncio.create_task(self._wait(lane, source, waited, masking))

    def _send(self, transport: asyncio.Transport, pieces: list[bytes]) -> None:
        if not pieces or self._over:
            return
        self._write(transport, pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def _write(self, transport: asyncio.Transport, data: bytes) -> None:
        if transport is self.upstream:
            self.bytes_up += len(data)
        else:
            self.bytes_down += len(data)
        transport.write(data)

    async def _wait(
        self, lane: Lane, source: asyncio.Transport, waited: Awaitable[Any], masking: bool
    ) -> None:
        answer, refused = None, None
        try:
            answer = await waited
        except asyncio.CancelledError:
            if lane.steps is not None:
                lane.steps.close()
                lane.steps = None
            raise
        except Exception as error:  # noqa: BLE001
            # Whatever went wrong, there is no verdict, so nothing passes.
            if not masking:
                lane.task = None
                self._end("error", error)
                return
            refused = error
        lane.task = None
        self._run(lane, source, answer, refused)
        self._catch_up(lane, source)

    def _catch_up(self, lane: Lane, source: asyncio.Transport) -> None:
        """What came while this direction waited, until it waits again or can read on."""
        while lane.backlog and lane.task is None and not self._over:
            data = lane.backlog.pop(0)
            lane.backlog_bytes -= len(data)
            lane.steps = lane.feed(data)
            self._run(lane, source, None)
        if lane.task is None and not self._over:
            self._resume(source, "wait")

    def _pause(self, transport: asyncio.Transport, why: str) -> None:
        reasons = self._paused[transport]
        if not reasons and not transport.is_closing():
            transport.pause_reading()
        reasons.add(why)

    def _resume(self, transport: asyncio.Transport, why: str) -> None:
        reasons = self._paused[transport]
        reasons.discard(why)
        if not reasons and not transport.is_closing():
            transport.resume_reading()

    def _end(self, side: str, error: Exception | None) -> None:
        if self._over:
            return
        self.stop()
        self._ended(side, error)


class Side(asyncio.Protocol):
    """One of the two sockets, once both logins are done. *received* takes what arrives, if not the drive."""

    def __init__(
        self,
        drive: Drive,
        transport: asyncio.Transport,
        *,
        downstream: bool,
        received: Callable[[bytes], None] | None = None,
    ) -> None:
        self._drive = drive
        self._transport = transport
        self._name = "downstream" if downstream else "upstream"
        mine = drive.from_downstream if downstream else drive.from_upstream
        self.data_received = received or mine  # type: ignore[method-assign, assignment]

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._drive.lost(self._name, exc)

    def pause_writing(self) -> None:
        self._drive.full(self._transport)

    def resume_writing(self) -> None:
        self._drive.drained(self._transport)
