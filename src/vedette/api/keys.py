"""API keys: long-lived, given out once, of which only a verifier is kept."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from vedette.api import changes
from vedette.api.access import Admin, Here, Owner, Visitor
from vedette.api.context import Gateway
from vedette.api.export import FILES, Format, listed
from vedette.api.members import told
from vedette.api.oauth_desk import counter
from vedette.api.pages import Next, Page, cut
from vedette.api.problems import ProblemError, forbidden, not_found
from vedette.api.standing import claim_name
from vedette.api.tokens import MAX_LISTED, Revoked, Why, reserved, said
from vedette.identity import IdentityError
from vedette.identity import keys as identity_keys
from vedette.identity.claims import names
from vedette.identity.keys import KeyRecord
from vedette.identity.ssh_ca import MAX_KEY_CHARACTERS, BadPublicKey, fingerprint, read_public_key
from vedette.issuer.errors import Refusal
from vedette.model import Kind
from vedette.store.keys import KeyRow
from vedette.trail import events

router = APIRouter(prefix="/keys", tags=["keys"])


class Key(BaseModel):
    """
    An API key, without the key. *id* is its prefix; *expires* null for never.

    *ssh* is the fingerprint of a public SSH key, where that is what proves it.
    """

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
    ssh: str | None


class Keys(BaseModel):
    """Newest first. *more*: there are more than fit."""

    items: list[Key]
    more: bool = False
    next: str | None = None


class NewKey(Key):
    """*key* is shown this once; null where an SSH key is what proves it."""

    key: str | None


class Wish(BaseModel):
    """
    A key to be made; *ttl* in seconds, null for a key that does not expire; *owner* a person.

    With *public_key* (the line of a ``.pub`` file) there is no secret: an SSH login with that key proves it.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=63)
    subject: str = Field(max_length=255)
    kind: Kind = Kind.AGENT
    groups: list[str] = Field(default_factory=list, max_length=200)
    ttl: float | None = Field(default=None, gt=0, le=3650 * 86400)
    owner: str = Field(default="", max_length=63)
    public_key: str | None = Field(default=None, max_length=MAX_KEY_CHARACTERS)


class OwnKey(BaseModel):
    """One's own public SSH key, the line of a ``.pub`` file; *password* is one's own, too."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=63)
    public_key: str = Field(max_length=MAX_KEY_CHARACTERS)
    password: str = Field(max_length=1024)
    ttl: float | None = Field(default=None, gt=0, le=3650 * 86400)


class Groups(BaseModel):
    """All the groups that it is in from now on."""

    model_config = ConfigDict(extra="forbid")

    groups: list[str] = Field(max_length=200)


@router.get("", response_model=Keys, responses=FILES)
async def list_keys(
    who: Owner,
    here: Here,
    subject: Annotated[str | None, Query(max_length=255)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 200,
    cursor: Next = None,
    format: Format = "json",
) -> Any:
    """API keys (people: those in their name, and those that they own)."""
    seen = [row for row in await here.store.keys.all() if who.reads or _own(here, who, row.record)]
    rows = [shown(row) for row in seen]
    rows = [row for row in rows if subject in (None, row.subject)]

    async def turn(cursor: str | None, limit: int) -> Page[Key]:
        return cut(rows, lambda row: (-float(row.created), row.id), cursor, limit)

    found = await listed("keys", format, Key, turn, cursor, limit)
    if isinstance(found, Page):
        return Keys(items=found.items, next=found.next, more=found.next is not None)
    return found


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
        if wish.public_key is not None:
            record = identity_keys.registered(record, fingerprint(read_public_key(wish.public_key)))
    except (ValueError, BadPublicKey) as error:
        raise ProblemError(422, "request.invalid", str(error)) from None
    if wish.owner:
        owner = await here.store.people.get(wish.owner)
        if owner is None or owner.disabled is not None:
            raise ProblemError(422, "request.invalid", f"there is no person {wish.owner} to own it")
    await _keep(here, who, record)
    said = None if record.ssh else secret.reveal()
    return NewKey(key=said, **shown(KeyRow(record, None, None)).model_dump())


@router.post("/own", status_code=201)
async def register_own_key(who: Owner, here: Here, request: Request, wish: OwnKey) -> Key:
    """Register your own public SSH key: it speaks for you, in whatever groups you are.

    The password is needed, so that a stolen token does not become a key that stays.
    """
    principal = who.principal
    if not who.owner or principal.issuer != here.tokens.issuer:
        hint = "get a certificate: vedette ssh-config"
        raise forbidden("only people of the built-in issuer register keys of their own", hint)
    at = counter(request, here)
    try:
        person = await at.person(principal.subject, wish.password)
    except Refusal as refusal:
        at.note("password", refusal, claimed=principal.subject)
        raise ProblemError(403, "password.wrong", "the current password is needed, and is not this") from None
    now = time.time()
    try:
        _, record = identity_keys.create(
            wish.name, person.name, Kind.PERSON, person.groups,
            None if wish.ttl is None else now + wish.ttl, now=now, owner=person.name,
        )  # fmt: skip
        record = identity_keys.registered(record, fingerprint(read_public_key(wish.public_key)))
    except (ValueError, BadPublicKey) as error:
        raise ProblemError(422, "request.invalid", str(error)) from None
    await _keep(here, who, record)
    return shown(KeyRow(record, None, None))


async def _keep(here: Gateway, who: Visitor, record: KeyRecord) -> None:
    """Write it down, then keep it. Raises ProblemError where it cannot be kept."""
    if await here.store.keys.by_name(record.name) is not None:
        raise ProblemError(
            409, "key.name", f"there is a key named {record.name} already", "choose another name"
        )
    if record.ssh and await here.store.keys.by_ssh(record.ssh) is not None:
        raise ProblemError(
            409, "key.ssh", "this SSH key was registered before", "make another: ssh-keygen -t ed25519"
        )
    here.journal.record(
        events.KeyIssued(
            at=time.time(), key=record.prefix, subject=record.subject, principal_kind=record.kind.value,
            groups=tuple(sorted(record.groups)),
            expires=None if record.expires is None else float(record.expires), by=who.principal.id,
        )
    )  # fmt: skip
    changes.record(here, who, "key", record.prefix, None, _facts(record))
    await here.store.keys.add(record)
    # What an account's owner lends under its name is the account's.
    if await here.store.accounts.get(record.subject) is None:
        told(record, recorded=await claim_name(here, record.subject, by=who.principal.id))


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
async def revoke_key(who: Owner, here: Here, key: str, why: Why) -> Revoked:
    """Make a key void from now on, by its prefix (people: their own); its sessions end."""
    record = await here.store.keys.by_prefix(key)
    own = record is not None and _own(here, who, record)
    if record is None or not (own or who.reads):
        raise not_found("key")
    if not (own or who.rules):
        raise forbidden("this is for admins and for whoever owns it", "ask an admin")
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


def _own(here: Gateway, who: Visitor, record: KeyRecord) -> bool:
    """Whether the key is this person's: in their name, or theirs to answer for."""
    if not who.owner or who.principal.issuer != here.tokens.issuer:
        return False
    name = who.principal.subject
    return record.owner == name or (record.subject == name and record.kind is Kind.PERSON)


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
    ) | {"name": record.name} | ({"ssh": record.ssh} if record.ssh else {})  # fmt: skip


def shown(row: KeyRow) -> Key:
    record = row.record
    return Key(
        id=record.prefix, name=record.name, subject=record.subject, kind=record.kind,
        groups=sorted(record.groups), created=record.created, expires=record.expires, used=row.used,
        revoked=row.revoked, owner=record.owner, ssh=record.ssh or None,
    )  # fmt: skip
