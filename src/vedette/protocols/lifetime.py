"""How a session's time runs out, and every reason for which one ends before its caller wants it to."""

from __future__ import annotations

from dataclasses import dataclass

from vedette.model import Bound, Lifetime, Principal
from vedette.policy.rules.session import strictest
from vedette.policy.units import spoken

#: For how long on end a credential may stay unconfirmed (a store or an issuer that does not answer).
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a session ends: a stable *code*, the *reason* for record and caller, and what the caller can do."""

    code: str
    reason: str
    hint: str = ""

    @property
    def word(self) -> str:
        """As ``session.closed`` says it: ``killed: the reason``."""
        return f"{self.code.removeprefix('session.')}: {self.reason}"


REVOKED = Ending("session.revoked", "its token or key was revoked", "log in again with a new one")
BLOCKED = Ending("session.blocked", "its caller was blocked", "ask an administrator")
UNTRUSTED = Ending(
    "session.revoked",
    "who vouched for it is no longer trusted here",
    "log in again with another issuer's token",
)
NO_POLICY = Ending(
    "session.policy", "no policy applies to it any more", "ask an administrator for a policy that names you"
)
UNCONFIRMED = Ending(
    "session.unconfirmed",
    f"its credential could not be confirmed for {spoken(PATIENCE_SECONDS)}",
    "try again later",
)
STOPPING = Ending("session.killed", "the gateway stops", "connect again in a moment")
# What may end without anything wrong on the caller's side, and is so told (PostgreSQL: 57P05).
IDLE = "session.idle"


def killed(reason: str) -> Ending:
    return Ending("session.killed", reason, "ask whoever ended it before you connect again")


def bounded(lifetime: Lifetime, idle: float | None) -> Lifetime:
    """*lifetime* within the gateway's own limit on idle sessions, in seconds."""
    if idle is None:
        return lifetime
    return strictest((lifetime, Lifetime(idle=Bound(idle, "gateway.limits.idle"))))


def overdue(lifetime: Lifetime, *, age: float, quiet: float) -> Ending | None:
    """Why a session of *age* seconds that has been *quiet* for so many must end now, if it must."""
    if lifetime.max is not None and age >= lifetime.max.seconds:
        reason = f"it lasted {spoken(lifetime.max.seconds)}, the most that {lifetime.max.rule} permits"
        return Ending("session.max", reason, "connect again: a new session may begin at once")
    if lifetime.idle is not None and quiet >= lifetime.idle.seconds:
        reason = (
            f"it was idle for {spoken(lifetime.idle.seconds)}, the most that {lifetime.idle.rule} permits"
        )
        return Ending(IDLE, reason, "connect again")
    return None


def lost(then: Principal, now: Principal | None, resource: str) -> Ending | None:
    """What *now* takes from a session on *resource* that began as *then*; None where it may go on.

    More than it had is nothing it gets without a new login, and nothing it loses.
    """
    if now is None:
        return REVOKED
    if now.id != then.id or now.kind is not then.kind:
        return Ending("session.revoked", "its credential speaks for somebody else now", "log in again")
    if now.resources is not None and resource not in now.resources:
        return Ending("session.revoked", "its credential is no longer good for this resource", "log in again")
    gone = sorted(then.groups - now.groups)
    if gone:
        return Ending("session.groups", f"its caller is no longer in {', '.join(gone)}", "log in again")
    return None
