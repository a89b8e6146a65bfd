"""Around every request: how large it may be, how long it may take, and what each answer carries."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vedette.api.problems import MAX_BODY_BYTES, TOO_LARGE, ProblemError, answer

log = logging.getLogger(__name__)

REQUEST_SECONDS = 30.0
#: What a stream of events is exempt from: it has limits of its own.
STREAMS = frozenset({"/api/v1/events"})
#: A file of a whole list takes longer than a page of it.
EXPORT_SECONDS = 900.0
_EXPORTS = (b"format=jsonl", b"format=csv")

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class TooLarge(HTTPException):
    """The request's body is over MAX_BODY_BYTES. (FastAPI lets only its own exceptions out of a body.)"""

    def __init__(self) -> None:
        super().__init__(413)


class Guard:
    """ASGI middleware. *seconds* bounds a request from its first byte to its answer's last."""

    def __init__(self, app: ASGIApp, *, seconds: float = REQUEST_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        answering = _Answering(send)
        seconds = self._limit(scope)
        try:
            _declared(scope)
            async with asyncio.timeout(seconds):
                await self._app(scope, _bounded(receive), answering)
        except TooLarge:
            await answering.problem(ProblemError(413, *TOO_LARGE), scope, receive)
        except TimeoutError:
            problem = ProblemError(503, "request.timeout", "this took too long", "ask for less, or try again")
            await answering.problem(problem, scope, receive)
        except Exception as error:  # noqa: BLE001
            # Refused, never half done; the traceback could carry what was sent, so only its type is logged.
            log.error("a request failed in the gateway: %s", _kind(error))
            problem = ProblemError(500, "internal", "the gateway failed at this request", "see its log")
            await answering.problem(problem, scope, receive)

    def _limit(self, scope: Scope) -> float | None:
        if scope["path"] in STREAMS:
            return None
        export = scope["method"] == "GET" and any(each in scope["query_string"] for each in _EXPORTS)
        return max(self._seconds, EXPORT_SECONDS) if export else self._seconds


class _Answering:
    """Adds the headers, and knows whether an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            present = {name.lower() for name, _ in message.get("headers", ())}
            added = [(name, value) for name, value in HEADERS if name not in present]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await self._send(message)

    async def problem(self, problem: ProblemError, scope: Scope, receive: Receive) -> None:
        if self._begun:
            raise ConnectionAbortedError("the answer had begun; the connection ends here")
        await answer(problem)(scope, receive, self)


def _declared(scope: Scope) -> None:
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or int(value[:12]) > MAX_BODY_BYTES):
            raise TooLarge


def _bounded(receive: Receive) -> Receive:
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message: dict[str, Any] = dict(await receive())
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > MAX_BODY_BYTES:
                raise TooLarge
        return message

    return bounded


def _kind(error: Exception) -> str:
    """The error's type and place in our code, without its text."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"
