"""What happens, as it happens: server-sent events of approvals and of the audit trail.

Each stream has a bounded queue. Who reads too slowly to keep up is told so
(``event: end``, code ``events.slow``) and let go, rather than kept at everybody's cost.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from vedette.api.access import Here, Visitor, bearer, standing, visitor
from vedette.api.actions import wanted
from vedette.api.approvals import sees, shown
from vedette.api.context import Gateway
from vedette.api.problems import ProblemError, forbidden
from vedette.api.sessions import After, Name, record
from vedette.api.sight import Sight
from vedette.identity import IdentityError
from vedette.journal.read import Tail
from vedette.store.holds import Status

router = APIRouter(tags=["events"])

MAX_STREAMS = 64
MAX_QUEUED = 500
POLL_SECONDS = 0.25
#: A comment this often keeps the connection known to be alive.
HEARTBEAT_SECONDS = 10.0
#: The reader is proven anew this often: whoever is shut out or loses a group hears nothing a second later.
KNOWN_SECONDS = 0.5
#: How long a reader that fell behind has to take the last word.
LAST_WORD_SECONDS = 2.0

Topics = Annotated[list[Literal["approvals", "audit", "sessions", "actions"]] | None, Query(max_length=8)]


@router.get("/events", response_class=Response)
async def stream_events(
    request: Request,
    here: Here,
    topics: Topics = None,
    after: Annotated[After | None, Query(description="records: begin after this one")] = None,
    kind: Annotated[list[Name] | None, Query(max_length=50, description="audit: only these kinds")] = None,
    session: Annotated[Name | None, Query(description="sessions, actions: only of this one")] = None,
) -> Response:
    """
    ``text/event-stream`` of ``approval`` (a hold as it is now) and of the journal's records as ``audit``,
    ``session`` (opened, refused, closed) and ``action`` (judged, held, its outcome) events.

    Approvals begin with those that wait already. ``audit`` is for auditors and admins, the rest shows
    everybody what is theirs. Records begin now, or after *after*, for which a reconnecting client's
    ``Last-Event-ID`` counts too.
    """
    who = await visitor(request, here)
    chosen: set[str] = set(topics or ["approvals"])
    if "audit" in chosen and not who.reads:
        raise forbidden("the audit trail is for auditors and admins to read")
    count: int = getattr(request.app.state, "streams", 0)
    if count >= MAX_STREAMS:
        raise ProblemError(
            503, "events.crowded", "too many streams are open", "close one, or try again later"
        )
    last = request.headers.get("last-event-id", "")
    if after is None and last.isdecimal() and len(last) < 19:
        after = int(last)
    start = here.journal.head[0] if after is None else after
    return Stream(request, here, who, chosen, start, tuple(kind or ()), session or "")


class Stream(Response):
    """One reader's stream."""

    media_type = "text/event-stream"

    def __init__(
        self,
        request: Request,
        here: Gateway,
        who: Visitor,
        topics: set[str],
        after: int,
        kinds: tuple[str, ...],
        session: str,
    ) -> None:
        super().__init__()
        self._state = request.app.state
        self._token = bearer(request)
        self._here, self._who, self._topics, self._after, self._kinds = here, who, topics, after, kinds
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(MAX_QUEUED)
        self._sight = Sight(here, lambda: self._who, topics, session)
        self._why = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        self._state.streams = getattr(self._state, "streams", 0) + 1
        try:
            with contextlib.suppress(_Over):
                await self._run(receive, send)
            end = frame("end", {"code": self._why or "events.closed"})
            async with asyncio.timeout(LAST_WORD_SECONDS):
                await send({"type": "http.response.body", "body": end if self._why else b""})
        except TimeoutError:
            # It did not take its last word either.
            raise ConnectionAbortedError("a reader of events does not read") from None
        finally:
            self._state.streams -= 1

    async def _run(self, receive: Receive, send: Send) -> None:
        """All parts together; the first that ends, ends the others."""
        parts = [self._hang_up(receive), self._pass_on(send), self._stay_known()]
        parts += [self._approvals()] if "approvals" in self._topics else []
        parts += [self._records()] if self._topics - {"approvals"} else []
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _hang_up(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        raise _Over

    async def _pass_on(self, send: Send) -> None:
        while True:
            body = await self._queue.get()
            await send({"type": "http.response.body", "body": body, "more_body": True})

    async def _stay_known(self) -> None:
        """What a token no longer gives ends here too."""
        beat = 0.0
        while True:
            if time.monotonic() >= beat:
                beat = time.monotonic() + HEARTBEAT_SECONDS
                self._put(b": still here\n\n")
            await asyncio.sleep(KNOWN_SECONDS)
            try:
                principal = await self._here.identity.by_token(self._token)
            except IdentityError as error:
                self._end(error.code)
            else:
                self._who = standing(self._here, principal)
                if "audit" in self._topics and not self._who.reads:
                    self._end("access.denied")

    async def _approvals(self) -> None:
        waiting: tuple[Status, ...] = ("pending",)
        with self._here.desk.subscribe() as changes:
            for hold in reversed(await self._here.store.holds.find(waiting, limit=MAX_QUEUED // 2)):
                if sees(self._who, hold):
                    self._put(frame("approval", shown(self._who)(hold).model_dump(mode="json")))
            async for hold in changes:
                if sees(self._who, hold):
                    self._put(frame("approval", shown(self._who)(hold).model_dump(mode="json")))
        self._end("gateway.stopped")

    async def _records(self) -> None:
        tail = Tail(self._here.journal.folder, self._after)
        try:
            async for body in self._entries(tail):
                self._put(body)
        finally:
            tail.close()

    async def _entries(self, tail: Tail) -> AsyncIterator[bytes]:
        while True:
            entries = await asyncio.to_thread(tail.poll, MAX_QUEUED // 4)
            for entry in entries:
                told = "audit" if "audit" in self._topics and wanted(entry, self._kinds) else ""
                for name in filter(None, (told, await self._sight.topic(entry))):
                    yield frame(name, record(entry).model_dump(mode="json"), str(entry.seq))
            if not entries:
                await asyncio.sleep(POLL_SECONDS)
            elif self._queue.qsize() > MAX_QUEUED // 2:
                # Catching up on what is long past is no reason to fall over oneself.
                await self._drained()

    async def _drained(self) -> None:
        deadline = time.monotonic() + HEARTBEAT_SECONDS
        while self._queue.qsize() > MAX_QUEUED // 2:
            if time.monotonic() > deadline:
                self._end("events.slow")
            await asyncio.sleep(POLL_SECONDS / 5)

    def _put(self, body: bytes) -> None:
        try:
            self._queue.put_nowait(body)
        except asyncio.QueueFull:
            self._end("events.slow")

    def _end(self, why: str) -> None:
        self._why = why
        raise _Over


class _Over(Exception):
    """The stream ends here."""


def frame(kind: str, data: object, name: str = "") -> bytes:
    """One event. The data are JSON on one line: nothing in them can end it, or begin another."""
    text = json.dumps(data, separators=(",", ":"))
    number = f"id: {name}\n" if name else ""
    return f"{number}event: {kind}\ndata: {text}\n\n".encode()
