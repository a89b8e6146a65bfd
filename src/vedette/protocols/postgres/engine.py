"""The PostgreSQL engine: lets callers in, logs in for them, and runs their sessions."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from vedette.gate import Desk, Gate
from vedette.model import Ask, Decision, MaskRule, Principal, Resource
from vedette.protocols.aside import aside
from vedette.protocols.lifetime import BLOCKED, NO_POLICY
from vedette.protocols.live import Live, Seat, Unwelcome
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.accept import Caller, Canceller, Door, Identity, accept, serve
from vedette.protocols.postgres.cancel import CancelKeys
from vedette.protocols.postgres.dial import Upstream
from vedette.protocols.postgres.exchange import Outcome
from vedette.protocols.postgres.login_downstream import Login, Refused, welcome
from vedette.protocols.postgres.login_upstream import UpstreamRefused
from vedette.protocols.postgres.messages import ProtocolError
from vedette.protocols.postgres.probe import PROBE, read_probe
from vedette.protocols.postgres.reader import Keeper, Reader
from vedette.protocols.postgres.samples import labels, rows
from vedette.protocols.postgres.session import Bounds, Session
from vedette.protocols.postgres.wire import Gone, Wire
from vedette.protocols.refusals import Refusals
from vedette.sql.reading import State
from vedette.trail import events
from vedette.trail.judgements import Journal, Keep

log = logging.getLogger(__name__)


class Refresher(Keeper, Protocol):
    """A keeper that can be told that the catalogue has changed."""

    async def ready(self) -> None:
        """Returns once a catalogue has been read. Raises UpstreamRefused."""

    def invalidate(self) -> None: ...


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


@dataclass(slots=True)
class Backend:
    """A PostgreSQL resource. *dial* logs in with (settings, protocol version)."""

    resource: Resource
    dial: Callable[[Mapping[str, str], int], Awaitable[Upstream]]
    keeper: Refresher
    keep: Keep
    bounds: Bounds = field(default_factory=Bounds)
    max_sessions: int = 1000
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = Reader(self.keeper, aside)


class Limits(Protocol):
    """*sessions* in all and *per_principal*."""

    @property
    def sessions(self) -> int: ...
    @property
    def per_principal(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Shared:
    """
    What all sessions use. *policy* gives what applies to a principal on a resource now, *limits*
    what holds now. *live* is where sessions are registered, and *refusals* where logins that
    fail are counted, those of other engines too.
    """

    identity: Identity
    journal: Journal
    desk: Desk
    policy: Callable[[Principal, Resource], SessionPolicy]
    mask_key: bytes = field(repr=False)
    clock: Callable[[], float]
    limits: Callable[[], Limits]
    live: Live
    refusals: Refusals


class TurnedAway(Exception):
    """A caller that is who it says, and gets no session all the same."""

    def __init__(self, code: str, reason: str, sqlstate: str = "53300") -> None:
        super().__init__(reason)
        self.code, self.reason, self.sqlstate = code, reason, sqlstate


class Engine:
    """All PostgreSQL sessions of one gateway."""

    def __init__(self, shared: Shared, backends: Mapping[str, Backend]) -> None:
        self.backends = dict(backends)
        self.sessions: dict[str, Session] = {}
        self._shared = shared
        self._keys: CancelKeys[Session] = CancelKeys()
        self._numbers = itertools.count(1)
        # Session names stay unique over restarts.
        self._prefix = secrets.token_hex(4)

    async def serve(self, listener: socket.socket, door: Callable[[], Door]) -> None:
        """Serve everyone who comes to *listener* by what *door* is by then, until cancelled."""

        async def visit(sock: socket.socket) -> None:
            try:
                await self._visit(sock, door())
            except Exception:
                # One caller's trouble is that caller's alone.
                log.exception("a PostgreSQL session ended by a fault in the gateway")

        await serve(listener, visit)

    def reload(self, backends: Mapping[str, Backend]) -> None:
        """
        The settings have changed: new sessions use *backends*. Who is put out is for `Live` to say.

        Live sessions keep their upstream. From their next action on they go by the policies in
        force now, and by the labels that what they have reached has now.
        """
        self.backends = dict(backends)
        for name, session in list(self.sessions.items()):
            gate = session.gate
            there = gate.resource
            now = self.backends.get(there.name)
            if now is not None and now.resource.at == there.at:
                gate.resource = self._shared.live.sessions[name].resource = now.resource
            policy = self._shared.policy(session.principal, gate.resource)
            # What people are being asked stays good where nothing has changed that it hangs on.
            if policy.hash != gate.policy or gate.resource != there:
                session.use(policy, policy.masks)

    # --- one caller -----------------------------------------------------------------------

    async def _visit(self, sock: socket.socket, door: Door) -> None:
        address, moment = _address(sock), self._shared.live.moment
        outcome = await accept(sock, door, self._shared.identity)
        if isinstance(outcome, Refused):
            if outcome.code != "login.gone" or outcome.user:
                self._refused(address, outcome.code, outcome.reason, outcome.resource, outcome.user)
        elif isinstance(outcome, Canceller):
            session = self._keys.find(outcome.request)
            if session is not None:
                session.cancel()
                await session.settle()
            await outcome.done()
        else:
            await self._admit(outcome, address, moment)

    async def _admit(self, caller: Caller, address: str, moment: int) -> None:
        login, wire = caller.login, caller.wire
        backend = self.backends.get(login.resource)
        try:
            if not login.principal.reaches(login.resource):
                raise TurnedAway("login.lent", "what you show is lent for other resources", "42501")
            if backend is None:
                raise TurnedAway("login.resource", f"there is no resource {login.resource!r}", "3D000")
            await self._session(backend, login, wire, address, moment)
        except (TurnedAway, UpstreamRefused) as no:
            if isinstance(no, UpstreamRefused) and no.detail:
                log.warning("resource %s: %s: %s", login.resource, no.reason, no.detail)
            self._refused(address, no.code, no.reason, login.resource, login.user, login.principal)
            fatal = m.error(no.sqlstate, f"vedette: {no.reason}", detail=f"code {no.code}", severity="FATAL")
            await wire.last_words(fatal)
        except Gone:
            wire.close()
        except Exception:
            wire.close()  # the fault is ours: nobody is left waiting for an answer
            raise

    async def _session(self, backend: Backend, login: Login, wire: Wire, address: str, moment: int) -> None:
        limits, live, resource = self._shared.limits(), self._shared.live, backend.resource
        if len(live.sessions) >= limits.sessions or live.on(resource.name) >= backend.max_sessions:
            raise TurnedAway("login.crowded", "too many sessions are open; try again later")
        if live.of(login.principal) >= limits.per_principal:
            raise TurnedAway("login.crowded", f"{login.principal.subject} has too many sessions open")
        name = f"{self._prefix}-{next(self._numbers)}"
        try:
            with live.seat(name, login.principal, resource, moment=moment) as seat:
                upstream = await backend.dial(login.settings, login.version)
                try:
                    await backend.keeper.ready()
                    state = await _probe(upstream.wire)
                    seat.check()
                    await self._relay(backend, login, wire, upstream, state, address, seat)
                except BaseException:
                    upstream.wire.close()
                    raise
        except Unwelcome as no:
            raise _turned_away(no) from None

    async def _relay(
        self, backend: Backend, login: Login, wire: Wire, upstream: Upstream, state: State, address: str,
        seat: Seat,
    ) -> None:  # fmt: skip
        shared, name = self._shared, seat.session
        policy = shared.policy(login.principal, backend.resource)
        gate = Gate(
            login.principal, backend.resource, name,
            policy=policy, journal=shared.journal, desk=shared.desk, keep=backend.keep, now=shared.clock,
        )  # fmt: skip
        began = shared.clock()
        opened = events.SessionOpened(
            at=began, session=name, who=events.caller(login.principal), resource=backend.resource.name,
            protocol="postgres", address=address, tls="tls" if login.encrypted else "",
            application=login.settings.get("application_name", ""), policy=policy.hash,
            observing=policy.observing,
            state=(
                ("database", state.database), ("role", state.role),
                ("search_path", ", ".join(state.search_path)),
            ),
        )  # fmt: skip
        try:
            shared.journal.append(*events.encode(opened))
        except OSError:
            raise TurnedAway("journal.unavailable", "the journal cannot be written", "58030") from None
        session = Session(
            name, gate, backend.reader, upstream, wire, state,
            masks=policy.masks, key=shared.mask_key, bounds=backend.bounds,
            came=partial(self._record, name), changed=backend.keeper.invalidate, clock=shared.clock,
        )  # fmt: skip
        key = self._keys.issue(session, login.version)
        self.sessions[name] = session
        seat.end, seat.activity = session.end, session.activity
        greeting = welcome(upstream.parameters, key.pid, key.secret)
        if policy.observing:
            loud = m.notice("vedette: a policy here is observing only: its rules are not enforced")
            greeting = greeting[: -len(m.ready())] + loud + m.ready()
        try:
            end = await session.run(greeting)
        finally:
            self._keys.forget(key)
            del self.sessions[name]
            shared.live.forget(name)
        closed = events.SessionClosed(
            at=shared.clock(), session=name, reason=end.reason, actions=end.actions, denied=end.denied,
            rows=end.rows, bytes_up=end.bytes_up, bytes_down=end.bytes_down, duration=shared.clock() - began,
        )  # fmt: skip
        try:
            shared.journal.append(*events.encode(closed))
        except OSError:
            # Nothing runs any more, so this can wait until the journal is well again.
            with contextlib.suppress(OSError):
                shared.journal.defer(*events.encode(closed))
        await session.settle()

    # --- records ------------------------------------------------------------------------------

    def _refused(
        self,
        address: str,
        code: str,
        reason: str,
        resource: str,
        user: str,
        principal: Principal | None = None,
    ) -> None:
        at = self._shared.clock()
        if principal is None and not self._shared.refusals.room(address, code, at):
            return
        event = events.SessionRefused(
            at=at, session=f"{self._prefix}-{next(self._numbers)}", protocol="postgres",
            code=code, reason=reason, address=address, resource=resource, claimed=user,
            who=events.caller(principal) if principal is not None else None,
        )  # fmt: skip
        try:
            self._shared.journal.append(*events.encode(event))
        except (OSError, UnicodeError):
            log.error("a refused login (%s) could not be recorded", code)

    def _record(self, session: str, outcome: Outcome, status: str, seconds: float) -> None:
        described = outcome.described
        event = events.ActionOutcome(
            at=self._shared.clock(), session=session, action=outcome.ruling.action, status=status,  # type: ignore[arg-type]
            rows=outcome.rows, bytes=outcome.size, tag=outcome.tag, sqlstate=outcome.sqlstate,
            masks=outcome.masked, duration=seconds, columns=labels(described) if described else (),
            sample=rows(described, outcome.sample) if outcome.sample else (),
        )  # fmt: skip
        self._shared.journal.defer(*events.encode(event))


def _turned_away(no: Unwelcome) -> TurnedAway:
    if no.ending is NO_POLICY:
        return TurnedAway("login.policy", "no policy applies to you here", "42501")
    if no.ending is BLOCKED:
        return TurnedAway("identity.blocked", "this caller is blocked here; ask an administrator", "28000")
    return TurnedAway("identity.revoked", "what you logged in with was withdrawn", "28000")


def _address(sock: socket.socket) -> str:
    try:
        name = sock.getpeername()
    except OSError:
        return ""
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "unix"


async def _probe(wire: Wire) -> State:
    """What names mean in a session that has just begun. Raises UpstreamRefused."""
    await wire.send(m.query(PROBE))
    row = b""
    async with asyncio.timeout(10):
        while True:
            head = await wire.exactly(m.HEADER)
            end = m.message_end(head, 0, 1 << 20)
            body = await wire.exactly(end - m.HEADER)
            if head[:1] == b"D":
                row = head + body
            elif head[:1] == b"E":
                raise UpstreamRefused("upstream.state", "the resource did not tell its search path")
            elif head[:1] == b"Z":
                break
    try:
        return read_probe(row)
    except (ProtocolError, IndexError):
        raise UpstreamRefused("upstream.state", "the resource did not tell its search path") from None
