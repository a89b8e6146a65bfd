"""An OpenID provider as a client sees it: its metadata, and its token endpoint.

Sources: OpenID Connect Discovery 1.0; RFC 6749 (OAuth 2.0), 7009 (revocation), 8414 (metadata),
8693 (token exchange), 8707 (resource indicators).
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vedette.client.errors import ClientError, words
from vedette.client.web import Web, secure

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  (a type's name)
#: What a token is taken to live where the provider does not say, in seconds.
SHORT = 300.0


@dataclass(frozen=True, slots=True)
class Metadata:
    """What discovery says, as far as it is used. Empty: not offered."""

    issuer: str
    token: str
    authorization: str = ""
    device: str = ""
    revocation: str = ""
    names_itself: bool = False
    basic: bool = True


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token endpoint gave. *expires* in Unix seconds; *id* is the gateway's name for the token."""

    token: str = field(repr=False)
    expires: float
    refresh: str | None = field(default=None, repr=False)
    identity: str | None = field(default=None, repr=False)
    id: str = ""


@dataclass(frozen=True, slots=True)
class Party:
    """The client that asks. *secret* only where it has one; *audience* is for whom tokens are to be."""

    client: str
    secret: str | None = field(default=None, repr=False)
    scope: str = ""
    audience: str | None = None


def discover(web: Web, issuer: str) -> Metadata:
    """The provider's metadata. Raises ClientError: unreachable, or not the issuer it was asked for."""
    secure(issuer, "the issuer")
    answer = web.get(issuer.rstrip("/") + "/.well-known/openid-configuration")
    if answer.status != 200:
        raise ClientError("client.issuer", f"{issuer} has no discovery document ({answer.status})")
    found = answer.object()
    if found.get("issuer") != issuer:
        raise ClientError("client.issuer", f"what answers at {issuer} calls itself something else")
    methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Metadata(
        issuer=issuer,
        token=_endpoint(found, "token_endpoint") or _missing(issuer),
        authorization=_endpoint(found, "authorization_endpoint"),
        device=_endpoint(found, "device_authorization_endpoint"),
        revocation=_endpoint(found, "revocation_endpoint"),
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
        basic="client_secret_basic" in methods,
    )


def _endpoint(found: Mapping[str, Any], name: str) -> str:
    url = found.get(name, "")
    if url:
        secure(str(url), f"the issuer's {name}")
    return str(url)


def _missing(issuer: str) -> str:
    raise ClientError("client.issuer", f"{issuer} names no token endpoint")


def ask(web: Web, there: Metadata, party: Party, fields: Mapping[str, str]) -> Grant:
    """One request at the token endpoint.

    Raises ClientError, whose code is ``oauth.`` and the provider's error (RFC 6749 section 5.2).
    """
    form = {**fields, **wishes(party)}
    basic = None
    if party.secret is None:
        form["client_id"] = party.client
    elif there.basic:
        basic = (party.client, party.secret)
    else:
        form |= {"client_id": party.client, "client_secret": party.secret}
    answer = web.form(there.token, form, basic)
    if answer.status != 200:
        raise refused(answer.json(), answer.status)
    return read(answer.object(), party)


def wishes(party: Party) -> dict[str, str]:
    """Scope and audience; the latter under both names in use (RFC 8707, and what came before it)."""
    found = {"scope": party.scope} if party.scope else {}
    if party.audience:
        found["audience"] = party.audience
        if "://" in party.audience or party.audience.startswith("urn:"):
            found["resource"] = party.audience
    return found


def refused(said: object, status: int) -> ClientError:
    """A provider's refusal, in its own words as far as they are printable."""
    if not isinstance(said, dict) or not isinstance(said.get("error"), str):
        return ClientError("client.answer", f"the issuer answered {status}, and not as one does")
    code = words(said["error"], 60)
    return ClientError(
        f"oauth.{code}", f"the issuer refuses ({code}): {words(said.get('error_description', ''))}"
    )


def read(said: Mapping[str, Any], party: Party, now: float | None = None) -> Grant:
    """A token response (RFC 6749 section 5.1). Raises ClientError where none of its tokens will do."""
    access, kind = said.get("access_token"), said.get("token_type")
    if not isinstance(access, str) or not access or str(kind).lower() not in ("bearer", "n_a"):
        raise ClientError("client.answer", "the issuer's answer has no bearer token in it")
    lasts = said.get("expires_in")
    seconds = float(lasts) if isinstance(lasts, int | float) and 0 < lasts < 10**9 else SHORT
    refresh, identity = said.get("refresh_token"), said.get("id_token")
    token = chosen(access, identity if isinstance(identity, str) else None, party.audience)
    ends = claims(token).get("exp")
    began = time.time() if now is None else now
    return Grant(
        token=token,
        # The token's own end, where it can be read: an ID token's differs from expires_in.
        expires=float(ends) if isinstance(ends, int | float) and ends < 10**11 else began + seconds,
        refresh=refresh if isinstance(refresh, str) and refresh else None,
        identity=identity if isinstance(identity, str) else None,
        id=words(said["id"], 100) if isinstance(said.get("id"), str) else "",
    )


def chosen(access: str, identity: str | None, audience: str | None) -> str:
    """Which of the tokens the gateway will take: the one that is made for *audience*.

    Nothing is verified here; that is the gateway's to do. Many providers give access tokens that are
    opaque or for somebody else, and an ID token whose audience is the client.
    """
    if audience is None:
        return access
    for token in (access, identity):
        if token is not None and audience in _audiences(token):
            return token
    raise ClientError(
        "client.audience",
        f"the issuer gave no token that is for {words(audience)!r}",
        "let the issuer's access tokens have the gateway's audience, or the audience be the client's id",
    )


def _audiences(token: str) -> list[object]:
    found = claims(token).get("aud")
    return found if isinstance(found, list) else [found]


def claims(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified; empty for anything else."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def revoke(web: Web, there: Metadata, party: Party, token: str, hint: str = "refresh_token") -> bool:
    """Give a token back (RFC 7009). False where the issuer offers no way."""
    if not there.revocation:
        return False
    form = {"token": token, "token_type_hint": hint}
    basic = (party.client, party.secret) if party.secret and there.basic else None
    if basic is None:
        form["client_id"] = party.client
        if party.secret:
            form["client_secret"] = party.secret
    return web.form(there.revocation, form, basic).status == 200
