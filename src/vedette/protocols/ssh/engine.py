"""The SSH engine: lets callers in, logs in for them at their host, and runs their sessions."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import asyncssh

from vedette.gate import Desk, Gate
from vedette.model import Ask, Decision, MaskRule, Principal, Recorded, Resource, Shell
from vedette.protocols.lifetime import BLOCKED
from vedette.protocols.live import Live, Seat, Unwelcome
from vedette.protocols.postgres.accept import Crowd, serve
from vedette.protocols.refusals import Refusals
from vedette.protocols.ssh.accept import Caller, Door, Doorman, Entrance, Refused, options
from vedette.protocols.ssh.dial import UpstreamRefused
from vedette.protocols.ssh.session import LAST_WORDS_SECONDS, Outcome, Session
from vedette.recording.tape import Tapes
from vedette.trail import events
from vedette.trail.judgements import Journal, Keep

log = logging.getLogger(__name__)
# Its messages hold commands, variables and names as callers send them.
asyncssh.set_log_level(logging.CRITICAL)

PROTOCOL = "ssh"
Lost = Callable[[Exception | None], None]


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
    @property
    def shell(self) -> Shell | None: ...
    @property
    def recorded(self) -> Recorded: ...
    def decide(self, ask: Ask) -> Decision: ...


class Limits(Protocol):
    """*sessions* in all and *per_principal*."""

    @property
    def sessions(self) -> int: ...
    @property
    def per_principal(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Backend:
    """A host. *dial* logs in there as *login* for somebody's session; *Lost* hears that the host is gone."""

    resource: Resource
    login: str
    dial: Callable[[Lost, str, Principal], Awaitable[asyncssh.SSHClientConnection]]
    keep: Keep
    max_sessions: int = 1000


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
    tapes: Tapes


class TurnedAway(Exception):
    """A caller that is who it says, and gets no session all the same."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Engine:
    """All SSH sessions of one gateway."""

    def __init__(self, shared: Shared, backends: Mapping[str, Backend]) -> None:
        self.backends = dict(backends)
        self.sessions: dict[str, Session] = {}
        self._gates: dict[str, Gate] = {}
        self._shared = shared
        self._crowd = Crowd()
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
                log.error("an SSH session ended by a fault in the gateway: %s", type(fault).__name__)
                sock.close()

        await serve(listener, visit)

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

    async def _visit(self, sock: socket.socket, door: Door) -> None:
        address = _address(sock)
        if not self._crowd.enter():
            self._refused(address, Refused("login.crowded", "too many logins are under way"))
            sock.close()
            return
        session = Session(self._shared.clock)
        doorman = Doorman(door, session, lambda refused: self._refused(address, refused))
        try:
            connection = Entrance(options(door, doorman), doorman)
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, sock)
            try:
                async with asyncio.timeout(door.deadline()):
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
        backend = self.backends.get(claim.resource)
        try:
            if not caller.principal.reaches(claim.resource):
                # Said before it is known whether there is such a resource.
                raise TurnedAway("login.lent", "what you show is lent for other resources")
            if backend is None:
                raise TurnedAway("login.resource", f"there is no resource {claim.resource!r}")
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
        limits, live, resource = self._shared.limits(), self._shared.live, backend.resource
        if len(live.sessions) >= limits.sessions or live.on(resource.name) >= backend.max_sessions:
            raise TurnedAway("login.crowded", "too many sessions are open; try again later")
        if live.of(caller.principal) >= limits.per_principal:
            raise TurnedAway("login.crowded", f"{caller.principal.subject} has too many sessions open")
        name = f"{self._prefix}-{next(self._numbers)}"
        try:
            with live.seat(name, caller.principal, resource, moment=moment) as seat:
                upstream = await backend.dial(session.lost_upstream, name, caller.principal)
                try:
                    seat.check()
                    await self._relay(backend, caller, session, connection, upstream, address, seat)
                finally:
                    upstream.abort()
        except Unwelcome as no:
            if no.ending is BLOCKED:
                refusal = "this caller is blocked here; ask an administrator"
                raise TurnedAway("identity.blocked", refusal) from None
            raise TurnedAway(no.ending.code, no.ending.reason) from None

    async def _relay(
        self, backend: Backend, caller: Caller, session: Session, connection: Entrance,
        upstream: asyncssh.SSHClientConnection, address: str, seat: Seat,
    ) -> None:  # fmt: skip
        shared, name = self._shared, seat.session
        policy = shared.policy(caller.principal, backend.resource)
        gate = Gate(
            caller.principal, backend.resource, name,
            policy=policy, journal=shared.journal, desk=shared.desk, keep=backend.keep, now=shared.clock,
        )  # fmt: skip
        began = shared.clock()
        opened = events.SessionOpened(
            at=began, session=name, who=events.caller(caller.principal), resource=backend.resource.name,
            protocol=PROTOCOL, address=address, tls=str(connection.get_extra_info("send_cipher", "")),
            application=caller.by, policy=policy.hash, observing=policy.observing,
            state=(("login", backend.login),),
        )  # fmt: skip
        try:
            shared.journal.append(*events.encode(opened))
        except OSError:
            raise TurnedAway("journal.unavailable", "the journal cannot be written") from None
        self.sessions[name], self._gates[name] = session, gate
        try:
            seat.activity = lambda: session.activity
            seat.end = session.close
            session.begin(
                gate, policy, upstream, backend.login, shared.tapes,
                lambda outcome: self._came(name, outcome),
            )  # fmt: skip
            end = await session.over()
        finally:
            del self.sessions[name], self._gates[name]
        closed = events.SessionClosed(
            at=shared.clock(), session=name, reason=end.reason, actions=end.actions, denied=end.denied,
            bytes_up=end.bytes_up, bytes_down=end.bytes_down, duration=shared.clock() - began,
        )  # fmt: skip
        try:
            shared.journal.append(*events.encode(closed))
        except OSError:
            # Nothing runs any more, so this can wait until the journal is well again.
            with contextlib.suppress(OSError):
                shared.journal.defer(*events.encode(closed))
        with contextlib.suppress(OSError):
            connection.disconnect(asyncssh.DISC_BY_APPLICATION, f"vedette: {end.reason}")
        await session.stopped()

    # --- records ----------------------------------------------------------------------------------------

    def _refused(self, address: str, refused: Refused, principal: Principal | None = None) -> None:
        at = self._shared.clock()
        if principal is None and not self._shared.refusals.room(address, refused.code, at):
            return
        event = events.SessionRefused(
            at=at, session=f"{self._prefix}-{next(self._numbers)}", protocol=PROTOCOL,
            code=refused.code, reason=refused.reason, address=address, resource=refused.resource,
            claimed=refused.user, who=events.caller(principal) if principal is not None else None,
        )  # fmt: skip
        try:
            self._shared.journal.append(*events.encode(event))
        except (OSError, UnicodeError):
            log.error("a refused login (%s) could not be recorded", refused.code)

    def _came(self, session: str, outcome: Outcome) -> None:
        event = events.ActionOutcome(
            at=self._shared.clock(), session=session, action=outcome.action, status=outcome.status,  # type: ignore[arg-type]
            bytes=outcome.bytes, tag=outcome.tag, duration=outcome.seconds,
        )  # fmt: skip
        with contextlib.suppress(OSError):  # its own record stands; this one is a courtesy
            self._shared.journal.defer(*events.encode(event))


def _address(sock: socket.socket) -> str:
    try:
        name = sock.getpeername()
    except OSError:
        return ""
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "unix"


async def _hang_up(connection: Entrance) -> None:
    """Give the caller a moment to read our last words, then close for good."""
    connection.close()
    try:
        async with asyncio.timeout(LAST_WORDS_SECONDS):
            await connection.wait_closed()
    except TimeoutError:
        connection.abort()
