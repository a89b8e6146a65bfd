"""Service accounts at the issuer: their own tokens, and their proof in other flows."""

from __future__ import annotations

import time

from fastapi import Request

from vedette.api.oauth_desk import ACCESS_SECONDS, Counter
from vedette.api.oauth_form import Answer, Form, answer, credentials, seconds
from vedette.issuer.clients import scope
from vedette.issuer.errors import Refusal
from vedette.issuer.texts import fits
from vedette.store.accounts import Account


async def client_credentials(at: Counter, request: Request, sent: Form) -> Answer:
    """RFC 6749 section 4.4: a service account's own token."""
    account = await account_of(at, request, sent)
    asked = scope(sent.get("scope"))
    if asked is None:
        raise Refusal("invalid_scope", "oauth.scope", "no such scope here")
    principal = at.principal(account.name)
    issued = await at.mint(
        account.name, account.kind, account.groups, ttl=seconds(sent, ACCESS_SECONDS), by=principal,
        note="client_credentials", owner=principal, client=account.name, scope=asked,
        behind=at.principal(account.owner) if account.owner else "",
    )  # fmt: skip
    now = await at.here.store.accounts.get(account.name)
    gone = now is None or now.disabled is not None or now.changed != account.changed
    if gone or await _orphaned(at, account):
        # It or its owner was disabled, or its secret changed, while we were at it.
        await at.void(owner=principal, by=principal, reason="the account was changed meanwhile")
        raise Refusal("invalid_client", "login.disabled", "no such account, or not its secret")
    await at.here.store.accounts.used(account, time.time())
    return answer(issued.text, issued.record.expires - issued.record.issued, asked)


async def account_of(at: Counter, request: Request, sent: Form) -> Account:
    """The service account that makes this request. Raises Refusal where it does not prove to be one.

    Nobody waits here: 256 random bits cannot be guessed, and a wait could only shut an account out.
    """
    name, secret = credentials(request, sent)
    if not name or not secret:
        raise Refusal("invalid_client", "oauth.client", "an account's client_id and client_secret are needed")
    account = await at.here.store.accounts.get(name)
    # The digest is made either way; a random secret of 256 bits leaves nothing to time.
    if not fits(secret, account.verifier if account is not None else b"") or account is None:
        raise Refusal("invalid_client", "oauth.client", "no such account, or not its secret")
    if account.disabled is not None or await _orphaned(at, account):
        raise Refusal("invalid_client", "login.disabled", "no such account, or not its secret")
    return account


async def _orphaned(at: Counter, account: Account) -> bool:
    """Whether the person who answers for it was shut out: whoever left may still know the secret."""
    owner = await at.here.store.people.get(account.owner) if account.owner else None
    return owner is not None and owner.disabled is not None
