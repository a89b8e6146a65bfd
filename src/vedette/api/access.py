"""Who may do what here. Silence denies: each route names its dependency from this module.

========== ===========================================================================
nobody     ``/health``, how to log in, and the OpenAPI document, no more
agent      an agent or a service: itself, what it may reach, its own sessions and holds
owner      a person: that, and the sessions, tokens, keys and holds of agents that act on
           its behalf or are its own; it may end and revoke these. Holds that its groups decide
approver   in a group of ``gateway.approvers``: besides, looks at every hold
auditor    in a group of ``gateway.auditors``: reads everything
admin      in a group of ``gateway.admins``: reads, kills, issues, revokes, reloads
operator   who can read the data folder (``local:``): an admin
========== ===========================================================================

Agents are neither approvers, auditors nor admins, whatever their groups say. To decide a
hold, nobody's role counts: only the groups that its rule names.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from vedette.api.context import Gateway, gateway
from vedette.api.problems import ProblemError, forbidden
from vedette.folder import OPERATOR
from vedette.identity import IdentityError
from vedette.issuer.backoff import network
from vedette.issuer.desk import IssuerDesk
from vedette.model import Kind, Principal
from vedette.trail import events

log = logging.getLogger(__name__)

Here = Annotated[Gateway, Depends(gateway)]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who makes this request, and what that permits: *reads* everything, *rules*, *approves*."""

    principal: Principal
    reads: bool
    rules: bool
    approves: bool = False

    @property
    def role(self) -> str:
        if self.rules:
            return "admin"
        if self.reads:
            return "auditor"
        if self.approves:
            return "approver"
        return "owner" if self.owner else "agent"

    @property
    def owner(self) -> bool:
        """Whether agents may be this visitor's: a person, here for itself and with all that it has."""
        who = self.principal
        return who.kind is Kind.PERSON and who.actor is None and who.resources is None

    def is_(self, principal: str) -> bool:
        """Whether *principal* (an id) is this visitor itself."""
        return principal == self.principal.id

    def owns(self, principal: str, actor: str | None) -> bool:
        """
        Whether what *principal* (an id) does, on behalf of *actor*, is this person's own.

        A bare actor was named by the principal's own issuer, so it means a person of that
        issuer and of no other.
        """
        who = self.principal
        if not self.owner:
            return False
        near = actor == who.subject and principal.startswith(f"{who.issuer}#")
        return self.is_(principal) or actor == who.id or near

    def sees(self, principal: str, actor: str | None) -> bool:
        """Whether this visitor may look at what *principal* does on behalf of *actor*."""
        return self.reads or self.is_(principal) or self.owns(principal, actor)


def bearer(request: Request) -> str:
    """The token in the Authorization header (RFC 6750 section 2.1; nowhere else is it taken from).

    Raises ProblemError 401.
    """
    values = request.headers.getlist("authorization")
    scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        raise ProblemError(
            401, "identity.missing", "a token is needed", "send: Authorization: Bearer <token or API key>"
        )
    return token.strip()


async def visitor(request: Request, here: Here) -> Visitor:
    """Anybody with a good token. Raises ProblemError 401, or 503 where it cannot be checked."""
    token = bearer(request)
    try:
        principal = await here.identity.by_token(token)
    except IdentityError as error:
        status = 503 if error.code == "identity.unavailable" else 401
        _note(request, here, error)
        raise ProblemError(status, error.code, error.reason) from None
    return standing(here, principal)


def _note(request: Request, here: Gateway, error: IdentityError) -> None:
    """Put a token that was not good on record, but for a flood's later part."""
    desk: IssuerDesk = request.app.state.issuer
    address = request.client.host if request.client is not None else ""
    if not desk.flood.room(network(address), time.monotonic()):
        return
    try:
        here.journal.record(
            events.LoginRefused(
                at=time.time(), how="api", code=error.code, reason=error.reason, address=address
            )
        )
    except OSError:
        # It is a refusal with or without a record.
        log.error("a refused token (%s) could not be recorded", error.code)


def standing(here: Gateway, principal: Principal) -> Visitor:
    """What *principal* may do by the settings in force now."""
    settings = here.settings.gateway
    if principal.kind is Kind.AGENT or principal.actor is not None or principal.resources is not None:
        # Who acts for somebody else, and whatever was lent for less, has no role of its own.
        return Visitor(principal, reads=False, rules=False)
    operator = principal.issuer == here.tokens.issuer and principal.subject.startswith(OPERATOR)
    rules = operator or not principal.groups.isdisjoint(settings.admins)
    reads = rules or not principal.groups.isdisjoint(settings.auditors)
    approves = principal.kind is Kind.PERSON and not principal.groups.isdisjoint(settings.approvers)
    return Visitor(principal, reads, rules, approves)


Anybody = Annotated[Visitor, Depends(visitor)]
# The same door; the route shows each visitor what is its own, and says 404 of the rest.
Own = Annotated[Visitor, Depends(visitor)]


async def reader(who: Anybody) -> Visitor:
    if not who.reads:
        raise forbidden(
            "this is for auditors and admins to read", "ask for a token with a group of gateway.auditors"
        )
    return who


async def person(who: Anybody) -> Visitor:
    if not who.reads and not who.owner:
        raise forbidden("this is for people", "ask the person who owns this agent")
    return who


async def admin(who: Anybody) -> Visitor:
    if not who.rules:
        raise forbidden("this is for admins to do", "ask for a token with a group of gateway.admins")
    return who


Reader = Annotated[Visitor, Depends(reader)]
Owner = Annotated[Visitor, Depends(person)]
Admin = Annotated[Visitor, Depends(admin)]
