"""API keys: long-lived, given out once, of which only a verifier is kept."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from vedette.api.access import Admin, Here, Reader
from vedette.api.problems import ProblemError, not_found
from vedette.api.tokens import MAX_LISTED, Revoked, Why, recording, reserved, said
from vedette.identity import keys as identity_keys
from vedette.model import Kind
from vedette.store.keys import KeyRow
from vedette.trail import events

router = APIRouter(prefix="/keys", tags=["keys"])


class Key(BaseModel):
    """An API key, without the key. *id* is its prefix; *expires* null for never."""

    id: str
    name: str
    subject: str
    kind: Kind
    groups: list[str]
    created: int
    expires: int | None
    used: float | None
    revoked: float | None


class Keys(BaseModel):
    """Newest first. *more*: there are more than fit."""

    items: list[Key]
    more: bool = False


class NewKey(Key):
    """*key* is shown this once."""

    key: str


class Wish(BaseModel):
    """A key to be made; *ttl* in seconds, null for a key that does not expire."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=63)
    subject: str = Field(max_length=255)
    kind: Kind = Kind.AGENT
    groups: list[str] = Field(default_factory=list, max_length=200)
    ttl: float | None = Field(default=None, gt=0, le=3650 * 86400)


@router.get("")
async def list_keys(who: Reader, here: Here, limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 200) -> Keys:
    """API keys."""
    rows = await here.store.keys.all()
    return Keys(items=[shown(row) for row in rows[:limit]], more=len(rows) > limit)


@router.post("", status_code=201)
async def create_key(who: Admin, here: Here, wish: Wish) -> NewKey:
    """Make a key. It is on record, by its prefix, before it is given out."""
    wrong = reserved(wish.subject)
    if wrong is not None:
        raise wrong
    now = time.time()
    try:
        expires = None if wish.ttl is None else now + wish.ttl
        secret, record = identity_keys.create(
            wish.name, wish.subject, wish.kind, wish.groups, expires, now=now
        )
    except ValueError as error:
        raise ProblemError(422, "request.invalid", str(error)) from None
    if await here.store.keys.by_name(wish.name) is not None:
        raise ProblemError(
            409, "key.name", f"there is a key named {wish.name} already", "choose another name"
        )
    here.journal.record(
        events.KeyIssued(
            at=now, key=record.prefix, subject=record.subject, principal_kind=record.kind.value,
            groups=tuple(sorted(record.groups)),
            expires=None if record.expires is None else float(record.expires), by=who.principal.id,
        )
    )  # fmt: skip
    await here.store.keys.add(record)
    return NewKey(key=secret.reveal(), **shown(KeyRow(record, None, None)).model_dump())


@router.post("/{key}/revoke")
async def revoke_key(who: Admin, here: Here, key: str, why: Why) -> Revoked:
    """Make a key void from now on, by its prefix; its sessions end."""
    if await here.store.keys.by_prefix(key) is None:
        raise not_found("key")
    now = time.time()
    recorded = recording(here, events.KeyRevoked(at=now, key=key, by=who.principal.id, reason=why.reason))
    if not await here.store.keys.revoke(key, now):
        raise ProblemError(409, "key.revoked", "this key was revoked before")
    here.revocations.add(key)
    return said(Revoked(id=key), recorded=recorded)


def shown(row: KeyRow) -> Key:
    record = row.record
    return Key(
        id=record.prefix, name=record.name, subject=record.subject, kind=record.kind,
        groups=sorted(record.groups), created=record.created, expires=record.expires, used=row.used,
        revoked=row.revoked,
    )  # fmt: skip
