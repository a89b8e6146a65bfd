"""``POST /oauth/token``: every way to a token. Errors are RFC 6749's, the finer codes are on record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from vedette.api.oauth_accounts import client_credentials
from vedette.api.oauth_desk import At, Counter, answered
from vedette.api.oauth_exchange import exchange
from vedette.api.oauth_form import Answer, Form, form
from vedette.api.oauth_signin import authorization_code, device_code, refresh_token
from vedette.issuer.errors import Refusal
from vedette.issuer.metadata import DEVICE, EXCHANGE

router = APIRouter(include_in_schema=False)

_Way = Callable[[Counter, Request, Form], Awaitable[Answer]]
#: ``grant_type`` -> its name on record, and what does it.
WAYS: Final[Mapping[str, tuple[str, _Way]]] = {
    "authorization_code": ("authorization_code", authorization_code),
    "refresh_token": ("refresh_token", refresh_token),
    "client_credentials": ("client_credentials", client_credentials),
    DEVICE: ("device", device_code),
    EXCHANGE: ("exchange", exchange),
}


@router.post("/oauth/token")
async def token(request: Request, at: At) -> Response:
    """A token for whoever has a right to one."""

    async def work() -> Response:
        sent = await form(request)
        grant = sent.need("grant_type")
        if grant not in WAYS:
            raise Refusal("unsupported_grant_type", "oauth.grant_type", "no such way to a token here")
        how, way = WAYS[grant]
        try:
            return JSONResponse(await way(at, request, sent))
        except Refusal as refusal:
            refusal.how = how
            raise

    return await answered(at, "token", work, basic="authorization" in request.headers)
