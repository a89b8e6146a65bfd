"""Exec, attach and port-forward: both sides are switched, and then carried until either has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from vedette.masking.stream import TextMask
from vedette.model import Recorded
from vedette.protocols.http.heads import Malformed
from vedette.protocols.http.wire import Gone, Wire
from vedette.protocols.kubernetes import upgrade
from vedette.protocols.kubernetes.contents import Opening, Over
from vedette.protocols.kubernetes.exchange import Broken, Exchange
from vedette.protocols.kubernetes.upgrade import Handshake, Tunnel, Upgrade
from vedette.protocols.ssh.meter import Meter
from vedette.recording.tape import Reel, Subject

#: How long the other side may take to end once one has.
END_SECONDS = 5.0


class Watching:
    """Masks and limits on what is shown, and its recording. *hide* makes the mask of one stream."""

    def __init__(
        self, meter: Meter, reel: Reel | None, typed: bool, hide: Callable[[], TextMask] | None
    ) -> None:
        self._meter = meter
        self._reel = reel
        self._typed = typed
        self._masks = {stream: hide() for stream in "oe"} if hide is not None else {}

    @property
    def patience(self) -> float | None:
        """For how many seconds what is held back may be held; None where nothing is."""
        found = [each.patience for each in self._masks.values()]
        return min((each for each in found if each is not None), default=None)

    def shown(self, data: bytes, stream: str) -> bytes:
        if not self._meter.permits(data):
            raise Over
        mask = self._masks.get(stream)
        return self._kept(data if mask is None else mask.feed(data), stream)

    def rest(self, stream: str, *, final: bool) -> bytes:
        mask = self._masks.get(stream)
        if mask is None:
            return b""
        return self._kept(mask.finish() if final else mask.pause(), stream)

    def _kept(self, data: bytes, stream: str) -> bytes:
        if self._reel is not None and data:
            self._reel.put(data, stream)
        return data

    def typed(self, data: bytes) -> None:
        if self._reel is not None and self._typed:
            self._reel.put(data, "i")

    def resized(self, width: int, height: int) -> None:
        if self._reel is not None:
            self._reel.resized(width, height)


class Switching:
    """One exchange that leaves HTTP. *judge* says whether a port may be connected to."""

    def __init__(
        self, exchange: Exchange, action: str, judge: Callable[[Exchange, Opening], Awaitable[bool]]
    ) -> None:
        self._exchange = exchange
        self._action = action
        self._judge = judge

    async def run(self, wants: Upgrade) -> tuple[str, str]:
        """
        Until it has ended: how, in a word and as a tag. The connection is of no use afterwards.

        Raises Broken, Gone and UpstreamRefused.
        """
        exchange = self._exchange
        exchange.last = True
        handshake = Handshake(wants)
        for port in upgrade.ports(exchange.asking.asked):
            if not await self._judge(exchange, Opening(port)):
                raise Broken("policy.denied", f"a connection to port {port} is not permitted", 403)
        wire, found = await exchange.ask(more=handshake.fields)
        if found.status != 101:
            # There is no tunnel: its answer goes back as any other, and then both connections end.
            await exchange.bring(wire, found)
            exchange.session.drop()
            return "error", str(found.status)
        try:
            protocol = handshake.chosen(found)
        except Malformed as bad:
            raise Broken("upstream.protocol", bad.reason) from None
        reel = self._reel()
        try:
            return await self._switched(wire, wants, handshake, protocol, reel)
        finally:
            if reel is not None:
                reel.close()

    async def _switched(
        self, wire: Wire, wants: Upgrade, handshake: Handshake, protocol: str, reel: Reel | None
    ) -> tuple[str, str]:
        exchange = self._exchange
        asked = exchange.asking.asked
        watching = Watching(exchange.meter, reel, self._keep().input, exchange.hiding())
        tunnel = upgrade.tunnel(wants, protocol, asked, watching)
        exchange.begun, exchange.status, exchange.tunnel = True, 101, tunnel
        down = exchange.down
        down.write(handshake.answer(protocol, tuple(exchange.notices)))
        try:
            judge = partial(self._judge, exchange)
            await carry(down, wire, tunnel, judge, lambda: watching.patience)
        except OSError:
            raise Broken(
                "recording.unavailable", "what is shown cannot be recorded, so it ends", 503
            ) from None
        finally:
            exchange.carried = tunnel.content.carried
            exchange.session.drop()
        return exchange.ended or ("lost", "")

    def _keep(self) -> Recorded:
        return self._exchange.session.recorded

    def _reel(self) -> Reel | None:
        """Where what is shown is recorded; bytes of a port-forward are not."""
        session, asked, keep = self._exchange.session, self._exchange.asking.asked, self._keep()
        if asked.verb == "portforward":
            return None
        if asked.flag("tty"):
            return Reel(session.tapes, Subject(session.name, self._action, "terminal", typed=keep.input))
        subject = Subject(session.name, self._action, "output", cap=keep.output, typed=keep.input)
        return Reel(session.tapes, subject)


async def carry(
    down: Wire, up: Wire, tunnel: Tunnel, judge: Callable[[Opening], Awaitable[bool]],
    patience: Callable[[], float | None],
) -> None:  # fmt: skip
    """
    Until one side has ended, and what it said has been handed on. *patience* is for how many seconds what
    is held back may be, None where nothing is.

    Raises:
        Broken: what one of them sent is not passed on.
    """
    from_down = asyncio.create_task(_from_down(down, up, tunnel, judge))
    from_up = asyncio.create_task(_from_up(down, up, tunnel, patience))
    tasks = (from_down, from_up)
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if from_up not in done and not down.gone:
            # The caller has closed in good order; the cluster's own end may still bring how it ended.
            await asyncio.wait((from_up,), timeout=END_SECONDS)
        for task in tasks:
            if task.done():
                task.result()
    except Malformed as bad:
        raise Broken("protocol.streams", bad.reason, 400) from None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _from_down(
    down: Wire, up: Wire, tunnel: Tunnel, judge: Callable[[Opening], Awaitable[bool]]
) -> None:
    try:
        while not tunnel.over:
            if not down.buffer:
                await down.more()
            data = bytes(down.buffer)
            down.buffer.clear()
            steps = tunnel.from_down(data)
            opening = next(steps, None)
            while opening is not None:
                allowed = await judge(opening)
                try:
                    opening = steps.send(allowed)
                except StopIteration:
                    break
            _hand_on(down, up, tunnel)
            await up.drained()
    except Gone:
        return


async def _from_up(down: Wire, up: Wire, tunnel: Tunnel, patience: Callable[[], float | None]) -> None:
    try:
        while not tunnel.over:
            if not up.buffer and not await _more(up, patience()):
                tunnel.rest(final=False)
            data = bytes(up.buffer)
            up.buffer.clear()
            try:
                tunnel.from_up(data)
            finally:
                _hand_on(down, up, tunnel)
            await down.drained()
    except Gone:
        tunnel.rest(final=True)
        _hand_on(down, up, tunnel)
    except Over:
        raise Broken("limit.reached", "a limit is reached", 403) from None


async def _more(up: Wire, patience: float | None) -> bool:
    """Whether something came within so many seconds. Raises Gone."""
    try:
        async with asyncio.timeout(patience):
            await up.more()
    except TimeoutError:
        return False
    return True


def _hand_on(down: Wire, up: Wire, tunnel: Tunnel) -> None:
    for_up, for_down = tunnel.taken()
    up.write(for_up)
    down.write(for_down)
