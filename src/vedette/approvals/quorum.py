"""Who may decide a hold, and when it is decided. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vedette.model import Kind, Principal

if TYPE_CHECKING:
    from vedette.store.holds import DecisionRow, HoldRow, Status


class NotAllowed(Exception):
    """This decision does not count. *code* is stable, *reason* for people.

    Codes: ``approval.unknown`` (no such hold), ``approval.over`` (it is decided, expired or
    gone), ``approval.person`` (only people decide), ``approval.requester`` (nobody approves
    their own), ``approval.group`` (not an approver of this one), ``approval.twice``.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def check(hold: HoldRow, by: Principal) -> None:
    """Raises NotAllowed where *by* may not decide *hold* (which is still open).

    The requester is known by issuer and subject, but also by subject alone and by e-mail, so
    that nobody approves their own action by logging in another way; the same holds for
    the one on whose behalf it is, and for the owner of the key or account that asked or
    that would decide. Where no group may approve, nobody can.
    """
    if by.kind is not Kind.PERSON:
        raise NotAllowed("approval.person", "only a person can decide this")
    if _is_requester(hold, by):
        raise NotAllowed("approval.requester", "nobody can decide what they asked for themselves")
    if not by.groups & frozenset(hold.approvers):
        groups = ", ".join(hold.approvers) or "nobody"
        raise NotAllowed("approval.group", f"this is for {groups} to decide")
    if any(_same_person(by, one) for one in hold.decisions):
        raise NotAllowed("approval.twice", "you have decided this already")


def outcome(hold: HoldRow, decisions: Iterable[DecisionRow]) -> Status:
    """What *hold* becomes by these decisions: one refusal ends it, *count* approvals grant it."""
    given = list(decisions)
    if any(not one.approve for one in given):
        return "denied"
    # At least one, whatever a row says: nothing approves itself.
    return "approved" if len(given) >= max(1, hold.count) else "pending"


def _names(by: Principal) -> frozenset[str]:
    """All that whoever decides may be known by, itself and the people behind it."""
    names = (by.id, by.subject, by.email, by.actor, by.owner, by.owner.partition("#")[2])
    return frozenset(name.casefold() for name in names if name)


def _is_requester(hold: HoldRow, by: Principal) -> bool:
    return _one_of(by, (hold.principal, hold.email, hold.actor, hold.owner))


def _same_person(by: Principal, one: DecisionRow) -> bool:
    return _one_of(by, (one.principal, one.subject, one.email, one.owner))


def _one_of(by: Principal, known: tuple[str, ...]) -> bool:
    names, said = _names(by), [name.casefold() for name in known if name]
    # Also the end of "issuer#subject", so that it does not matter where an issuer's name ends.
    return any(name in names or name.endswith(tuple(f"#{each}" for each in names)) for name in said)
