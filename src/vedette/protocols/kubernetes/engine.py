"""The Kubernetes engine: lets callers in, and gives each a session at the cluster it names."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from vedette.gate import Desk, Gate
from vedette.identity.errors import IdentityError
from vedette.model import Ask, Decision, MaskRule, Principal, Resource
from vedette.protocols.http.wire import Wire
from vedette.protocols.kubernetes.accept import Door, shown_by_tls
from vedette.protocols.kubernetes.connection import Connection, Refused, TurnedAway
from vedette.protocols.kubernetes.judging import PROTOCOL
from vedette.protocols.kubernetes.session import Backend, Outcome, Session
from vedette.protocols.lifetime import BLOCKED
from vedette.protocols.live import Live, Unwelcome
from vedette.protocols.postgres.accept import Crowd, serve
from vedette.protocols.refusals import Refusals
from vedette.trail import events
from vedette.trail.judgements import Journal

__all__ = ["PROTOCOL", "Backend", "Engine", "Shared"]

log = logging.getLogger(__name__)

#: Connections at once, also of those who have not said yet who they are.
MAX_CONNECTIONS = 4000


class SessionPolicy(Protocol):
    """What applies to one session."""

    @property
    def hash(self) -> str: ...
    @property
    def reads_text(self) -> bool: ...
    @property
    def observing(self) -> bool: ...
    @property
    def masks(self) -> tuple[MaskRule, ...]: ...
    def decide(self, ask: Ask) -> Decision: ...


class Limits(Protocol):
    """*sessions* in all and *per_principal*."""

    @property
    def sessions(self) -> int: ...
    @property
    def per_principal(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Shared:
    """What all sessions use. *policy* gives what applies to a principal on a resource now, *limits* too."""

    journal: Journal
    desk: Desk
    policy: Callable[[Principal, Resource], SessionPolicy]
    clock: Callable[[], float]
    limits: Callable[[], Limits]
    live: Live
    refusals: Refusals


class Engine:
    """All Kubernetes sessions of one gateway."""

    def __init__(self, shared: Shared, backends: Mapping[str, Backend]) -> None:
        self.backends = dict(backends)
        self.sessions: dict[str, Session] = {}
        self._shared = shared
        self._crowd = Crowd(MAX_CONNECTIONS)
        self._numbers = itertools.count(1)
        # Session names stay unique over restarts.
        self._prefix = secrets.token_hex(4)

    async def serve(self, listener: socket.socket, door: Door) -> None:
        """Serve everyone who comes to *listener*, until cancelled."""

        async def visit(sock: socket.socket) -> None:
            try:
                await self._visit(sock, door)
            except Exception as fault:  # noqa: BLE001
                # One caller's trouble is that caller's alone.
                log.error("a Kubernetes session ended by a fault in the gateway: %s", type(fault).__name__)
                sock.close()

        await serve(listener, visit)

    def reload(self, backends: Mapping[str, Backend]) -> None:
        """New sessions use *backends*; live ones go by the policies in force from their next action on."""
        self.backends = dict(backends)
        for name, session in list(self.sessions.items()):
            gate = session.gate
            now = self.backends.get(gate.resource.name)
            if now is not None and now.resource.at == gate.resource.at:
                gate.resource = self._shared.live.sessions[name].resource = now.resource
            gate.use(self._shared.policy(gate.principal, gate.resource))

    # --- one caller ---------------------------------------------------------------------------------

    async def _visit(self, sock: socket.socket, door: Door) -> None:
        address = _address(sock)
        if not self._crowd.enter():
            self.refused(address, Refused("login.crowded", "too many connections are open"), None)
            sock.close()
            return
        try:
            wire = Wire()
            try:
                transport, wire = await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: wire, sock, ssl=door.tls, ssl_handshake_timeout=door.deadline()
                )
            except (OSError, ssl.SSLError, TimeoutError):
                self.refused(address, Refused("login.tls", "the TLS handshake failed"), None)
                return
            await self._connection(wire, transport, door, address)
        finally:
            self._crowd.leave()

    async def _connection(self, wire: Wire, transport: asyncio.Transport, door: Door, address: str) -> None:
        try:
            await self._requests(wire, transport, door, address)
        finally:
            transport.abort()

    async def _requests(self, wire: Wire, transport: asyncio.Transport, door: Door, address: str) -> None:
        certified, cipher = None, ""
        try:
            certified = shown_by_tls(door.identity, transport.get_extra_info("ssl_object"))
        except IdentityError as no:
            # It came from an authority of callers: who shows a bad certificate is not let in by a token.
            self.refused(address, Refused(no.code, no.reason), None)
            return
        named = transport.get_extra_info("cipher")
        if named is not None:
            cipher = str(named[0])
        connection = Connection(self, door, wire, address, cipher, certified)
        await connection.run()
        await wire.flushed(1.0)

    # --- sessions (`connection.Host`) -----------------------------------------------------------------

    def open(self, principal: Principal, cluster: str, connection: Connection, moment: int) -> Session:
        """A session for *principal* on the resource *cluster*, on record. Raises TurnedAway."""
        shared = self._shared
        if not principal.reaches(cluster):
            # Said before it is known whether there is such a resource.
            raise TurnedAway("login.lent", "what you show is lent for other resources")
        backend = self.backends.get(cluster)
        if backend is None:
            raise TurnedAway("login.resource", "there is no such cluster; its address is /clusters/NAME", 404)
        limits, live, resource = shared.limits(), shared.live, backend.resource
        if len(live.sessions) >= limits.sessions or live.on(resource.name) >= backend.max_sessions:
            raise TurnedAway("login.crowded", "too many sessions are open; try again later", 429)
        if live.of(principal) >= limits.per_principal:
            raise TurnedAway("login.crowded", f"{principal.subject} has too many sessions open", 429)
        name = f"{self._prefix}-{next(self._numbers)}"
        try:
            live.register(
                name, principal, resource, connection.end, lambda: connection.activity, moment=moment
            )
        except Unwelcome as no:
            if no.ending is BLOCKED:
                reason = "this caller is blocked here; ask an administrator"
                raise TurnedAway("identity.blocked", reason) from None
            raise TurnedAway(no.ending.code, no.ending.reason) from None
        try:
            return self._begin(name, principal, backend, connection)
        except BaseException:
            live.forget(name)
            raise

    def _begin(self, name: str, principal: Principal, backend: Backend, connection: Connection) -> Session:
        shared, resource = self._shared, backend.resource
        policy = shared.policy(principal, resource)
        gate = Gate(
            principal, resource, name,
            policy=policy, journal=shared.journal, desk=shared.desk, keep=backend.keep, now=shared.clock,
        )  # fmt: skip
        began = shared.clock()
        opened = events.SessionOpened(
            at=began, session=name, who=events.caller(principal), resource=resource.name, protocol=PROTOCOL,
            address=connection.address, tls=connection.cipher, application=connection.application,
            policy=policy.hash, observing=policy.observing,
        )  # fmt: skip
        try:
            shared.journal.append(*events.encode(opened))
        except OSError:
            raise TurnedAway("journal.unavailable", "the journal cannot be written", 503) from None
        session = self.sessions[name] = Session(name, gate, backend, connection.cut, began)
        return session

    def over(self, session: Session, reason: str) -> None:
        """It has ended."""
        self._shared.live.forget(session.name)
        self.sessions.pop(session.name, None)
        gate, now = session.gate, self._shared.clock()
        closed = events.SessionClosed(
            at=now, session=session.name, reason=reason, actions=gate.actions, denied=gate.denied,
            bytes_up=session.sent, bytes_down=session.received, duration=now - session.began,
        )  # fmt: skip
        try:
            self._shared.journal.append(*events.encode(closed))
        except OSError:
            # Nothing runs any more, so this can wait until the journal is well again.
            with contextlib.suppress(OSError):
                self._shared.journal.defer(*events.encode(closed))

    def refused(self, address: str, refused: Refused, principal: Principal | None) -> None:
        """Put a try that failed on record; *principal* where it is known who."""
        at = self._shared.clock()
        if principal is None and not self._shared.refusals.room(address, refused.code, at):
            return
        event = events.SessionRefused(
            at=at, session=f"{self._prefix}-{next(self._numbers)}", protocol=PROTOCOL,
            code=refused.code, reason=refused.reason, address=address, resource=refused.resource,
            who=events.caller(principal) if principal is not None else None,
        )  # fmt: skip
        try:
            self._shared.journal.append(*events.encode(event))
        except (OSError, UnicodeError):
            log.error("a refused login (%s) could not be recorded", refused.code)

    def came(self, session: str, outcome: Outcome) -> None:
        """Put on record what came of an action."""
        event = events.ActionOutcome(
            at=self._shared.clock(), session=session, action=outcome.action, status=outcome.status,  # type: ignore[arg-type]
            bytes=outcome.bytes, tag=outcome.tag, duration=outcome.seconds, masks=dict(outcome.masks),
        )  # fmt: skip
        with contextlib.suppress(OSError):  # its own record stands; this one is a courtesy
            self._shared.journal.defer(*events.encode(event))


def _address(sock: socket.socket) -> str:
    try:
        name = sock.getpeername()
    except OSError:
        return ""
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "unix"
