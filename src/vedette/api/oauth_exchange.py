"""Lending: a person exchanges its token for a narrower one for an agent. Source: RFC 8693.

The subject of the new token is the agent, ``act.sub`` the lender: the agent acts, on the lender's behalf.
(The RFC's own reading of delegation is the other way round; here rules and records go by who acts.)
"""

from __future__ import annotations

import time

from fastapi import Request

from vedette.api.oauth_accounts import account_of
from vedette.api.oauth_desk import Counter
from vedette.api.oauth_form import Answer, Form, answer, credentials, seconds
from vedette.identity import IdentityError
from vedette.identity.keys import SCHEME
from vedette.identity.tokens import Lender
from vedette.issuer.clients import client
from vedette.issuer.errors import Refusal
from vedette.issuer.lending import MOST_SECONDS, USUAL_SECONDS, Wish, lend, named
from vedette.model import Kind, Principal
from vedette.store.tokens import TokenRow
from vedette.trail import events

ACCESS = "urn:ietf:params:oauth:token-type:access_token"
JWT = "urn:ietf:params:oauth:token-type:jwt"
MIN_LOAN_SECONDS = 10.0


async def exchange(at: Counter, request: Request, sent: Form) -> Answer:
    """
    A token for an agent, from the lender's own (``subject_token``).

    Parameters of ours: ``requested_subject`` (the agent's name), ``groups``, ``resources`` (``audience`` is
    another name for it) and ``ttl``. Raises Refusal.
    """
    name = await _client(at, request, sent)
    lender = await _lender(at, sent)
    now = time.time()
    groups, resources = sent.words("groups"), sent.words("resources")
    audience = sent.words("audience")
    if audience is not None:
        resources = [*(resources or []), *audience]
    wish = Wish(
        sent.need("requested_subject"),
        groups,
        resources,
        seconds(sent, MOST_SECONDS) if sent.get("ttl") else USUAL_SECONDS,
    )
    here = at.here
    proof = await here.store.tokens.get(lender.credential) if lender.issuer == here.tokens.issuer else None
    until = await _until(at, lender, proof, now)
    loan = lend(lender, wish, until=until, now=now, known=lambda name: name in here.settings.resources)
    if loan.ttl < MIN_LOAN_SECONDS:
        raise Refusal(
            "invalid_request", "oauth.lending", "your own token is nearly over; get a new one first"
        )
    await _free(at, lender, loan.agent, loan.groups)
    whose = lender.subject if lender.issuer == here.tokens.issuer else lender.id
    issued = await at.mint(
        loan.agent, Kind.AGENT, loan.groups, ttl=loan.ttl, by=lender.id, note="lent", owner=lender.id,
        client=name, actor=whose, resources=loan.resources, grant=proof.record.grant if proof else "",
        parent=lender.credential if lender.issuer == here.tokens.issuer else "",
        lender=await _whole(at, lender),
    )  # fmt: skip
    record = issued.record
    here.journal.record(
        events.ConfigChanged(
            at=now, by=lender.id, what="delegation", name=record.id, before=None,
            after={
                "agent": record.subject, "actor": whose, "groups": tuple(sorted(record.groups)),
                "resources": None if record.resources is None else tuple(sorted(record.resources)),
                "expires": record.expires,
            },
        )
    )  # fmt: skip
    await _still(at, sent, lender, record.id)
    try:
        await _free(at, lender, loan.agent, loan.groups)
    except Refusal:
        # The name was taken while we were at it.
        await _end(at, record.id)
        raise
    return answer(
        issued.text, record.expires - record.issued, "", issued_token_type=ACCESS, id=record.id,
        subject=record.subject, actor=whose, groups=sorted(record.groups),
        resources=None if record.resources is None else sorted(record.resources),
    )  # fmt: skip


async def _whole(at: Counter, lender: Principal) -> Lender:
    """The lender by what it shows and by what is known of it here: what it does not lend binds as well."""
    local = lender.issuer == at.here.tokens.issuer
    person = await at.here.store.people.get(lender.subject) if local else None
    if person is None:
        return Lender(lender.groups, lender.email)
    return Lender(lender.groups | person.groups, lender.email or person.email)


async def _client(at: Counter, request: Request, sent: Form) -> str:
    """Who asks: a service account with its secret, a public client by its id, or a program without one."""
    name, secret = credentials(request, sent)
    if secret:
        return (await account_of(at, request, sent)).name
    if name and client(at.here.settings, name, at.issuer) is None:
        raise Refusal("invalid_client", "oauth.client", "no such client here")
    return name


async def _lender(at: Counter, sent: Form) -> Principal:
    for parameter in ("actor_token", "actor_token_type"):
        if sent.get(parameter):
            raise Refusal("invalid_request", "oauth.lending", f"{parameter} means nothing here")
    if sent.get("requested_token_type") not in ("", ACCESS, JWT):
        raise Refusal("invalid_request", "oauth.lending", "only an access token can be requested")
    if sent.need("subject_token_type") not in (ACCESS, JWT):
        raise Refusal("invalid_request", "oauth.subject_token", "the subject_token is an access token")
    token = sent.need("subject_token")
    if token.startswith(SCHEME):
        raise Refusal("invalid_request", "oauth.lending", "an API key does not lend; sign in, and lend that")
    try:
        return await at.here.identity.by_token(token)
    except IdentityError as error:
        raise Refusal("invalid_request", "oauth.subject_token", error.reason) from None


async def _until(at: Counter, lender: Principal, proof: TokenRow | None, now: float) -> float:
    """
    When what proves *lender* is over: its token, or the sign-in by which it can have another (Unix seconds).

    Nobody here hears of it when another issuer shuts the lender out, so its token is all that counts.
    """
    until = lender.expires or now
    grant = await at.here.store.grants.get(proof.record.grant) if proof and proof.record.grant else None
    if grant is None or grant.revoked is not None or "offline_access" not in grant.scope.split():
        return until
    return max(until, grant.expires)


async def _free(at: Counter, lender: Principal, agent: str, groups: frozenset[str]) -> None:
    """Raises Refusal where *agent* is somebody, and not an account of the lender's own."""
    store, own = at.here.store, at.here.tokens.issuer
    account = await store.accounts.get(agent)
    if account is not None:
        mine = lender.issuer == own and account.owner == lender.subject and account.disabled is None
        if account.kind is Kind.AGENT and mine:
            return
        raise Refusal("invalid_request", "oauth.lending", f"{agent} is an account, and not yours to lend to")
    if (
        await store.people.get(agent) is not None
        or await store.tokens.bears(agent, time.time())
        or named(at.here.settings.policies, agent, groups, own)
    ):
        raise Refusal("invalid_request", "oauth.lending", f"{agent} is somebody's own name; choose another")


async def _still(at: Counter, sent: Form, lender: Principal, loan: str) -> None:
    """The lender stands, now that the loan can be found: whoever shuts it out from here on finds it."""
    person = await at.here.store.people.get(lender.subject)
    out = lender.issuer == at.here.tokens.issuer and person is not None and person.disabled is not None
    try:
        await at.here.identity.by_token(sent.need("subject_token"))
    except IdentityError:
        out = True
    if out:
        await _end(at, loan)
        raise Refusal("invalid_request", "oauth.subject_token", "the token was withdrawn; get a new one")


async def _end(at: Counter, loan: str) -> None:
    await at.here.store.tokens.revoke(loan, time.time())
    at.here.revocations.add(loan)
