"""What can be done with a token here: give it back (RFC 7009), or ask whose it is (OpenID userinfo)."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from vedette.api.access import Anybody
from vedette.api.oauth_accounts import account_of
from vedette.api.oauth_desk import At, Counter, answered
from vedette.api.oauth_form import Form, credentials, form
from vedette.api.oauth_signin import REFRESH, end_grant, public_client
from vedette.identity import IdentityError
from vedette.issuer.texts import digest
from vedette.trail import events

router = APIRouter(include_in_schema=False)


@router.post("/oauth/revoke")
async def revoke(request: Request, at: At) -> Response:
    """
    Make a token void, by whoever holds it. 200 as well for what is none (RFC 7009 section 2.2).

    A refresh token takes its whole sign-in with it, an access token what was lent by it.
    """

    async def work() -> Response:
        sent = await form(request)
        name, secret = credentials(request, sent)
        if secret:
            name = (await account_of(at, request, sent)).name
        elif name:
            name = public_client(at, request, sent)
        token = sent.need("token")
        if token.startswith(REFRESH):
            grant = await at.here.store.grants.of_refresh(digest(token))
            if grant is not None and grant.client == name:
                await end_grant(at, grant.id, "signed out")
        else:
            await _access(at, sent, token)
        return Response(status_code=200)

    return await answered(at, "revoke", work, basic="authorization" in request.headers)


async def _access(at: Counter, sent: Form, token: str) -> None:
    """Whoever holds an access token can end it: it could do far more with it."""
    try:
        principal = at.here.tokens.verify(token, time.time())
    except IdentityError:
        return
    here, now = at.here, time.time()
    if await here.store.tokens.revoke(principal.credential, now):
        here.revocations.add(principal.credential)
        await at.void(
            parent=principal.credential, by=principal.id, reason="the token that lent it was given back"
        )
        here.journal.record(
            events.TokenRevoked(
                at=now, token=principal.credential, by=principal.id, reason="given back by its holder"
            )
        )


@router.get("/oauth/userinfo")
async def userinfo(who: Anybody) -> dict[str, Any]:
    """Whose the bearer token is."""
    principal = who.principal
    found: dict[str, Any] = {"sub": principal.subject, "groups": sorted(principal.groups)}
    found |= {"kind": principal.kind.value, "iss": principal.issuer}
    if principal.email:
        found["email"] = principal.email
    if principal.actor:
        found["act"] = {"sub": principal.actor}
    return found
