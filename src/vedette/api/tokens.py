"""Tokens that the gateway issues: given out once, listed by id, revoked."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from vedette.api import changes
from vedette.api.access import Admin, Here, Owner, Visitor
from vedette.api.export import FILES, Format, listed
from vedette.api.pages import Next, Page, page
from vedette.api.problems import ProblemError, forbidden, not_found
from vedette.api.standing import void
from vedette.folder import OPERATOR
from vedette.identity.tokens import TokenRecord
from vedette.model import Kind
from vedette.store.tokens import TokenRow
from vedette.store.whose import Whose
from vedette.trail import events

router = APIRouter(prefix="/tokens", tags=["tokens"])

MAX_LISTED = 1000


class Token(BaseModel):
    """An issued token, without the token. *revoked* is when, null for never."""

    id: str
    subject: str
    kind: Kind
    groups: list[str]
    actor: str | None
    email: str | None
    issued: int
    expires: int
    note: str
    revoked: float | None


class Tokens(BaseModel):
    """Newest first. *more*: there are more than fit."""

    items: list[Token]
    more: bool = False
    next: str | None = None


class NewToken(Token):
    """*token* is shown this once."""

    token: str


class Wish(BaseModel):
    """A token to be issued; *ttl* in seconds."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(max_length=255)
    kind: Kind = Kind.AGENT
    groups: list[str] = Field(default_factory=list, max_length=200)
    ttl: float = Field(default=3600, gt=0)
    actor: str | None = Field(default=None, max_length=255)
    email: str | None = Field(default=None, max_length=255)
    note: str = Field(default="", max_length=300)


class Why(BaseModel):
    """For the record."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=300)


class Revoked(BaseModel):
    id: str
    revoked: bool = True


def reserved(subject: str) -> ProblemError | None:
    """What is wrong with *subject*, where the operator's own name would be taken."""
    if subject.startswith(OPERATOR):
        return ProblemError(
            422, "request.invalid", f"subjects that begin with {OPERATOR} are the operator's own"
        )
    return None


@router.get("", response_model=Tokens, responses=FILES)
async def list_tokens(
    who: Owner,
    here: Here,
    expired: Annotated[bool, Query(description="those that have expired, too")] = False,
    subject: Annotated[str | None, Query(max_length=255)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 200,
    cursor: Next = None,
    format: Format = "json",
) -> Any:
    """Issued tokens (people: their own, and those of their agents)."""
    whose = None if who.reads else Whose(who.principal, agents=True)
    now = None if expired else time.time()

    async def find(before: float | None, many: int) -> list[TokenRow]:
        return await here.store.tokens.find(now=now, whose=whose, subject=subject, before=before, limit=many)

    async def turn(cursor: str | None, limit: int) -> Page[Token]:
        rows, after = await page(find, lambda row: (float(row.record.issued), row.record.id), cursor, limit)
        return Page(items=[shown(row) for row in rows], next=after)

    found = await listed("tokens", format, Token, turn, cursor, limit)
    if isinstance(found, Page):
        return Tokens(items=found.items, next=found.next, more=found.next is not None)
    return found


@router.post("", status_code=201)
async def issue_token(who: Admin, here: Here, wish: Wish) -> NewToken:
    """Issue a token. It is on record, by its id, before it is given out."""
    wrong = reserved(wish.subject)
    if wrong is not None:
        raise wrong
    now = time.time()
    account = await here.store.accounts.get(wish.subject)
    owner = account.owner if account is not None else ""
    try:
        issued = here.tokens.issue(
            wish.subject, wish.kind, wish.groups, wish.ttl, wish.actor, now=now, email=wish.email,
            behind=f"{here.tokens.issuer}#{owner}" if owner else "",
        )  # fmt: skip
    except ValueError as error:
        raise ProblemError(422, "request.invalid", str(error)) from None
    record = issued.record
    here.journal.record(
        events.TokenIssued(
            at=now, token=record.id, subject=record.subject, principal_kind=record.kind.value,
            expires=float(record.expires), groups=tuple(sorted(record.groups)), by=who.principal.id,
            note=wish.note,
        )
    )  # fmt: skip
    changes.record(here, who, "token", record.id, None, _facts(record))
    await here.store.tokens.add(record, wish.note)
    return NewToken(token=issued.text, **shown(TokenRow(record, wish.note, None)).model_dump())


@router.post("/{token}/revoke")
async def revoke_token(who: Owner, here: Here, token: str, why: Why) -> Revoked:
    """
    Make a token void from now on, with what was lent by it; its sessions end. People: their own, and those of
    their agents.
    """
    row = await here.store.tokens.get(token)
    if row is None or not (who.reads or _owns(who, row.record)):
        raise not_found("token")
    if not (who.rules or _owns(who, row.record)):
        raise forbidden("this is for admins to do", "ask for a token with a group of gateway.admins")
    if row.revoked is not None:
        raise ProblemError(409, "token.revoked", "this token was revoked before")
    now, by = time.time(), who.principal.id
    recorded = changes.recorded(
        here,
        events.TokenRevoked(at=now, token=token, by=by, reason=why.reason),
        events.ConfigChanged(at=now, by=by, what="token", name=token, before=_facts(row.record)),
    )
    if not await here.store.tokens.revoke(token, now):
        raise ProblemError(409, "token.revoked", "this token was revoked before")
    here.revocations.add(token)
    lent = why.reason or "the token that lent it was revoked"
    recorded = await void(here, by=by, reason=lent, parent=token) and recorded
    return said(Revoked(id=token), recorded=recorded)


def _owns(who: Visitor, record: TokenRecord) -> bool:
    return record.owner == who.principal.id or who.owns(f"{record.issuer}#{record.subject}", record.actor)


def _facts(record: TokenRecord) -> changes.Facts:
    return changes.credential(
        subject=record.subject, kind=record.kind, groups=record.groups, expires=float(record.expires),
        actor=record.actor, owner=record.owner, resources=record.resources,
    )  # fmt: skip


def said(revoked: Revoked, *, recorded: bool) -> Revoked:
    """Raises ProblemError where it was done and is not on record."""
    if not recorded:
        raise ProblemError(
            503, "journal.unavailable", f"{revoked.id} is revoked, but the journal has no record of it"
        )
    return revoked


def shown(row: TokenRow) -> Token:
    record = row.record
    return Token(
        id=record.id, subject=record.subject, kind=record.kind, groups=sorted(record.groups),
        actor=record.actor, email=record.email, issued=record.issued, expires=record.expires,
        note=row.note, revoked=row.revoked,
    )  # fmt: skip
