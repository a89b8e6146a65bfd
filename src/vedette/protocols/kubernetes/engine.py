"""The Kubernetes engine: lets callers in, and gives each a session at the cluster it names."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Mapping

from vedette.identity.errors import IdentityError
from vedette.model import Principal
from vedette.protocols.http.wire import Wire
from vedette.protocols.kubernetes.accept import Door, shown_by_tls
from vedette.protocols.kubernetes.connection import Connection, Refused
from vedette.protocols.kubernetes.judging import PROTOCOL
from vedette.protocols.kubernetes.session import Backend, Outcome, Session
from vedette.protocols.live import Unwelcome
from vedette.protocols.postgres.accept import Crowd, serve
from vedette.protocols.reception import Reception, Shared, turned_away
from vedette.protocols.reception import address as address_of
from vedette.trail import events

__all__ = ["PROTOCOL", "Backend", "Engine", "Shared"]

log = logging.getLogger(__name__)

#: Connections at once, also of those who have not said yet who they are.
MAX_CONNECTIONS = 4000


class Engine:
    """All Kubernetes sessions of one gateway."""

    def __init__(self, shared: Shared, backends: Mapping[str, Backend]) -> None:
        self.backends = dict(backends)
        self.sessions: dict[str, Session] = {}
        self._shared = shared
        self._reception = Reception(PROTOCOL, shared)
        self._crowd = Crowd(MAX_CONNECTIONS)

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
            session.use(self._shared.policy(gate.principal, gate.resource))

    # --- one caller ---------------------------------------------------------------------------------

    async def _visit(self, sock: socket.socket, door: Door) -> None:
        address = address_of(sock)
        if not self._crowd.enter():
            self.refused(address, Refused("login.crowded", "too many connections are open"), None)
            sock.close()
            return
        try:
            wire = Wire()
            try:
                # With TLS, uvloop gives back a protocol of its own beside the transport.
                transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
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
        await wire.finished(connection.patience)

    # --- sessions (`connection.Host`) -----------------------------------------------------------------

    def open(self, principal: Principal, cluster: str, connection: Connection, moment: int) -> Session:
        """A session for *principal* on the resource *cluster*, on record. Raises TurnedAway."""
        backend = self._reception.find(principal, cluster, self.backends)
        self._reception.check_room(principal, backend.resource, backend.max_sessions)
        name, live = self._reception.name(), self._shared.live
        try:
            live.register(
                name, principal, backend.resource, connection.end, lambda: connection.activity, moment=moment
            )
        except Unwelcome as no:
            raise turned_away(no) from None
        try:
            return self._begin(name, principal, backend, connection)
        except BaseException:
            live.forget(name)
            raise

    def _begin(self, name: str, principal: Principal, backend: Backend, connection: Connection) -> Session:
        shared, resource = self._shared, backend.resource
        policy = shared.policy(principal, resource)
        gate = self._reception.gate(principal, resource, name, backend.keep)
        began = shared.clock()
        opened = events.SessionOpened(
            at=began, session=name, who=events.caller(principal), resource=resource.name, protocol=PROTOCOL,
            address=connection.address, tls=connection.cipher, application=connection.application,
            policy=policy.hash, observing=policy.observing,
        )  # fmt: skip
        self._reception.opened(opened)
        session = self.sessions[name] = Session(
            name, gate, backend, policy, shared.tapes, connection.cut, began
        )
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
        self._reception.closed(closed)

    def refused(self, address: str, refused: Refused, principal: Principal | None) -> None:
        """Put a try that failed on record; *principal* where it is known who."""
        self._reception.refused(address, refused.code, refused.reason, refused.resource, "", principal)

    def came(self, session: str, outcome: Outcome) -> None:
        """Put on record what came of an action."""
        event = events.ActionOutcome(
            at=self._shared.clock(), session=session, action=outcome.action, status=outcome.status,  # type: ignore[arg-type]
            bytes=outcome.bytes, tag=outcome.tag, duration=outcome.seconds, masks=dict(outcome.masks),
        )  # fmt: skip
        self._reception.came(event)
