"""A loopback wire placed before the upstream: records every byte, and misbehaves on request.

It runs in a thread of its own, so that it keeps moving whatever the test's event loop does, and serves
synchronous tests as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.testbed.processes import LOOPBACK, PATIENCE_SECONDS

_READ_BYTES = 65536


@dataclass(slots=True, eq=False)
class Wire:
    """One connection through the tap. *up* is what the gateway sent, *down* what the server sent."""

    number: int
    up: bytearray = field(default_factory=bytearray)
    down: bytearray = field(default_factory=bytearray)
    closed: bool = False
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)


class Tap:
    """
    Listens on *port*; relays to the upstream, which need not be up before somebody connects.

    *before_up*, where set, is called with (wire, data) in the tap's thread before the data is passed on:
    the place to look into the journal and see that the record is already there.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.wires: list[Wire] = []
        self.before_up: Callable[[Wire, bytes], None] | None = None
        self._upstream = (host, port)
        self._loop = asyncio.new_event_loop()
        self._flows = {"up": asyncio.Event(), "down": asyncio.Event()}
        self._garbage = b""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="tap", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    # What a test reads

    @property
    def up(self) -> bytes:
        """Every byte that went towards the server, all wires in the order they were opened."""
        return b"".join(bytes(wire.up) for wire in list(self.wires))

    @property
    def down(self) -> bytes:
        """Every byte that came from the server."""
        return b"".join(bytes(wire.down) for wire in list(self.wires))

    def until(self, true: Callable[[Tap], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Waits for *true*, woken by every byte and every close; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not true(self):
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(f"not seen at the tap in {seconds} s; up so far: {self.up[-500:]!r}")

    async def reached(self, true: Callable[[Tap], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """The same for a test that lives on an event loop."""
        await asyncio.to_thread(self.until, true, seconds)

    # How a test misbehaves

    def stall(self, *directions: str) -> None:
        """Stops passing on "up", "down" or (by default) both; the bytes wait in the sockets."""

        def hold() -> None:
            for name in directions or self._flows:
                self._flows[name].clear()

        self._call(hold)

    def flow(self) -> None:
        """Passes on again."""

        def release() -> None:
            for event in self._flows.values():
                event.set()

        self._call(release)

    def cut(self) -> None:
        """Resets every open wire on both sides, as a machine that lost its power would seem to."""

        def reset() -> None:
            for wire in self.wires:
                for writer in wire._writers:
                    writer.transport.abort()

        self._call(reset)

    def answer(self, garbage: bytes) -> None:
        """From now on every new wire is answered with *garbage* instead of the server."""
        self._call(lambda: setattr(self, "_garbage", garbage))

    def inject(self, data: bytes) -> None:
        """Sends *data* downstream on every open wire, as if the server had."""

        def send() -> None:
            for wire in self.wires:
                if not wire.closed:
                    wire._writers[0].write(data)

        self._call(send)

    # The thread

    def _call(self, action: Callable[[], object]) -> None:
        done = threading.Event()

        def act() -> None:
            action()
            done.set()

        self._loop.call_soon_threadsafe(act)
        if not done.wait(PATIENCE_SECONDS):
            raise TimeoutError("the tap's own thread is stuck")

    def _note(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        for event in self._flows.values():
            event.set()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, LOOPBACK, 0, limit=_READ_BYTES)
        self.port = server.sockets[0].getsockname()[1]
        self._note()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        wire = Wire(len(self.wires))
        wire._writers.append(writer)
        self.wires.append(wire)
        try:
            await self._connect(wire, reader, writer)
        except asyncio.CancelledError:
            if not self._stop.is_set():
                raise
        except OSError:
            pass  # either side going away is what taps are for
        except Exception as failure:  # noqa: BLE001 - carried to the test's own thread, and raised there
            self._failure = self._failure or failure
        finally:
            wire.closed = True
            for each in wire._writers:
                each.close()
            self._tasks.discard(task)
            self._note()

    async def _connect(self, wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._garbage:
            wire.up += await reader.read(_READ_BYTES)
            wire.down += self._garbage
            writer.write(self._garbage)
            await writer.drain()
            return
        upstream, towards = await asyncio.open_connection(*self._upstream, limit=_READ_BYTES)
        wire._writers.append(towards)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pump(wire, "up", reader, towards))
            group.create_task(self._pump(wire, "down", upstream, writer))

    async def _pump(
        self, wire: Wire, direction: str, source: asyncio.StreamReader, target: asyncio.StreamWriter
    ) -> None:
        kept = wire.up if direction == "up" else wire.down
        with contextlib.suppress(OSError):
            while data := await source.read(_READ_BYTES):
                await self._flows[direction].wait()
                if direction == "up" and self.before_up is not None:
                    self.before_up(wire, data)
                kept += data
                target.write(data)
                self._note()
                await target.drain()
        # One side is done: as far as PostgreSQL is concerned, so is the other.
        target.close()

    def _start(self) -> None:
        self._thread.start()
        self.until(lambda tap: tap.port != 0)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_SECONDS)
        if self._failure is not None:
            raise AssertionError("the tap, or its before_up, failed") from self._failure


@contextlib.contextmanager
def tapping(host: str, port: int) -> Iterator[Tap]:
    """A tap before *host* and *port*, gone on the way out; what its before_up raised is raised here."""
    tap = Tap(host, port)
    tap._start()
    try:
        yield tap
    finally:
        tap._end()
