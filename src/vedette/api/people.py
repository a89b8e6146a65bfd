"""People of the built-in issuer. Passwords come in, and never go out."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from vedette.api import changes
from vedette.api.access import Admin, Anybody, Here, Reader, Visitor
from vedette.api.context import Gateway
from vedette.api.export import FILES, Format, listed
from vedette.api.keys import Groups
from vedette.api.members import grouped, principal_id, taken, told
from vedette.api.oauth_desk import counter
from vedette.api.pages import MAX_LIMIT, Limit, Next, Page, cut
from vedette.api.problems import ProblemError, forbidden, not_found
from vedette.api.standing import void, void_keys
from vedette.api.tokens import Why
from vedette.identity import IdentityError
from vedette.identity.claims import optional_name
from vedette.issuer.desk import IssuerDesk
from vedette.issuer.errors import Refusal
from vedette.issuer.passwords import Crowded, fault
from vedette.issuer.texts import is_name
from vedette.model import Kind
from vedette.store import StoreError
from vedette.store.people import Person as Row

router = APIRouter(prefix="/people", tags=["people"])


class Person(BaseModel):
    """Who may sign in here. *password*: whether there is one; *used*: the last sign-in, Unix seconds."""

    name: str
    email: str | None
    groups: list[str]
    password: bool
    created: float
    used: float | None
    disabled: float | None


class Wish(BaseModel):
    """Somebody new. Without a *password* they cannot sign in until one is set."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=63)
    email: str | None = Field(default=None, max_length=255)
    groups: list[str] = Field(default_factory=list, max_length=200)
    password: str | None = Field(default=None, max_length=1024)


class Password(BaseModel):
    """A new password. *current* is needed for one's own."""

    model_config = ConfigDict(extra="forbid")

    password: str = Field(max_length=1024)
    current: str | None = Field(default=None, max_length=1024)


@router.get("", response_model=Page[Person], responses=FILES)
async def list_people(
    who: Reader, here: Here, limit: Limit = MAX_LIMIT, cursor: Next = None, format: Format = "json"
) -> Any:
    """People who may sign in at the built-in issuer."""
    rows = [shown(row) for row in await here.store.people.all()]

    async def turn(cursor: str | None, limit: int) -> Page[Person]:
        return cut(rows, lambda row: (row.name,), cursor, limit)

    return await listed("people", format, Person, turn, cursor, limit)


@router.post("", status_code=201)
async def add_person(who: Admin, here: Here, request: Request, wish: Wish) -> Person:
    """Add somebody."""
    row = await person(request, wish.name, wish.email, wish.groups, wish.password)
    if await here.store.people.get(row.name) or await here.store.accounts.get(row.name):
        raise taken(row.name)
    changes.record(here, who, "person", row.name, None, facts(row))
    try:
        await here.store.people.add(row)
    except StoreError:
        raise taken(row.name) from None
    return shown(row)


@router.post("/{person}/groups")
async def regroup_person(who: Admin, here: Here, person: str, groups: Groups) -> Person:
    """Give somebody other groups. Tokens that carry a lost group end, with their sessions."""
    row, chosen = await _get(here, person), grouped(groups.groups)
    before, after = {"groups": tuple(sorted(row.groups))}, {"groups": tuple(sorted(chosen))}
    changes.record(here, who, "person", person, before, after)
    await here.store.people.change(person, groups=sorted(chosen))
    lost = row.groups - chosen
    owner, reason = principal_id(here, person), "a group was taken away"
    recorded = not lost or await void(here, by=who.principal.id, reason=reason, owner=owner, holding=lost)
    recorded = await _regroup_keys(here, who, person, chosen) and recorded
    here.review()
    return told(shown(await _get(here, person)), recorded=recorded)


async def _regroup_keys(here: Gateway, who: Visitor, person: str, groups: frozenset[str]) -> bool:
    """SSH keys that people registered for themselves follow their groups, also those that bind."""
    recorded = True
    for row in await here.store.keys.all():
        record = row.record
        if record.ssh and record.subject == record.owner == person and record.groups != groups:
            before, after = {"groups": tuple(sorted(record.groups))}, {"groups": tuple(sorted(groups))}
            told = changes.event(who.principal.id, "key", record.prefix, before, after)
            recorded = changes.recorded(here, told) and recorded
            await here.store.keys.regroup(record.prefix, groups)
    return recorded


async def _void_accounts(here: Gateway, person: str, *, by: str, reason: str) -> bool:
    """What the accounts that somebody answers for have in hand; meanwhile they get nothing new."""
    recorded = True
    for account in await here.store.accounts.all():
        if account.owner == person:
            owner = principal_id(here, account.name)
            recorded = await void(here, by=by, reason=reason, owner=owner) and recorded
            recorded = await void_keys(here, account.name, by=by, reason=reason) and recorded
    return recorded


@router.post("/{person}/password")
async def set_password(who: Anybody, here: Here, request: Request, person: str, new: Password) -> Person:
    """Set a password: admins anybody's, people their own. It ends every sign-in and token of theirs."""
    if not who.rules or who.principal.id == principal_id(here, person):
        # An admin's token alone, stolen, must not become the admin's sign-in.
        await _own(who, here, request, person, new)
    row = await _get(here, person)
    verifier = await _hashed(request, new.password, person)
    changes.record(here, who, "person", person, {"password": row.changed}, {"password": time.time()})
    now = time.time()
    await here.store.people.change(person, password=verifier, changed=now)
    await here.store.grants.revoke_all(person, now)
    reason = "the password was changed"
    recorded = await void(here, by=who.principal.id, reason=reason, owner=principal_id(here, person))
    return told(shown(await _get(here, person)), recorded=recorded)


@router.post("/{person}/disable")
async def disable_person(who: Admin, here: Here, person: str, why: Why) -> Person:
    """Shut somebody out: tokens, loans and keys of theirs, and of accounts they own, are void."""
    row, by = await _get(here, person), who.principal.id
    if row.disabled is not None:
        raise ProblemError(409, "person.disabled", f"{person} was disabled before")
    now, reason = time.time(), why.reason or f"{person} was disabled"
    before: changes.Facts = {"disabled": None}
    after: changes.Facts = {"disabled": now, "reason": why.reason}
    recorded = changes.recorded(here, changes.event(by, "person", person, before, after))
    await here.store.people.change(person, disabled=now)
    await here.store.grants.revoke_all(person, now)
    recorded = await void(here, by=by, reason=reason, owner=principal_id(here, person)) and recorded
    recorded = await void_keys(here, person, by=by, reason=reason) and recorded
    recorded = await _void_accounts(here, person, by=by, reason=reason) and recorded
    here.review()
    return told(shown(await _get(here, person)), recorded=recorded)


@router.post("/{person}/enable")
async def enable_person(who: Admin, here: Here, person: str) -> Person:
    """Let somebody in again. What was made void stays so."""
    row = await _get(here, person)
    if row.disabled is not None:
        changes.record(here, who, "person", person, {"disabled": row.disabled}, {"disabled": None})
        await here.store.people.change(person, disabled=None)
    return shown(await _get(here, person))


async def person(
    request: Request, name: str, email: str | None, groups: list[str], password: str | None
) -> Row:
    """A new person, checked. Raises ProblemError."""
    if not is_name(name):
        raise ProblemError(422, "request.invalid", "a name has 1 to 63 of a-z 0-9 . _ @ -, no dash in front")
    try:
        optional_name(email, "the e-mail address")
    except IdentityError as error:
        raise ProblemError(422, "request.invalid", error.reason) from None
    now = time.time()
    verifier = None if password is None else await _hashed(request, password, name)
    return Row(name, grouped(groups), now, email, verifier, None if password is None else now)


async def _hashed(request: Request, password: str, name: str) -> str:
    wrong = fault(password, name)
    if wrong:
        raise ProblemError(422, "password.weak", wrong)
    desk: IssuerDesk = request.app.state.issuer
    try:
        return await desk.passwords.hash(password)
    except Crowded:
        raise ProblemError(503, "unavailable", "too many passwords are being checked", "try again") from None


async def _own(who: Visitor, here: Gateway, request: Request, person: str, new: Password) -> None:
    """Raises ProblemError unless it is one's own, and one knows it."""
    principal = who.principal
    if principal.id != principal_id(here, person) or principal.kind is not Kind.PERSON or principal.actor:
        raise forbidden("a password is for its person and for admins to set")
    at = counter(request, here)
    try:
        await at.person(person, new.current or "")
    except Refusal as refusal:
        at.note("password", refusal, claimed=person)
        raise ProblemError(403, "password.wrong", "the current password is needed, and is not this") from None


async def _get(here: Gateway, name: str) -> Row:
    found = await here.store.people.get(name)
    if found is None:
        raise not_found("person")
    return found


def facts(row: Row) -> changes.Facts:
    return {"email": row.email, "groups": tuple(sorted(row.groups)), "password": row.changed}


def shown(row: Row) -> Person:
    return Person(
        name=row.name, email=row.email, groups=sorted(row.groups), password=row.password is not None,
        created=row.created, used=row.used, disabled=row.disabled,
    )  # fmt: skip
