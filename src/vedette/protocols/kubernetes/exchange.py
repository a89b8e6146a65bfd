"""One request that may pass, sent to the cluster, and its answer brought back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from vedette.kubernetes.masks import Mask, WatchMask, masked_body
from vedette.kubernetes.negotiation import accept_for_masked
from vedette.masking.plan import CannotMask
from vedette.masking.stream import TextMask
from vedette.masking.tally import Tally
from vedette.model import Allow
from vedette.protocols.aside import aside
from vedette.protocols.http import writing
from vedette.protocols.http.bodies import Body, body
from vedette.protocols.http.heads import (
    CHUNKED,
    NO_BODY,
    UNTIL_CLOSE,
    Fields,
    Framing,
    Malformed,
    Response,
    read_response,
)
from vedette.protocols.http.wire import Gone, Wire
from vedette.protocols.kubernetes import answers, fields, judging
from vedette.protocols.kubernetes.contents import ended
from vedette.protocols.kubernetes.dial import Shown
from vedette.protocols.kubernetes.judging import Asking
from vedette.protocols.kubernetes.session import Session
from vedette.protocols.kubernetes.upgrade import Tunnel
from vedette.protocols.ssh.meter import Meter

#: How long an answer may take to begin, where none is to be waited for: the server's own bound is 60 s.
ANSWER_SECONDS = 330.0
MAX_INTERIM = 8
#: Longer answers are masked beside the event loop.
AT_ONCE_BYTES = 64 << 10
_AGAIN = frozenset({"GET", "HEAD"})


class Broken(Exception):
    """The answer cannot be brought back whole; what has begun is cut off. *code* is ours."""

    def __init__(self, code: str, reason: str, status: int = 502) -> None:
        super().__init__(reason)
        self.code, self.reason, self.status = code, reason, status


class Transform(Protocol):
    """
    Rewrites an answer's body on its way. Raises Broken where it cannot.

    *patience* is for how many seconds what is held back may be, None where nothing is; `pause` then
    gives what may be shown of it.
    """

    @property
    def patience(self) -> float | None: ...
    def pause(self) -> bytes: ...

    def feed(self, data: bytes) -> bytes: ...
    def end(self) -> bytes: ...


class Told:
    """A log under a mask."""

    def __init__(self, mask: TextMask) -> None:
        self._mask = mask

    @property
    def patience(self) -> float | None:
        return self._mask.patience

    def feed(self, data: bytes) -> bytes:
        return self._mask.feed(data)

    def pause(self) -> bytes:
        return self._mask.pause()

    def end(self) -> bytes:
        return self._mask.finish()


class Watched:
    """A watch under a mask: an event is held until it is whole, however long that takes."""

    patience = None

    def pause(self) -> bytes:
        return b""

    def __init__(self, mask: Mask, tally: Tally) -> None:
        self._mask = WatchMask(mask, tally)

    def feed(self, data: bytes) -> bytes:
        try:
            return self._mask.feed(data)
        except CannotMask as problem:
            raise Broken("masking.unreadable", f"{problem}, so it is not shown") from None

    def end(self) -> bytes:
        try:
            return self._mask.finish()
        except CannotMask as problem:
            raise Broken("masking.unreadable", f"{problem}, so it is not shown") from None


@dataclass(slots=True)
class Exchange:
    """
    *notices* go beside the answer.

    *begun* is whether the answer's head has gone to the caller, *carried* how many bytes of its body, and
    *tally* counts what was hidden in it.
    """

    session: Session
    down: Wire
    asking: Asking
    allow: Allow
    notices: list[tuple[str, str]]
    begun: bool = False
    carried: int = 0
    status: int = 0
    tally: Tally = field(default_factory=Tally)
    meter: Meter = field(init=False)
    last: bool = False
    tunnel: Tunnel | None = None

    def __post_init__(self) -> None:
        self.meter = Meter(self.allow.limits, self.session.passed)
        self.last = not self.asking.request.keep_alive

    @property
    def ended(self) -> tuple[str, str] | None:
        """How streams have ended, in a word and as a tag, where that is known: callers then hang up."""
        if self.tunnel is None:
            return None
        if self.asking.asked.verb == "portforward":
            return "ok", ""
        return ended(self.tunnel.content.status) if self.tunnel.content.status else None

    # --- to the cluster ---------------------------------------------------------------------------

    def fields(self, shown: Shown, accept: str) -> Fields:
        """What goes to the cluster beside the request line: the caller's own, and the gateway's own login."""
        found = fields.upwards(self.asking.request.fields)
        if accept:
            found = fields.readable(found, accept)
        own: list[tuple[str, str]] = []
        if shown.token is not None:
            own.append(("Authorization", f"Bearer {shown.token.reveal()}"))
        if self.session.backend.impersonate:
            try:
                own += fields.impersonation(self.session.principal)
            except ValueError as problem:
                raise Broken(
                    "upstream.impersonation", f"the cluster cannot be told who asks: {problem}", 403
                ) from None
        return (*found, *own)

    def head(self, shown: Shown, accept: str, more: Fields) -> bytes:
        """The head to send, written from what was judged."""
        asked, sent = self.asking.asked, self.asking.sent
        framing = Framing(len(sent)) if sent else NO_BODY
        host = self.session.backend.target.authority
        fields = (*self.fields(shown, accept), *more)
        return writing.request(asked.method, asked.target(), host, fields, framing)

    async def ask(self, accept: str = "", more: Fields = ()) -> tuple[Wire, Response]:
        """
        Send it, and return the way to the cluster with the head of its answer.

        Raises Broken, Gone and UpstreamRefused.
        """
        session = self.session
        shown = await session.backend.shown()
        message = self.head(shown, accept, more) + self.asking.sent
        while True:
            wire, used = await session.connection(shown)
            before = wire.received
            wire.write(message)
            try:
                return wire, await self._answer(wire)
            except Gone:
                # The server has closed a connection it thought idle, just then; nothing was done there.
                again = used and wire.received == before and self.asking.asked.method in _AGAIN and not more
                session.drop()
                if not again:
                    raise Broken("upstream.lost", "the cluster ended the connection") from None
            except Malformed as bad:
                session.drop()
                raise _unreadable(bad) from None

    async def _answer(self, wire: Wire) -> Response:
        patience = None if self.asking.asked.follows or self.asking.asked.streams else ANSWER_SECONDS
        for _ in range(MAX_INTERIM):
            head = wire.take_head()
            if head is None:
                try:
                    async with asyncio.timeout(patience):
                        head = await wire.head()
                except TimeoutError:
                    self.session.drop()
                    raise Broken("upstream.timeout", "the cluster did not answer in time", 504) from None
            found = read_response(head, self.asking.asked.method)
            if found.status >= 200 or found.status == 101:
                return found
        raise Malformed("there is no end of interim answers")

    # --- and back ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send it, and bring the answer back. Raises Broken, Gone and UpstreamRefused."""
        asking = self.asking
        mask, accept = judging.mask(asking, self.allow, self.session.backend.mask_key)
        counted = judging.counted(asking, self.allow)
        if counted and not accept:
            accept = accept_for_masked(asking.accept)
        wire, found = await self.ask(accept)
        if found.status == 101:
            self.session.drop()
            raise Broken("upstream.protocol", "the cluster switched protocols unasked")
        if counted and found.status < 300:
            await self.bring_masked(wire, found, mask, counted=True)
        elif mask is None:
            await self.bring(wire, found)
        elif asking.asked.verb == "log" and found.status == 200:
            hide = self.hiding()
            await self.bring(wire, found, None if hide is None else Told(hide()))
        elif asking.asked.follows and found.status == 200:
            await self.bring(wire, found, Watched(mask, self.tally))
        else:
            await self.bring_masked(wire, found, mask)

    async def bring(self, wire: Wire, found: Response, transform: Transform | None = None) -> None:
        """The answer of which *found* is the head. Raises Broken and Gone."""
        self.check(found)
        self.status = found.status
        reader = body(found.framing)
        framing: Framing | None = found.framing
        if framing == UNTIL_CLOSE or (transform is not None and framing != NO_BODY):
            framing = CHUNKED
        if found.status in (204, 304):
            framing = None
        kept = fields.downwards(found.fields)
        if self.asking.request.method == "HEAD" and (length := found.field("content-length")):
            kept = (*kept, ("Content-Length", length))
            framing = None
        first = self.answer(found.status, kept, framing)
        await self._carry(wire, reader, framing == CHUNKED, first, transform)
        if not found.keep_alive or wire.buffer:
            self.session.drop()

    async def bring_masked(
        self, wire: Wire, found: Response, mask: Mask | None, *, counted: bool = False
    ) -> None:
        """The same, read whole first: masked, and its objects *counted*. Raises Broken and Gone."""
        self.check(found)
        if found.field("content-encoding"):
            raise Broken("masking.unreadable", "the cluster compresses what has to be masked")
        try:
            whole = await wire.whole(body(found.framing), self.session.backend.value)
        except Malformed as bad:
            code = "masking.too_large" if bad.status == 413 else "upstream.protocol"
            raise Broken(code, f"the answer cannot be masked: {bad.reason}") from None
        hide = partial(self._shown, found.field("content-type"), whole, mask, counted)
        try:
            shown, rows = hide() if len(whole) <= AT_ONCE_BYTES else await aside(hide)
        except CannotMask as problem:
            raise Broken("masking.unreadable", f"{problem}, so it is not shown") from None
        if not self.meter.permits(shown, rows):
            raise self.limited()
        self.status, self.carried = found.status, len(shown)
        framing = None if found.status in (204, 304) else Framing(len(shown))
        kept = tuple(each for each in fields.downwards(found.fields) if each[0] != "etag")
        self.begun = True
        self.down.write(self.answer(found.status, kept, framing) + shown)
        await self.down.drained()
        if not found.keep_alive or wire.buffer:
            self.session.drop()

    def _shown(self, kind: str, whole: bytes, mask: Mask | None, counted: bool) -> tuple[bytes, int | None]:
        """What is shown of a *whole* answer, and how many objects it holds where that counts."""
        rows = judging.rows(whole) if counted and whole else None
        return whole if mask is None else masked_body(kind, whole, mask, self.tally), rows

    def answer(self, status: int, kept: Fields, framing: Framing | None) -> bytes:
        """The head for the caller."""
        more = (*kept, *self.notices, *((("Connection", "close"),) if self.last else ()))
        return writing.response(status, answers.PHRASES.get(status, "OK"), more, framing)

    def hiding(self) -> Callable[[], TextMask] | None:
        """What makes the mask of one text that comes bit by bit; None where nothing in it is hidden."""
        key = self.session.backend.mask_key
        mask, _ = judging.mask(self.asking, self.allow, key)
        if mask is None:
            return None
        terminal = self.asking.asked.flag("tty")
        return partial(TextMask, self.allow.masks, key, self.tally, terminal=terminal)

    def limited(self) -> Broken:
        return Broken("limit.reached", f"the limit of rule {self.meter.reached} is reached", 403)

    def check(self, found: Response) -> None:
        """Raises Broken where this is no answer that may go to the caller."""
        if found.status == 401:
            self.session.backend.forget()
            self.session.drop()
            raise Broken("upstream.login", "the cluster did not accept the gateway's own login", 503)
        if 300 <= found.status < 400 and found.status != 304:
            # Whoever follows would show the caller's credentials, or ours, where nobody has judged.
            self.session.drop()
            raise Broken("upstream.redirect", "the cluster answered with a redirect, which is not followed")

    async def _carry(
        self, wire: Wire, reader: Body, chunked: bool, head: bytes, transform: Transform | None
    ) -> None:
        down, frame = self.down, writing.chunk if chunked else _as_it_is
        data = self._first(wire, reader)
        while True:
            if not self.meter.permits(data):
                raise self.limited()
            passing = data if transform is None else transform.feed(data)
            self.begun = True
            self.carried += len(passing)
            if reader.done:
                if transform is not None:
                    last = transform.end()
                    self.carried += len(last)
                    passing += last
                down.write(head + frame(passing) + (writing.LAST_CHUNK if chunked else b""))
                return await down.drained()
            down.write(head + frame(passing))
            head = b""
            await down.drained()
            try:
                data = await self._next(wire, reader, transform)
            except Gone:
                if reader.endless:
                    data = b""
                    reader.finish()
                    continue
                raise Broken("upstream.lost", "the cluster ended its answer before its end") from None
            except Malformed as bad:
                raise _unreadable(bad) from None

    async def _next(self, wire: Wire, reader: Body, transform: Transform | None) -> bytes:
        """The next bytes. What is held back meanwhile is shown where it may be. Raises Gone, Malformed."""
        while transform is not None and transform.patience is not None:
            try:
                async with asyncio.timeout(transform.patience):
                    return await wire.piece(reader)
            except TimeoutError:
                held = transform.pause()
                self.carried += len(held)
                self.down.write(writing.chunk(held))
                await self.down.drained()
        return await wire.piece(reader)

    def _first(self, wire: Wire, reader: Body) -> bytes:
        """What has come with the head already, so that both go to the caller in one."""
        if reader.done:
            return b""
        try:
            return reader.take(wire.buffer)
        except Malformed as bad:
            raise _unreadable(bad) from None


def _unreadable(bad: Malformed) -> Broken:
    return Broken("upstream.protocol", f"the cluster's answer cannot be read: {bad.reason}")


def _as_it_is(data: bytes) -> bytes:
    return data
