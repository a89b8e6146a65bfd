"""What a person may lend to an agent: less than it has, to a name that is nobody else's. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from vedette.issuer.errors import Refusal
from vedette.issuer.texts import is_name
from vedette.model import Kind, Principal
from vedette.policy import Policies

#: The longest loan, in seconds; what another issuer's token proves is lent no longer than it lasts.
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


def lend(lender: Principal, wish: Wish, *, own: str, now: float, known: Callable[[str], bool]) -> Loan:
    """
    The loan that comes of *wish*.

    *own* is the gateway's own issuer, *known* whether a resource exists here; *now* is Unix time.

    Raises:
        Refusal: the lender is itself an agent or acts for another; a group or resource it does not have.
    """
    if lender.kind is Kind.AGENT or lender.actor is not None:
        raise _no("what was lent to an agent, or is an agent's own, cannot be lent on")
    if not is_name(wish.agent):
        raise _no("an agent's name has 1 to 63 of a-z 0-9 . _ @ -")
    groups = lender.groups if wish.groups is None else frozenset(wish.groups)
    if not groups <= lender.groups:
        raise _no("only groups that you are in can be lent")
    resources = lender.resources if wish.resources is None else frozenset(wish.resources)
    if resources is not None and not all(lender.reaches(name) and known(name) for name in resources):
        raise Refusal("invalid_target", "oauth.lending", "there is no such resource for you to lend")
    ttl = min(wish.ttl, MOST_SECONDS)
    if lender.issuer != own or lender.expires is None:
        # Nobody here hears of it when another issuer shuts the lender out.
        ttl = min(ttl, (lender.expires or now) - now)
    return Loan(wish.agent, groups, resources, ttl)


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
