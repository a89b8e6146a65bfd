"""The PostgreSQL engine: lets callers in, logs in for them, and runs their sessions."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from vedette.model import Resource
from vedette.protocols.aside import aside
from vedette.protocols.live import Seat, Unwelcome
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
from vedette.protocols.reception import Reception, Shared, TurnedAway, turned_away
from vedette.protocols.reception import address as address_of
from vedette.sql.reading import State
from vedette.trail import events
from vedette.trail.judgements import Keep

log = logging.getLogger(__name__)

PROTOCOL = "postgres"


class Refresher(Keeper, Protocol):
    """A keeper that can be told that the catalogue has changed."""

    async def ready(self) -> None:
        """Returns once a catalogue has been read. Raises UpstreamRefused."""

    def invalidate(self) -> None: ...


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


# What is said in SQL where a caller is turned away; else too_many_connections.
_SQLSTATES = {
    "identity.blocked": "28000",
    "identity.revoked": "28000",
    "journal.unavailable": "58030",
    "login.lent": "42501",
    "login.policy": "42501",
    "login.resource": "3D000",
}


class Engine:
    """All PostgreSQL sessions of one gateway."""

    def __init__(
        self, shared: Shared, identity: Identity, mask_key: bytes, backends: Mapping[str, Backend]
    ) -> None:
        self.backends = dict(backends)
        self.sessions: dict[str, Session] = {}
        self._shared = shared
        self._identity = identity
        self._mask_key = mask_key
        self._reception = Reception(PROTOCOL, shared)
        self._keys: CancelKeys[Session] = CancelKeys()

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
        address, moment = address_of(sock), self._shared.live.moment
        outcome = await accept(sock, door, self._identity)
        if isinstance(outcome, Refused):
            if outcome.code != "login.gone" or outcome.user:
                self._reception.refused(address, outcome.code, outcome.reason, outcome.resource, outcome.user)
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
        try:
            backend = self._reception.find(login.principal, login.resource, self.backends)
            await self._session(backend, login, wire, address, moment)
        except (TurnedAway, UpstreamRefused) as no:
            if isinstance(no, UpstreamRefused) and no.detail:
                log.warning("resource %s: %s: %s", login.resource, no.reason, no.detail)
            self._reception.refused(address, no.code, no.reason, login.resource, login.user, login.principal)
            state = no.sqlstate if isinstance(no, UpstreamRefused) else _SQLSTATES.get(no.code, "53300")
            fatal = m.error(state, f"vedette: {no.reason}", detail=f"code {no.code}", severity="FATAL")
            await wire.last_words(fatal)
        except Gone:
            wire.close()
        except Exception:
            wire.close()  # the fault is ours: nobody is left waiting for an answer
            raise

    async def _session(self, backend: Backend, login: Login, wire: Wire, address: str, moment: int) -> None:
        self._reception.check_room(login.principal, backend.resource, backend.max_sessions)
        name, live = self._reception.name(), self._shared.live
        try:
            with live.seat(name, login.principal, backend.resource, moment=moment) as seat:
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
            raise turned_away(no) from None

    async def _relay(
        self, backend: Backend, login: Login, wire: Wire, upstream: Upstream, state: State, address: str,
        seat: Seat,
    ) -> None:  # fmt: skip
        shared, name = self._shared, seat.session
        policy = shared.policy(login.principal, backend.resource)
        gate = self._reception.gate(login.principal, backend.resource, name, backend.keep)
        began = shared.clock()
        opened = events.SessionOpened(
            at=began, session=name, who=events.caller(login.principal), resource=backend.resource.name,
            protocol=PROTOCOL, address=address, tls="tls" if login.encrypted else "",
            application=login.settings.get("application_name", ""), policy=policy.hash,
            observing=policy.observing,
            state=(
                ("database", state.database), ("role", state.role),
                ("search_path", ", ".join(state.search_path)),
            ),
        )  # fmt: skip
        self._reception.opened(opened)
        session = Session(
            name, gate, backend.reader, upstream, wire, state,
            masks=policy.masks, key=self._mask_key, bounds=backend.bounds,
            came=partial(self._record, name), changed=backend.keeper.invalidate, clock=shared.clock,
            journal=shared.journal,
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
        self._reception.closed(closed)
        await session.settle()

    # --- records ------------------------------------------------------------------------------

    def _record(self, session: str, outcome: Outcome, status: str, seconds: float) -> None:
        described = outcome.described
        event = events.ActionOutcome(
            at=self._shared.clock(), session=session, action=outcome.ruling.action, status=status,  # type: ignore[arg-type]
            rows=outcome.rows, bytes=outcome.size, tag=outcome.tag, sqlstate=outcome.sqlstate,
            masks=outcome.masked, duration=seconds, columns=labels(described) if described else (),
            sample=rows(described, outcome.sample) if outcome.sample else (),
        )  # fmt: skip
        self._shared.journal.defer(*events.encode(event))


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
