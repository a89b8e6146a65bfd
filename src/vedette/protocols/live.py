"""The sessions that last, of all protocols: who they are, and what ends them.

An engine registers each session before it dials, and gives a way to end it. Everything
that ends sessions (a revocation, a group taken away, a kill, time) comes through here, so
that it works alike on every protocol, within a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from vedette.model import Lifetime, Principal, Resource
from vedette.protocols.lifetime import (
    BLOCKED,
    NO_POLICY,
    PATIENCE_SECONDS,
    REVOKED,
    UNCONFIRMED,
    UNTRUSTED,
    Ending,
    killed,
    lost,
    overdue,
)

log = logging.getLogger(__name__)

#: How often everybody's time is looked at.
TURN_SECONDS = 0.5
#: How long one question about a credential may take, and how many are asked at once.
ASK_SECONDS = 5.0
MAX_ASKED = 8

UNBOUNDED = Lifetime()
Ends = Callable[[Ending], None]
Activity = Callable[[], int | None]


def _silent() -> int | None:
    return 0


class Unwelcome(Exception):
    """A session that may not begin (any more): *ending* says why."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.reason)
        self.ending = ending


@dataclass(slots=True, eq=False)
class Seat:
    """
    One session's place. *ending* is why it ends, once it does.

    The engine sets *end*, which closes the session on both sides without waiting, and *activity*,
    which gives a number that differs whenever something was said, and None while something
    runs or people are being asked. Until *end* is set, ask `check` after each wait.
    """

    session: str
    principal: Principal
    resource: Resource
    lifetime: Lifetime
    began: float
    active: float
    asked: float
    end: Ends | None = None
    activity: Activity = _silent
    ending: Ending | None = None
    said: int | None = None
    due: bool = False
    unsure: float | None = None

    @property
    def bounded(self) -> bool:
        """Whether its time is anything to look at."""
        return self.lifetime is not UNBOUNDED

    def check(self) -> None:
        """Raises Unwelcome where the session was ended before it began."""
        if self.ending is not None:
            raise Unwelcome(self.ending)

    def close(self, ending: Ending) -> bool:
        """End it; False where it is ending already."""
        if self.ending is not None:
            return False
        self.ending = ending
        if self.end is not None:
            self.end(ending)
        return True


@dataclass(slots=True)
class Live:
    """
    All live sessions of one gateway.

    *terms* gives how long a principal may stay on a resource, None where no policy lets it in;
    *recheck* who its credential speaks for now, None where it no longer stands (it raises
    where that cannot be found out now). *trusts* tells at once whether its issuer is known and its
    credential not revoked; *blocked*, whether it is shut out. *clock* is monotonic, in seconds.
    """

    terms: Callable[[Principal, Resource], Lifetime | None]
    recheck: Callable[[Principal], Awaitable[Principal | None]]
    trusts: Callable[[Principal], bool]
    clock: Callable[[], float]
    blocked: Callable[[Principal], bool] = lambda _: False
    _seats: dict[str, Seat] = field(default_factory=dict)
    _soon: asyncio.Event = field(default_factory=asyncio.Event)
    _askers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_ASKED))
    _asking: dict[Principal, asyncio.Task[None]] = field(default_factory=dict)
    _of: Counter[str] = field(default_factory=Counter)
    _on: Counter[str] = field(default_factory=Counter)
    _reviews: int = 0

    # --- what engines ask ---------------------------------------------------------------------

    @property
    def moment(self) -> int:
        """Where reviews stand. Remember it before a caller's credential is verified, for `register`."""
        return self._reviews

    @contextmanager
    def seat(
        self, session: str, principal: Principal, resource: Resource, *, moment: int | None = None
    ) -> Iterator[Seat]:
        """A place for a session while this lasts. Raises Unwelcome."""
        seat = self.register(session, principal, resource, moment=moment)
        try:
            yield seat
        finally:
            self.forget(session)

    def register(
        self,
        session: str,
        principal: Principal,
        resource: Resource,
        end: Ends | None = None,
        activity: Activity = _silent,
        *,
        moment: int | None = None,
    ) -> Seat:
        """
        Give *session* a place; `forget` it when it is over.

        With *moment* given, what was changed since then is asked about at once. Raises Unwelcome
        where its credential is void by now, or no policy lets it in.
        """
        lifetime = self._welcome(principal, resource)
        now = self.clock()
        seat = Seat(session, principal, resource, lifetime, now, now, now, end, activity)
        self._seats[session] = seat
        self._of[principal.id] += 1
        self._on[resource.name] += 1
        if moment is not None and moment != self._reviews:
            self._look_at(seat)
        return seat

    def forget(self, session: str) -> None:
        """It is over."""
        seat = self._seats.pop(session, None)
        if seat is not None:
            _one_less(self._of, seat.principal.id)
            _one_less(self._on, seat.resource.name)

    def _welcome(self, principal: Principal, resource: Resource) -> Lifetime:
        if self.blocked(principal):
            raise Unwelcome(BLOCKED)
        if not self.trusts(principal):
            raise Unwelcome(REVOKED)
        lifetime = self.terms(principal, resource)
        if lifetime is None:
            raise Unwelcome(NO_POLICY)
        return UNBOUNDED if lifetime == UNBOUNDED else lifetime

    # --- what others ask ------------------------------------------------------------------------

    @property
    def sessions(self) -> Mapping[str, Seat]:
        """By id; those that are still being opened as well."""
        return self._seats

    def of(self, principal: Principal) -> int:
        """How many sessions *principal* has."""
        return self._of[principal.id]

    def on(self, resource: str) -> int:
        """How many sessions there are on the resource of that name."""
        return self._on[resource]

    def kill(self, session: str, reason: str) -> bool:
        """End a session now; False where it is not (or no longer) here."""
        seat = self._seats.get(session)
        return seat is not None and self._close(seat, killed(reason))

    def kill_all(self, reason: str, principal: str | None = None) -> tuple[str, ...]:
        """
        End every session now; with *principal* (an id, or a credential's), its own and those of who acts
        for it. Returns which.
        """
        ending = killed(reason)
        return tuple(
            seat.session
            for seat in list(self._seats.values())
            if (principal is None or principal in seat.principal.answers_to) and self._close(seat, ending)
        )

    def shut_out(self) -> None:
        """Somebody was blocked: end the sessions of whoever is."""
        for seat in list(self._seats.values()):
            if self.blocked(seat.principal):
                self._close(seat, BLOCKED)

    def end_all(self, ending: Ending) -> None:
        for seat in list(self._seats.values()):
            self._close(seat, ending)

    def revoked(self, credentials: frozenset[str]) -> None:
        """These are void from now on."""
        for seat in list(self._seats.values()):
            if seat.principal.credential in credentials:
                self._close(seat, REVOKED)

    def review(self) -> None:
        """Something about people, accounts or keys has changed: ask about everybody at the next turn."""
        self._reviews += 1
        for seat in self._seats.values():
            self._look_at(seat)

    def reload(self) -> None:
        """The settings have changed: end who is no longer let in, and go by the new bounds."""
        for seat in list(self._seats.values()):
            if not self.trusts(seat.principal):
                self._close(seat, UNTRUSTED)
                continue
            lifetime = self.terms(seat.principal, seat.resource)
            if lifetime is None:
                self._close(seat, NO_POLICY)
                continue
            if not seat.bounded:
                # Nobody has looked so far: it is as if it had just spoken.
                seat.active = seat.asked = self.clock()
            seat.lifetime = UNBOUNDED if lifetime == UNBOUNDED else lifetime

    def _look_at(self, seat: Seat) -> None:
        seat.due = True
        self._soon.set()

    # --- time ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look at everybody's time for ever; ends by being cancelled."""
        while True:
            self._soon.clear()
            self.turn()
            try:
                async with asyncio.timeout(TURN_SECONDS):
                    await self._soon.wait()
            except TimeoutError:
                pass

    def turn(self) -> None:
        """Look at everybody's time once, and ask about those that it is time to ask about."""
        now = self.clock()
        for seat in list(self._seats.values()):
            if seat.ending is not None or not (seat.bounded or seat.due or seat.unsure is not None):
                continue
            ending = self._look(seat, now)
            if ending is not None:
                self._close(seat, ending)
            elif self._to_ask(seat, now) and seat.principal not in self._asking:
                self._asking[seat.principal] = asyncio.create_task(self._ask(seat.principal))

    def _look(self, seat: Seat, now: float) -> Ending | None:
        try:
            said = seat.activity()
        except Exception:
            log.exception("session %s does not say whether it is idle", seat.session)
            return killed("a fault in the gateway")
        if said is None or said != seat.said:
            seat.said, seat.active = said, now
        if seat.unsure is not None and now - seat.unsure >= PATIENCE_SECONDS:
            return UNCONFIRMED
        return overdue(seat.lifetime, age=now - seat.began, quiet=now - seat.active)

    def _to_ask(self, seat: Seat, now: float) -> bool:
        every = seat.lifetime.recheck
        return (
            seat.due or seat.unsure is not None or (every is not None and now - seat.asked >= every.seconds)
        )

    async def _ask(self, principal: Principal) -> None:
        """Who it is by now, for all of its sessions at once."""
        try:
            async with self._askers:
                seats = [seat for seat in self._seats.values() if seat.principal == principal]
                for seat in seats:
                    # What changes from here on is asked about anew.
                    seat.due, seat.asked = False, self.clock()
                try:
                    async with asyncio.timeout(ASK_SECONDS):
                        now = await self.recheck(principal)
                except Exception as problem:  # noqa: BLE001  (whatever it is, nothing is confirmed)
                    self._unsure(seats, problem)
                    return
        finally:
            del self._asking[principal]
        for seat in seats:
            seat.unsure = None
            ending = lost(seat.principal, now, seat.resource.name)
            if ending is not None:
                self._close(seat, ending)

    def _unsure(self, seats: list[Seat], problem: Exception) -> None:
        """Neither yes nor no: asked again at each turn, for as long as patience lasts."""
        for seat in seats:
            if seat.unsure is None:
                seat.unsure = self.clock()
                log.warning("session %s: its credential cannot be confirmed: %s", seat.session, problem)

    def _close(self, seat: Seat, ending: Ending) -> bool:
        try:
            return seat.close(ending)
        except Exception:
            # One engine's trouble with one session must not keep the others alive.
            log.exception("session %s could not be ended (%s)", seat.session, ending.code)
            return False


def _one_less(count: Counter[str], name: str) -> None:
    """Without leaving zeros behind: names come from callers, and there is no end to them."""
    count[name] -= 1
    if count[name] <= 0:
        del count[name]
