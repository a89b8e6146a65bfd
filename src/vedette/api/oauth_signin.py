"""Tokens that come of a person's sign-in: by code, by device, and anew by refresh token."""

from __future__ import annotations

import contextlib
import secrets
import time

from fastapi import Request

from vedette.api.oauth_desk import ACCESS_SECONDS, Counter
from vedette.api.oauth_form import Answer, Form, answer, credentials, seconds
from vedette.identity.tokens import Issued
from vedette.issuer.clients import client
from vedette.issuer.desk import Code
from vedette.issuer.errors import Refusal
from vedette.issuer.id_token import id_token
from vedette.issuer.pkce import proves
from vedette.issuer.shelf import Full
from vedette.issuer.texts import digest, fresh
from vedette.model import Kind
from vedette.store.grants import Grant
from vedette.store.people import Person

#: How long a sign-in can be kept going by refresh tokens.
GRANT_SECONDS = 7 * 86400
REFRESH = "vdr_"
_CODE = "this code is none of ours, is over, or was used"


def public_client(at: Counter, request: Request, sent: Form) -> str:
    """The id of the public client that asks. Raises Refusal."""
    name, secret = credentials(request, sent)
    if secret or not name or client(at.here.settings, name, at.issuer) is None:
        raise Refusal("invalid_client", "oauth.client", "no such public client here")
    return name


async def authorization_code(at: Counter, request: Request, sent: Form) -> Answer:
    """RFC 6749 section 4.1.3 with RFC 7636: the code, once, from the client that holds the verifier."""
    name = public_client(at, request, sent)
    key = digest(sent.need("code"))
    code = at.desk.codes.take(key, at.now)
    if code is None:
        await _replayed(at, key, "oauth.code_replayed")
        raise Refusal("invalid_grant", "oauth.code", _CODE)
    grant = _spent(at, key)
    if code.client != name or code.redirect != sent.get("redirect_uri"):
        raise Refusal("invalid_grant", "oauth.code", _CODE)
    if not proves(sent.get("code_verifier"), code.challenge):
        raise Refusal("invalid_grant", "oauth.pkce", "the code_verifier does not fit")
    return await signed_in(at, code, grant, "authorization_code", seconds(sent, ACCESS_SECONDS))


def _spent(at: Counter, key: bytes) -> str:
    """Remember that a code was used, before anything else is waited for; the id of what will come of it."""
    grant = secrets.token_urlsafe(12)
    try:
        at.desk.spent.put(key, grant, at.now)
    except Full:
        raise Refusal("temporarily_unavailable", "oauth.crowded", "too many are signing in") from None
    return grant


async def _replayed(at: Counter, key: bytes, code: str) -> None:
    """Whoever brings a used code may be a thief: what came of it is void (RFC 6749 section 4.1.2)."""
    grant = at.desk.spent.get(key, at.now)
    if grant is None:
        return
    with contextlib.suppress(Full):  # then the grant, if it is there, is ended all the same
        at.desk.replayed.put(digest(grant), True, at.now)
    await end_grant(at, grant, "its code was used twice")
    raise Refusal("invalid_grant", code, _CODE)


async def end_grant(at: Counter, grant: str, reason: str) -> None:
    """End a sign-in, with every token that came of it and all that was lent by it."""
    await at.here.store.grants.revoke(grant, time.time())
    await at.void(grant=grant, by="issuer", reason=reason)


async def device_code(at: Counter, request: Request, sent: Form) -> Answer:
    """RFC 8628 section 3.4: the device asks whether its person has said yes by now."""
    name = public_client(at, request, sent)
    key = digest(sent.need("device_code"))
    device = at.desk.devices.get(key, at.now)
    if device is None or device.client != name:
        await _replayed(at, key, "oauth.device_replayed")
        raise Refusal("expired_token", "oauth.device", "this code is over; begin again")
    if at.now < device.next:
        device.interval = min(device.interval + 5.0, 60.0)
        device.next = at.now + device.interval
        raise _quiet(Refusal("slow_down", "oauth.device", f"ask every {device.interval:g} seconds"))
    device.next = at.now + device.interval
    if device.denied:
        at.desk.devices.take(key, at.now)
        raise Refusal("access_denied", "oauth.device_denied", "the person said no")
    if not device.person:
        raise _quiet(Refusal("authorization_pending", "oauth.device", "nobody has said yes yet"))
    at.desk.devices.take(key, at.now)
    grant = _spent(at, key)
    code = Code(device.person, name, "", "", device.scope, "", device.at)
    return await signed_in(at, code, grant, "device", seconds(sent, ACCESS_SECONDS))


def _quiet(refusal: Refusal) -> Refusal:
    """Part of the flow, and no login that failed."""
    refusal.quiet = True
    return refusal


async def refresh_token(at: Counter, request: Request, sent: Form) -> Answer:
    """RFC 6749 section 6, with rotation: each refresh token works once, and a second use ends the sign-in."""
    name = public_client(at, request, sent)
    old, new = sent.need("refresh_token"), fresh(REFRESH)
    renewal = await at.here.store.grants.renew(digest(old), digest(new), name, time.time())
    if renewal is None:
        raise Refusal("invalid_grant", "oauth.refresh", "this sign-in is over; sign in again")
    grant = renewal.grant
    if renewal.outcome == "reused":
        await end_grant(at, grant.id, "its refresh token was used twice")
        raise Refusal("invalid_grant", "oauth.refresh_reused", "this sign-in is over; sign in again")
    person = await at.here.store.people.get(grant.person)
    if renewal.outcome == "over" or person is None or person.disabled is not None:
        raise Refusal("invalid_grant", "oauth.refresh", "this sign-in is over; sign in again")
    asked = sent.get("scope")
    if asked and not set(asked.split()) <= set(grant.scope.split()):
        raise Refusal("invalid_scope", "oauth.scope", "a sign-in can only be renewed for what it was")
    issued = await _access(at, person, grant, "refresh_token", seconds(sent, ACCESS_SECONDS))
    return _answer(at, issued, grant, person, grant.created, new, nonce="")


async def signed_in(at: Counter, code: Code, name: str, note: str, ttl: float) -> Answer:
    """The tokens of a new sign-in, whose id is *name*."""
    person = await at.here.store.people.get(code.person)
    # A password that was changed since they typed it ends what is under way, too.
    if person is None or person.disabled is not None or (person.changed or 0.0) > code.at:
        raise Refusal("invalid_grant", "login.disabled", _CODE)
    now = time.time()
    kept = "offline_access" in code.scope.split()
    grant = Grant(name, person.name, code.client, code.scope, now, now + GRANT_SECONDS)
    refresh = fresh(REFRESH) if kept else ""
    await at.here.store.grants.add(grant, digest(refresh) if kept else None)
    issued = await _access(at, person, grant, note, ttl)
    return _answer(at, issued, grant, person, code.at, refresh, nonce=code.nonce)


async def _access(at: Counter, person: Person, grant: Grant, note: str, ttl: float) -> Issued:
    principal = at.principal(person.name)
    issued = await at.mint(
        person.name, Kind.PERSON, person.groups, ttl=ttl, by=principal, note=note, owner=principal,
        client=grant.client, email=person.email, scope=grant.scope, grant=grant.id,
    )  # fmt: skip
    # Who was shut out, lost a group or ended this sign-in meanwhile did so before this could be found.
    now, then = await at.here.store.people.get(person.name), await at.here.store.grants.get(grant.id)
    stands = now is not None and now.disabled is None and now.groups >= person.groups
    stands = stands and now is not None and now.changed == person.changed
    replayed = at.desk.replayed.get(digest(grant.id), at.now)
    if not stands or replayed or then is None or then.revoked is not None:
        await at.void(grant=grant.id, by=principal, reason="the person or the sign-in was changed meanwhile")
        raise Refusal("invalid_grant", "login.disabled", "this sign-in is over; sign in again")
    return issued


def _answer(
    at: Counter, issued: Issued, grant: Grant, person: Person, when: float, refresh: str, *, nonce: str
) -> Answer:
    record, more = issued.record, {}
    if refresh:
        more["refresh_token"] = refresh
    scopes = grant.scope.split()
    if "openid" in scopes:
        claims: dict[str, object] = {
            "iss": at.issuer, "sub": person.name, "aud": grant.client, "exp": record.expires,
            "iat": record.issued, "auth_time": int(when),
        }  # fmt: skip
        if nonce:
            claims["nonce"] = nonce
        if "email" in scopes and person.email:
            claims["email"] = person.email
        if "groups" in scopes:
            claims["groups"] = sorted(person.groups)
        more["id_token"] = id_token(at.here.tokens.keys.signer, claims)
    return answer(issued.text, record.expires - record.issued, grant.scope, **more)
