"""The SSH engine: lets callers in, logs in for them at their host, and runs their sessions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import asyncssh

from vedette.gate import Gate
from vedette.model import Principal, Resource
from vedette.protocols.live import Seat, Unwelcome
from vedette.protocols.postgres.accept import Crowd, serve
from vedette.protocols.reception import Reception, Shared, TurnedAway, turned_away
from vedette.protocols.reception import address as address_of
from vedette.protocols.ssh.accept import Doorman
from vedette.protocols.ssh.dial import UpstreamRefused
from vedette.protocols.ssh.door import Caller, Door, Refused
from vedette.protocols.ssh.entrance import Entrance, options
from vedette.protocols.ssh.forwards import Elsewhere
from vedette.protocols.ssh.session import LAST_WORDS_SECONDS, Outcome, Session
from vedette.trail import events
from vedette.trail.judgements import Keep

log = logging.getLogger(__name__)
# Its messages hold commands, variables and names as callers send them.
asyncssh.set_log_level(logging.CRITICAL)

PROTOCOL = "ssh"
Lost = Callable[[Exception | None], None]


@dataclass(frozen=True, slots=True)
class Backend:
    """A host. *dial* logs in there as *login* for somebody's session; *Lost* hears that the host is gone."""

    resource: Resource
    login: str
    dial: Callable[[Lost, str, Principal], Awaitable[asyncssh.SSHClientConnection]]
    keep: Keep
    max_sessions: int = 1000
    mask_key: bytes = field(default=b"", repr=False)


class Engine:
    """All SSH sessions of one gateway."""

    def __init__(self, shared: Shared, backends: Mapping[str, Backend]) -> None:
        self.backends = dict(backends)
        self.sessions: dict[str, Session] = {}
        self._gates: dict[str, Gate] = {}
        self._shared = shared
        self._reception = Reception(PROTOCOL, shared)
        self._crowd = Crowd()
        #: Which place, seen from a resource, is another one: forwards there lead to that one's own engine.
        self.elsewhere: Callable[[str, str, int], Elsewhere | None] = lambda seen_from, host, port: None
        self._visits: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket, door: Door) -> None:
        """Serve everyone who comes to *listener*, until cancelled."""

        try:
            await serve(listener, lambda sock: self._visited(sock, door, address_of(sock)))
        finally:
            for visit in list(self._visits):
                visit.cancel()

    def welcome(self, sock: socket.socket, door: Door, address: str) -> None:
        """Serve one more, who comes from *address* by way of a session of this gateway's."""
        visit = asyncio.create_task(self._visited(sock, door, address))
        self._visits.add(visit)
        visit.add_done_callback(self._visits.discard)

    async def _visited(self, sock: socket.socket, door: Door, address: str) -> None:
        try:
            await self._visit(sock, door, address)
        except Exception as fault:  # noqa: BLE001
            # One caller's trouble is that caller's alone.
            log.error("an SSH session ended by a fault in the gateway: %s", type(fault).__name__)
            sock.close()

    def reload(self, backends: Mapping[str, Backend]) -> None:
        """New sessions use *backends*; live ones go by the policies in force from their next action on."""
        self.backends = dict(backends)
        for name, session in list(self.sessions.items()):
            gate = self._gates[name]
            now = self.backends.get(gate.resource.name)
            if now is not None and now.resource.at == gate.resource.at:
                gate.resource = self._shared.live.sessions[name].resource = now.resource
            session.use(self._shared.policy(gate.principal, gate.resource))

    # --- one caller ---------------------------------------------------------------------------------

    async def _visit(self, sock: socket.socket, door: Door, address: str) -> None:
        if not self._crowd.enter():
            self._refused(address, Refused("login.crowded", "too many logins are under way"))
            sock.close()
            return
        session = Session(self._shared.clock)
        session.peer = address
        doorman = Doorman(door, session, lambda refused: self._refused(address, refused))
        try:
            connection = Entrance(asyncio.get_running_loop(), options(door, doorman), doorman)
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, sock)
            try:
                async with asyncio.timeout(door.deadline()) as limit:
                    now = asyncio.get_running_loop().time
                    doorman.patience = lambda seconds: limit.reschedule(now() + seconds)
                    caller = await doorman.login
            except TimeoutError:
                self._refused(address, Refused("login.timeout", "the login took too long"))
                caller = None
        finally:
            self._crowd.leave()
        try:
            if caller is not None:
                await self._admit(caller, session, connection, address, doorman.moment)
        finally:
            await _hang_up(connection)

    async def _admit(
        self, caller: Caller, session: Session, connection: Entrance, address: str, moment: int
    ) -> None:
        claim = caller.claim
        try:
            backend = self._reception.find(caller.principal, claim.resource, self.backends)
            if claim.login not in ("", backend.login):
                raise TurnedAway("login.login", f"{claim.resource} has no login {claim.login!r}")
            await self._session(backend, caller, session, connection, address, moment)
        except (TurnedAway, UpstreamRefused) as no:
            if isinstance(no, UpstreamRefused) and no.detail:
                log.warning("resource %s: %s: %s", claim.resource, no.reason, no.detail)
            refused = Refused(no.code, no.reason, caller.user, claim.resource)
            self._refused(address, refused, caller.principal)
            session.turn_away(no.code, no.reason)
            with contextlib.suppress(OSError):
                connection.disconnect(asyncssh.DISC_BY_APPLICATION, f"vedette: {no.reason} [{no.code}]")

    async def _session(
        self, backend: Backend, caller: Caller, session: Session, connection: Entrance, address: str,
        moment: int,
    ) -> None:  # fmt: skip
        self._reception.check_room(caller.principal, backend.resource, backend.max_sessions)
        name, live = self._reception.name(), self._shared.live
        try:
            with live.seat(name, caller.principal, backend.resource, moment=moment) as seat:
                upstream = await backend.dial(session.lost_upstream, name, caller.principal)
                try:
                    seat.check()
                    await self._relay(backend, caller, session, connection, upstream, address, seat)
                finally:
                    upstream.abort()
        except Unwelcome as no:
            raise turned_away(no) from None

    async def _relay(
        self, backend: Backend, caller: Caller, session: Session, connection: Entrance,
        upstream: asyncssh.SSHClientConnection, address: str, seat: Seat,
    ) -> None:  # fmt: skip
        shared, name = self._shared, seat.session
        policy = shared.policy(caller.principal, backend.resource)
        gate = self._reception.gate(caller.principal, backend.resource, name, backend.keep)
        began = shared.clock()
        opened = events.SessionOpened(
            at=began, session=name, who=events.caller(caller.principal), resource=backend.resource.name,
            protocol=PROTOCOL, address=address, tls=str(connection.get_extra_info("send_cipher", "")),
            application=caller.by, policy=policy.hash, observing=policy.observing,
            state=(("login", backend.login),),
        )  # fmt: skip
        self._reception.opened(opened)
        self.sessions[name], self._gates[name] = session, gate
        session.forwards.elsewhere = lambda host, port: self.elsewhere(gate.resource.name, host, port)
        try:
            seat.activity = lambda: session.activity
            seat.end = session.close
            session.begin(
                gate, policy, upstream, backend.login, shared.tapes, backend.mask_key,
                backend.keep,
                lambda outcome: self._came(name, outcome),
            )  # fmt: skip
            end = await session.over()
        finally:
            del self.sessions[name], self._gates[name]
        closed = events.SessionClosed(
            at=shared.clock(), session=name, reason=end.reason, actions=end.actions, denied=end.denied,
            bytes_up=end.bytes_up, bytes_down=end.bytes_down, duration=shared.clock() - began,
        )  # fmt: skip
        self._reception.closed(closed)
        with contextlib.suppress(OSError):
            connection.disconnect(asyncssh.DISC_BY_APPLICATION, f"vedette: {end.reason}")
        await session.stopped()

    # --- records ----------------------------------------------------------------------------------------

    def _refused(self, address: str, refused: Refused, principal: Principal | None = None) -> None:
        self._reception.refused(
            address, refused.code, refused.reason, refused.resource, refused.user, principal
        )

    def _came(self, session: str, outcome: Outcome) -> None:
        event = events.ActionOutcome(
            at=self._shared.clock(), session=session, action=outcome.action, status=outcome.status,  # type: ignore[arg-type]
            bytes=outcome.bytes, tag=outcome.tag, duration=outcome.seconds, masks=dict(outcome.masks),
        )  # fmt: skip
        self._reception.came(event)


async def _hang_up(connection: Entrance) -> None:
    """Give the caller a moment to read our last words, then close for good."""
    connection.close()
    try:
        async with asyncio.timeout(LAST_WORDS_SECONDS):
            await connection.wait_closed()
    except TimeoutError:
        connection.abort()
