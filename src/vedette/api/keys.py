"""API keys: long-lived, given out once, of which only a verifier is kept."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from vedette.api import changes
from vedette.api.access import Admin, Here, Reader
from vedette.api.context import Gateway
from vedette.api.problems import ProblemError, not_found
from vedette.api.tokens import MAX_LISTED, Revoked, Why, reserved, said
from vedette.identity import IdentityError
from vedette.identity import keys as identity_keys
from vedette.identity.claims import names
from vedette.identity.keys import KeyRecord
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
    owner: str


class Keys(BaseModel):
    """Newest first. *more*: there are more than fit."""

    items: list[Key]
    more: bool = False


class NewKey(Key):
    """*key* is shown this once."""

    key: str


class Wish(BaseModel):
    """A key to be made; *ttl* in seconds, null for a key that does not expire; *owner* a person."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=63)
    subject: str = Field(max_length=255)
    kind: Kind = Kind.AGENT
    groups: list[str] = Field(default_factory=list, max_length=200)
    ttl: float | None = Field(default=None, gt=0, le=3650 * 86400)
    owner: str = Field(default="", max_length=63)


class Groups(BaseModel):
    """All the groups that it is in from now on."""

    model_config = ConfigDict(extra="forbid")

    groups: list[str] = Field(max_length=200)


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
            wish.name, wish.subject, wish.kind, wish.groups, expires, now=now, owner=wish.owner
        )
    except ValueError as error:
        raise ProblemError(422, "request.invalid", str(error)) from None
    if wish.owner:
        owner = await here.store.people.get(wish.owner)
        if owner is None or owner.disabled is not None:
            raise ProblemError(422, "request.invalid", f"there is no person {wish.owner} to own it")
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
    changes.record(here, who, "key", record.prefix, None, _facts(record))
    await here.store.keys.add(record)
    return NewKey(key=secret.reveal(), **shown(KeyRow(record, None, None)).model_dump())


@router.post("/{key}/groups")
async def regroup_key(who: Admin, here: Here, key: str, groups: Groups) -> Key:
    """Give a key other groups, by its prefix. Sessions that had a group which is not among them end."""
    record = await here.store.keys.by_prefix(key)
    if record is None:
        raise not_found("key")
    if record.revoked:
        raise _void()
    try:
        chosen = names(groups.groups, "the key's groups")
    except IdentityError as error:
        raise ProblemError(422, "request.invalid", error.reason) from None
    before, after = {"groups": tuple(sorted(record.groups))}, {"groups": tuple(sorted(chosen))}
    changes.record(here, who, "key", key, before, after)
    if not await here.store.keys.regroup(key, chosen):
        raise _void()
    here.review()
    return await _key(here, key)


@router.post("/{key}/revoke")
async def revoke_key(who: Admin, here: Here, key: str, why: Why) -> Revoked:
    """Make a key void from now on, by its prefix; its sessions end."""
    record = await here.store.keys.by_prefix(key)
    if record is None:
        raise not_found("key")
    if record.revoked:
        raise _void()
    now, by = time.time(), who.principal.id
    recorded = changes.recorded(
        here,
        events.KeyRevoked(at=now, key=key, by=by, reason=why.reason),
        events.ConfigChanged(at=now, by=by, what="key", name=key, before=_facts(record)),
    )
    if not await here.store.keys.revoke(key, now):
        raise _void()
    here.revocations.add(key)
    return said(Revoked(id=key), recorded=recorded)


async def _key(here: Gateway, key: str) -> Key:
    for row in await here.store.keys.all():
        if row.record.prefix == key:
            return shown(row)
    raise not_found("key")


def _void() -> ProblemError:
    return ProblemError(409, "key.revoked", "this key was revoked before")


def _facts(record: KeyRecord) -> changes.Facts:
    return changes.credential(
        subject=record.subject, kind=record.kind, groups=record.groups, owner=record.owner,
        expires=None if record.expires is None else float(record.expires),
    ) | {"name": record.name}  # fmt: skip


def shown(row: KeyRow) -> Key:
    record = row.record
    return Key(
        id=record.prefix, name=record.name, subject=record.subject, kind=record.kind,
        groups=sorted(record.groups), created=record.created, expires=record.expires, used=row.used,
        revoked=row.revoked, owner=record.owner,
    )  # fmt: skip
