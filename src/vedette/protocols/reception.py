"""Where every engine's sessions begin and end: who is turned away, and what of it goes on record."""

from __future__ import annotations

import contextlib
import itertools
import logging
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from vedette.gate import Desk, Gate
from vedette.model import Ask, Decision, MaskRule, Principal, Recorded, Resource, Shell
from vedette.protocols.lifetime import BLOCKED, NO_POLICY, REVOKED
from vedette.protocols.live import Live, Unwelcome
from vedette.protocols.refusals import Refusals
from vedette.recording.tape import Tapes
from vedette.trail import events
from vedette.trail.judgements import Journal, Keep

log = logging.getLogger(__name__)

Backend = TypeVar("Backend")


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


class TurnedAway(Exception):
    """A caller that is who it says, and gets no session all the same. The code is stable."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True, slots=True)
class Shared:
    """
    What the sessions of all engines use. *policy* gives what applies to a principal on a resource
    now, *limits* what holds now. *live* is where sessions are registered, and *refusals* where
    logins that fail are counted; *tapes* are what recordings are kept on.
    """

    journal: Journal
    desk: Desk
    policy: Callable[[Principal, Resource], SessionPolicy]
    clock: Callable[[], float]
    limits: Callable[[], Limits]
    live: Live
    refusals: Refusals
    tapes: Tapes


class Reception:
    """One engine's front desk; *protocol* is what its records call it."""

    def __init__(self, protocol: str, shared: Shared) -> None:
        self._protocol = protocol
        self._shared = shared
        self._numbers = itertools.count(1)
        # Session names stay unique over restarts.
        self._prefix = secrets.token_hex(4)

    def name(self) -> str:
        """A new session's."""
        return f"{self._prefix}-{next(self._numbers)}"

    def find(self, principal: Principal, resource: str, backends: Mapping[str, Backend]) -> Backend:
        """The one of *backends* that is called *resource*.

        Raises:
            TurnedAway: there is none; what was shown is not good for it, which is said before anybody
                learns whether it exists.
        """
        if not principal.reaches(resource):
            raise TurnedAway("login.lent", "what you show is lent for other resources")
        if (found := backends.get(resource)) is None:
            raise TurnedAway("login.resource", f"there is no resource {resource!r}")
        return found

    def check_room(self, principal: Principal, resource: Resource, most: int) -> None:
        """Whether one more session fits: in all, on the resource (*most*), of the principal.

        Raises:
            TurnedAway: it does not.
        """
        limits, live = self._shared.limits(), self._shared.live
        if len(live.sessions) >= limits.sessions or live.on(resource.name) >= most:
            raise TurnedAway("login.crowded", "too many sessions are open; try again later")
        if live.of(principal) >= limits.per_principal:
            raise TurnedAway("login.crowded", f"{principal.subject} has too many sessions open")

    def gate(self, principal: Principal, resource: Resource, name: str, keep: Keep) -> Gate:
        """A gate for the session *name*, with the policy in force."""
        shared = self._shared
        return Gate(
            principal, resource, name,
            policy=shared.policy(principal, resource), journal=shared.journal, desk=shared.desk, keep=keep,
            now=shared.clock,
        )  # fmt: skip

    # --- records ------------------------------------------------------------------------------

    def opened(self, event: events.SessionOpened) -> None:
        """Raises TurnedAway: without a record there is no session."""
        try:
            self._shared.journal.append(*events.encode(event))
        except OSError:
            raise TurnedAway("journal.unavailable", "the journal cannot be written") from None

    def closed(self, event: events.SessionClosed) -> None:
        """On record now or, as nothing runs any more, when the journal is well again."""
        try:
            self._shared.journal.append(*events.encode(event))
        except OSError:
            with contextlib.suppress(OSError):
                self._shared.journal.defer(*events.encode(event))

    def refused(
        self, address: str, code: str, reason: str, resource: str, claimed: str,
        principal: Principal | None = None,
    ) -> None:  # fmt: skip
        """*claimed* is the user's name as sent; strangers (no *principal*) are counted beyond a rate."""
        at = self._shared.clock()
        if principal is None and not self._shared.refusals.room(address, code, at):
            return
        event = events.SessionRefused(
            at=at, session=self.name(), protocol=self._protocol, code=code, reason=reason,
            address=address, resource=resource, claimed=claimed,
            who=events.caller(principal) if principal is not None else None,
        )  # fmt: skip
        try:
            self._shared.journal.append(*events.encode(event))
        except (OSError, UnicodeError):
            log.error("a refused login (%s) could not be recorded", code)

    def came(self, event: events.ActionOutcome) -> None:
        """What came of an action: with the next record that is written, and not lost where that fails."""
        with contextlib.suppress(OSError):  # the action's own record stands
            self._shared.journal.defer(*events.encode(event))


def turned_away(no: Unwelcome) -> TurnedAway:
    """What a caller is told whose seat is lost before its session began."""
    if no.ending is NO_POLICY:
        return TurnedAway("login.policy", "no policy applies to you here")
    if no.ending is BLOCKED:
        return TurnedAway("identity.blocked", "this caller is blocked here; ask an administrator")
    if no.ending.code == REVOKED.code:
        return TurnedAway("identity.revoked", "what you logged in with was withdrawn")
    return TurnedAway(no.ending.code, no.ending.reason)


def address(sock: socket.socket) -> str:
    """The caller's, as records show it: ``host:port``, or ``unix``."""
    try:
        name = sock.getpeername()
    except OSError:
        return ""
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "unix"
