"""What a person may lend to an agent: less than it has, to a name that is nobody else's. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from vedette.issuer.errors import Refusal
from vedette.issuer.texts import is_name
from vedette.model import Kind, Principal
from vedette.policy import Policies

#: The longest loan, in seconds; nothing is lent for longer than what proves the lender lasts.
MOST_SECONDS = 12 * 3600.0
USUAL_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. *groups* None is all that the lender has, *resources* None any at all."""

    agent: str
    groups: Collection[str] | None
    resources: Collection[str] | None
    ttl: float


@dataclass(frozen=True, slots=True)
class Loan:
    """What is lent: never more than the lender has."""

    agent: str
    groups: frozenset[str]
    resources: frozenset[str] | None
    ttl: float


def lend(lender: Principal, wish: Wish, *, until: float, now: float, known: Callable[[str], bool]) -> Loan:
    """
    The loan that comes of *wish*.

    *until* is when what proves the lender is over (its sign-in, or else its token), *known* whether a
    resource exists here; times are Unix seconds.

    Raises:
        Refusal: the lender is no person or acts for another; a group or resource it does not have.
    """
    if lender.kind is not Kind.PERSON or lender.actor is not None:
        raise _no("only people lend what is their own; what was lent to an agent cannot be lent on")
    if not is_name(wish.agent):
        raise _no("an agent's name has 1 to 63 of a-z 0-9 . _ @ -")
    groups = lender.groups if wish.groups is None else frozenset(wish.groups)
    if not groups <= lender.groups:
        raise _no("only groups that you are in can be lent")
    resources = lender.resources if wish.resources is None else frozenset(wish.resources)
    if resources is not None and not all(lender.reaches(name) and known(name) for name in resources):
        raise Refusal("invalid_target", "oauth.lending", "there is no such resource for you to lend")
    return Loan(wish.agent, groups, resources, min(wish.ttl, MOST_SECONDS, until - now))


def named(policies: Policies, agent: str, groups: Collection[str], own: str) -> bool:
    """
    Whether a policy gives *agent* something by its name, not by the lender's groups.

    Lending under that name would then give the lender what only the agent's own credential should.
    """
    lent = Principal(agent, Kind.AGENT, frozenset(groups), own)
    nobody = replace(lent, subject=secrets.token_hex(16))
    return any(
        policy.who.match(lent) and not policy.who.match(nobody) and not policy.who.groups
        for policy in policies.policies
    )


def _no(reason: str) -> Refusal:
    return Refusal("invalid_request", "oauth.lending", reason)
