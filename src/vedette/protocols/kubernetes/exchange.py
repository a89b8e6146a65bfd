"""One request that may pass, sent to the cluster, and its answer brought back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from vedette.kubernetes.request import KubernetesRequest
from vedette.model import Allow
from vedette.protocols.http import writing
from vedette.protocols.http.bodies import Body, body
from vedette.protocols.http.heads import (
    CHUNKED,
    NO_BODY,
    UNTIL_CLOSE,
    Fields,
    Framing,
    Malformed,
    Request,
    Response,
    read_response,
)
from vedette.protocols.http.wire import Gone, Wire
from vedette.protocols.kubernetes import answers, fields
from vedette.protocols.kubernetes.dial import Shown
from vedette.protocols.kubernetes.session import Session
from vedette.protocols.ssh.meter import Meter

#: How long an answer may take to begin, where none is to be waited for: the server's own bound is 60 s.
ANSWER_SECONDS = 330.0
MAX_INTERIM = 8
_AGAIN = frozenset({"GET", "HEAD"})


class Broken(Exception):
    """The answer cannot be brought back whole; what has begun is cut off. *code* is ours."""

    def __init__(self, code: str, reason: str, status: int = 502) -> None:
        super().__init__(reason)
        self.code, self.reason, self.status = code, reason, status


class Transform(Protocol):
    """Rewrites an answer's body on its way. Raises Broken where it cannot."""

    def feed(self, data: bytes) -> bytes: ...
    def end(self) -> bytes: ...


@dataclass(slots=True)
class Exchange:
    """
    *request* as it came, *asked* as it was judged, *sent* its body. *notices* go beside the answer.

    *begun* is whether the answer's head has gone to the caller, and *carried* how many bytes of its body.
    """

    session: Session
    down: Wire
    request: Request
    asked: KubernetesRequest
    sent: bytes
    allow: Allow
    notices: list[tuple[str, str]]
    begun: bool = False
    carried: int = 0
    status: int = 0

    # --- to the cluster ---------------------------------------------------------------------------

    def fields(self, shown: Shown) -> Fields:
        """What goes to the cluster beside the request line: the caller's own, and the gateway's own login."""
        found = fields.upwards(self.request.fields)
        if self.allow.masks:
            found = fields.readable(found)
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

    def head(self, shown: Shown, more: Fields = ()) -> bytes:
        """The head to send, written from what was judged."""
        framing = Framing(len(self.sent)) if self.sent else NO_BODY
        target = self.session.backend.target
        return writing.request(
            self.asked.method, self.asked.target(), target.authority, (*self.fields(shown), *more), framing
        )

    async def ask(self, more: Fields = ()) -> tuple[Wire, Response]:
        """
        Send it, and return the way to the cluster with the head of its answer.

        Raises Broken, Gone and UpstreamRefused.
        """
        session = self.session
        shown = await session.backend.shown()
        message = self.head(shown, more) + self.sent
        while True:
            wire, used = await session.connection(shown)
            before = wire.received
            wire.write(message)
            try:
                return wire, await self._answer(wire)
            except Gone:
                # The server has closed a connection it thought idle, just then; nothing was done there.
                again = used and wire.received == before and self.asked.method in _AGAIN and not more
                session.drop()
                if not again:
                    raise Broken("upstream.lost", "the cluster ended the connection") from None
            except Malformed as bad:
                session.drop()
                raise Broken(
                    "upstream.protocol", f"the cluster's answer cannot be read: {bad.reason}"
                ) from None

    async def _answer(self, wire: Wire) -> Response:
        patience = None if self.asked.follows or self.asked.streams else ANSWER_SECONDS
        for _ in range(MAX_INTERIM):
            head = wire.take_head()
            if head is None:
                try:
                    async with asyncio.timeout(patience):
                        head = await wire.head()
                except TimeoutError:
                    self.session.drop()
                    raise Broken("upstream.timeout", "the cluster did not answer in time", 504) from None
            found = read_response(head, self.asked.method)
            if found.status >= 200 or found.status == 101:
                return found
        raise Malformed("there is no end of interim answers")

    # --- and back ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send it, and bring the answer back. Raises Broken, Gone and UpstreamRefused."""
        wire, found = await self.ask()
        if found.status == 101:
            self.session.drop()
            raise Broken("upstream.protocol", "the cluster switched protocols unasked")
        await self.bring(wire, found, None)

    async def bring(self, wire: Wire, found: Response, transform: Transform | None) -> None:
        """The answer of which *found* is the head. Raises Broken and Gone."""
        self.check(found)
        self.status = found.status
        meter = Meter(self.allow.limits, self.session.passed)
        reader = body(found.framing)
        framing: Framing | None = found.framing
        if framing == UNTIL_CLOSE or (transform is not None and framing != NO_BODY):
            framing = CHUNKED
        if found.status in (204, 304):
            framing = None
        kept = (*fields.downwards(found.fields), *self.notices)
        if self.request.method == "HEAD" and (length := found.field("content-length")):
            kept = (*kept, ("Content-Length", length))
            framing = None
        if not self.request.keep_alive:
            kept = (*kept, ("Connection", "close"))
        first = writing.response(found.status, answers.PHRASES.get(found.status, "OK"), kept, framing)
        self.begun = True
        await self._carry(wire, reader, framing == CHUNKED, first, meter, transform)
        if not found.keep_alive or wire.buffer:
            self.session.drop()

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
        self, wire: Wire, reader: Body, chunked: bool, head: bytes, meter: Meter, transform: Transform | None
    ) -> None:
        down, frame = self.down, writing.chunk if chunked else _as_it_is
        data = reader.take(wire.buffer) if not reader.done else b""
        while True:
            if not meter.permits(data):
                raise Broken("limit.reached", f"the limit of rule {meter.reached} is reached", 403)
            passing = data if transform is None else transform.feed(data)
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
                data = await wire.piece(reader)
            except Gone:
                if reader.endless:
                    data = b""
                    reader.finish()
                    continue
                raise Broken("upstream.lost", "the cluster ended its answer before its end") from None
            except Malformed as bad:
                raise Broken(
                    "upstream.protocol", f"the cluster's answer cannot be read: {bad.reason}"
                ) from None


def _as_it_is(data: bytes) -> bytes:
    return data
