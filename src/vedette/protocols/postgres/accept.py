"""A caller at the door: from an accepted socket to a Caller who has proven who it is."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vedette.identity.errors import IdentityError
from vedette.identity.tls import verified_chain
from vedette.model import Principal
from vedette.protocols.postgres import scram
from vedette.protocols.postgres.login_downstream import (
    Arrival,
    Login,
    Plain,
    Refused,
    StartTls,
    Terms,
    doorstep,
)
from vedette.protocols.postgres.login_steps import Certified, FindKey, Proven, Quiet, Rejected, Step, Verify
from vedette.protocols.postgres.messages import ProtocolError
from vedette.protocols.postgres.startup import ALPN, CancelRequest
from vedette.protocols.postgres.wire import Bare, Gone, StuffedBytes, Wire, perform

log = logging.getLogger(__name__)

#: Seconds from the first byte to the proof; slow-drip callers end here.
DEADLINE_SECONDS = 15.0
_PASSING = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED, errno.EPROTO, errno.EINTR}
)
_BREATHER_SECONDS = 0.05


class KeyRecord(Protocol):
    """What is kept of an API key."""

    @property
    def verifier(self) -> scram.Record: ...
    def check(self, now: float) -> None: ...
    def principal(self, issuer: str) -> Principal: ...


class Identity(Protocol):
    """Who a token, key or certificate speaks for. All raise IdentityError."""

    async def by_token(self, text: str) -> Principal: ...
    async def key_for(self, user: str) -> KeyRecord | None: ...
    def by_certificate(self, chain: Sequence[bytes]) -> Principal | None: ...


class Crowd:
    """How many logins are under way. Each may last the whole deadline, so they are counted."""

    def __init__(self, limit: int = 1000) -> None:
        self._left = limit

    def enter(self) -> bool:
        self._left -= 1
        if self._left >= 0:
            return True
        self._left += 1
        return False

    def leave(self) -> None:
        self._left += 1


@dataclass(frozen=True, slots=True)
class Door:
    """
    What a listener offers to everyone who comes.

    *knows* tells whether a resource exists. *mock_key* is secret, and best the same
    over restarts. *tls* and *binding* (tls-server-end-point of its certificate) go
    together; the context names ``postgresql`` by ALPN. *require_tls* refuses everybody
    else, except from this machine.
    *issuer* and *scope* are shown to OAUTHBEARER callers that have no token.
    *key_issuer* is the issuer in the principals of API keys, *revoked* answers for a
    credential's id, *refuse* raises IdentityError for who is blocked, *used* is told of a key
    that was proven, and *is_key* tells a key's name by its form. *deadline* is in seconds, *clock*
    gives Unix time in seconds.
    """

    knows: Callable[[str], bool]
    mock_key: bytes = field(repr=False)
    tls: ssl.SSLContext | None = None
    binding: bytes | None = None
    require_tls: bool = False
    issuer: str = ""
    scope: str = ""
    key_issuer: str = "vedette"
    revoked: Callable[[str], bool] = lambda credential: False
    refuse: Callable[[Principal], None] = lambda principal: None
    used: Callable[[str], None] = lambda credential: None
    is_key: Callable[[str], bool] = lambda user: user.startswith("vdt_")
    deadline: float = DEADLINE_SECONDS
    clock: Callable[[], float] = time.time
    crowd: Crowd = field(default_factory=Crowd)


@dataclass(frozen=True, slots=True)
class Caller:
    """Logged in, and waiting for AuthenticationOk: see `login_downstream.welcome`."""

    login: Login
    wire: Wire


@dataclass(frozen=True, slots=True)
class Canceller:
    """Somebody who asks for a cancel, and waits for us to hang up: await `done` once it is passed on."""

    request: CancelRequest
    wire: Wire

    async def done(self) -> None:
        """Hang up in good order: inside TLS, libpq takes a connection that is cut for a failure."""
        await self.wire.last_words(b"")


async def accept(sock: socket.socket, door: Door, identity: Identity) -> Caller | Canceller | Refused:
    """
    Log the caller on *sock* in, within *door*'s deadline.

    A caller that is refused has been told why, and the connection is closed. Raises
    nothing but what cancels the task.
    """
    visit = _Visit(Bare(sock), door, identity)
    if not door.crowd.enter():
        refused = visit.refused("login.crowded", "too many logins are under way; try again", "53300")
        await visit.last_words(refused.message())
        return refused
    try:
        async with asyncio.timeout(door.deadline):
            outcome, told = await visit.run()
    except TimeoutError:
        outcome = visit.refused("login.timeout", f"the login took over {door.deadline:g} seconds", "57014")
        told = False
    except Gone:
        outcome, told = visit.gone(), True
    except BaseException:
        visit.close()
        raise
    finally:
        door.crowd.leave()
    if isinstance(outcome, Refused):
        await visit.last_words(b"" if told else outcome.message())
    return outcome


class _Visit:
    """One connection's way through the door."""

    def __init__(self, bare: Bare, door: Door, identity: Identity) -> None:
        self._bare = bare
        self._door = door
        self._identity = identity
        self._wire: Wire | None = None
        self._arrival: Arrival | None = None
        self._key: KeyRecord | None = None

    async def run(self) -> tuple[Caller | Canceller | Refused, bool]:
        """The outcome, and whether a refusal has been sent (or can no longer be)."""
        try:
            wire, head = await self._enter()
        except (ProtocolError, StuffedBytes) as bad:
            return self.refused("login.protocol", str(bad), "08P01"), False
        except ssl.SSLError:
            return self.refused("login.tls", "the TLS handshake failed", "08P01"), True
        self._wire = wire
        self._arrival = Arrival(self._terms(wire), head)
        outcome = await perform(self._arrival.talk(), wire, self._answer)
        match outcome:
            case Login():
                return Caller(outcome, wire), True
            case CancelRequest():
                return Canceller(outcome, wire), True
            case Refused():
                return outcome, True

    async def _enter(self) -> tuple[Wire, bytes]:
        steps = doorstep(self._door.tls is not None)
        step: Plain | StartTls = await perform(steps, self._bare, self._before_tls)
        if isinstance(step, Plain):
            return await self._bare.answer(None), step.head
        wire = await self._bare.answer(self._door.tls)
        chosen = wire.transport.get_extra_info("ssl_object").selected_alpn_protocol()
        if step.direct and chosen != ALPN:
            self._wire = wire
            raise ProtocolError("TLS without SSLRequest has to name postgresql by ALPN")
        return wire, b""

    async def _before_tls(self, step: Step) -> object:
        if not isinstance(step, Quiet):
            raise TypeError(f"nobody answers {type(step).__name__} here")
        self._bare.refuse_stuffed()
        return None

    def _terms(self, wire: Wire) -> Terms:
        door = self._door
        return Terms(
            encrypted=wire.encrypted,
            local=wire.local,
            knows=door.knows,
            mock_key=door.mock_key,
            binding=door.binding if wire.encrypted else None,
            require_tls=door.require_tls,
            issuer=door.issuer,
            scope=door.scope,
            is_key=door.is_key,
        )

    async def _answer(self, step: Step) -> object:
        try:
            match step:
                case FindKey(user):
                    self._key = await self._identity.key_for(user)
                    return None if self._key is None else self._key.verifier
                case Proven() if self._key is not None:
                    return self._principal(self._key)
                case Verify(token):
                    return await self._identity.by_token(token)
                case Certified():
                    return self._certified()
        except IdentityError as no:
            return Rejected(no.code, no.reason)
        raise TypeError(f"nobody answers {type(step).__name__} here")

    def _certified(self) -> Principal | None:
        session = self._wire.transport.get_extra_info("ssl_object") if self._wire is not None else None
        chain = verified_chain(session) if session is not None else ()
        return self._identity.by_certificate(chain) if chain else None

    def _principal(self, key: KeyRecord) -> Principal:
        key.check(self._door.clock())
        principal = key.principal(self._door.key_issuer)
        if self._door.revoked(principal.credential):
            raise IdentityError("identity.revoked", "the API key was withdrawn")
        self._door.refuse(principal)
        self._door.used(principal.credential)
        return principal

    def refused(self, code: str, reason: str, sqlstate: str) -> Refused:
        if self._arrival is not None:
            return self._arrival.refused(code, reason, sqlstate)
        return Refused(code, reason, sqlstate)

    def gone(self) -> Refused:
        """The caller hung up: what it was refused for, where that was decided by then."""
        decided = self._arrival.refusal if self._arrival is not None else None
        return decided or self.refused("login.gone", "the caller hung up during the login", "08006")

    async def last_words(self, data: bytes) -> None:
        await (self._wire or self._bare).last_words(data)

    def close(self) -> None:
        (self._wire or self._bare).close()


async def serve(
    listener: socket.socket, visit: Callable[[socket.socket], Coroutine[None, None, None]]
) -> None:
    """
    Give every connection that comes to *listener* to a task of its own, until cancelled.

    *visit* owns the socket. Its tasks are cancelled with this one; one that fails
    fails alone.
    """
    loop = asyncio.get_running_loop()
    listener.setblocking(False)
    visits: set[asyncio.Task[None]] = set()

    def over(task: asyncio.Task[None]) -> None:
        visits.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a connection ended by a fault of ours: %s", type(task.exception()).__name__)

    try:
        while True:
            try:
                sock, _address = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno not in _PASSING:
                    raise
                # Out of descriptors, or the caller left while it waited: later callers may fare better.
                await asyncio.sleep(_BREATHER_SECONDS)
                continue
            task = loop.create_task(visit(sock))
            visits.add(task)
            task.add_done_callback(over)
    finally:
        for task in list(visits):
            task.cancel()
        await asyncio.gather(*visits, return_exceptions=True)
