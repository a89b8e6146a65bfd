"""Who may do what here. Silence denies: each route names its dependency from this module.

========== =======================================================================
nobody     ``/health`` and the OpenAPI document, no more
anybody    with a good token: ``/self``, and the holds they may decide
auditor    in a group of ``gateway.auditors``: reads everything
admin      in a group of ``gateway.admins``: reads, kills, issues, revokes, reloads
operator   who can read the data folder (``local:``): an admin
========== =======================================================================

Agents are neither auditors nor admins, whatever their groups say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from vedette.api.context import Gateway, gateway
from vedette.api.problems import ProblemError, forbidden
from vedette.folder import OPERATOR
from vedette.identity import IdentityError
from vedette.model import Kind, Principal

Here = Annotated[Gateway, Depends(gateway)]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who makes this request, and what that permits."""

    principal: Principal
    reads: bool
    rules: bool

    @property
    def role(self) -> str:
        return "admin" if self.rules else "auditor" if self.reads else "none"


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
        raise ProblemError(status, error.code, error.reason) from None
    return standing(here, principal)


def standing(here: Gateway, principal: Principal) -> Visitor:
    """What *principal* may do by the settings in force now."""
    settings = here.settings.gateway
    if principal.kind is Kind.AGENT:
        return Visitor(principal, reads=False, rules=False)
    operator = principal.issuer == here.tokens.issuer and principal.subject.startswith(OPERATOR)
    rules = operator or not principal.groups.isdisjoint(settings.admins)
    return Visitor(principal, rules or not principal.groups.isdisjoint(settings.auditors), rules)


Anybody = Annotated[Visitor, Depends(visitor)]


async def reader(who: Anybody) -> Visitor:
    if not who.reads:
        raise forbidden(
            "this is for auditors and admins to read", "ask for a token with a group of gateway.auditors"
        )
    return who


async def admin(who: Anybody) -> Visitor:
    if not who.rules:
        raise forbidden("this is for admins to do", "ask for a token with a group of gateway.admins")
    return who


Reader = Annotated[Visitor, Depends(reader)]
Admin = Annotated[Visitor, Depends(admin)]
