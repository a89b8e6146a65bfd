"""Service accounts of the built-in issuer: programs with an id and a secret, which is shown once."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from vedette.api import changes
from vedette.api.access import Admin, Here, Reader
from vedette.api.context import Gateway
from vedette.api.export import FILES, Format, listed
from vedette.api.keys import Groups
from vedette.api.members import grouped, principal_id, taken, told
from vedette.api.pages import MAX_LIMIT, Limit, Next, Page, cut
from vedette.api.problems import ProblemError, not_found
from vedette.api.standing import claim_name, void, void_keys
from vedette.api.tokens import Why
from vedette.issuer.clients import client
from vedette.issuer.texts import digest, fresh, is_name
from vedette.model import Kind
from vedette.store import StoreError
from vedette.store.accounts import Account as Row

router = APIRouter(prefix="/accounts", tags=["accounts"])
SECRET = "vds_"  # noqa: S105  (what secrets begin with)


class Account(BaseModel):
    """*name* is the client id; *owner* the person who may lend it out. Times in Unix seconds."""

    name: str
    kind: Kind
    groups: list[str]
    owner: str
    created: float
    changed: float
    used: float | None
    disabled: float | None


class NewAccount(Account):
    """*secret* is shown this once."""

    secret: str


class Wish(BaseModel):
    """An account to be made; *owner* is a person of this gateway, or empty."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=63)
    kind: Kind = Kind.AGENT
    groups: list[str] = Field(default_factory=list, max_length=200)
    owner: str = Field(default="", max_length=63)


@router.get("", response_model=Page[Account], responses=FILES)
async def list_accounts(
    who: Reader, here: Here, limit: Limit = MAX_LIMIT, cursor: Next = None, format: Format = "json"
) -> Any:
    """Service accounts."""
    rows = [shown(row) for row in await here.store.accounts.all()]

    async def turn(cursor: str | None, limit: int) -> Page[Account]:
        return cut(rows, lambda row: (row.name,), cursor, limit)

    return await listed("accounts", format, Account, turn, cursor, limit)


@router.post("", status_code=201)
async def create_account(who: Admin, here: Here, wish: Wish) -> NewAccount:
    """Make an account. Its secret is in the answer, and nowhere else."""
    if not is_name(wish.name) or client(here.settings, wish.name, "") is not None:
        raise ProblemError(
            422, "request.invalid", "a name has 1 to 63 of a-z 0-9 . _ @ -, and is no public client's"
        )
    if wish.kind is Kind.PERSON:
        raise ProblemError(422, "request.invalid", "an account is an agent or a service", "add a person")
    if wish.owner and await here.store.people.get(wish.owner) is None:
        raise ProblemError(422, "request.invalid", f"there is no person {wish.owner} to own it")
    if await here.store.people.get(wish.name) or await here.store.accounts.get(wish.name):
        raise taken(wish.name)
    secret, now = fresh(SECRET), time.time()
    row = Row(wish.name, wish.kind, grouped(wish.groups), digest(secret), now, now, wish.owner)
    changes.record(here, who, "account", row.name, None, _facts(row))
    try:
        await here.store.accounts.add(row)
    except StoreError:
        raise taken(row.name) from None
    recorded = await claim_name(here, row.name, by=who.principal.id)
    return told(NewAccount(secret=secret, **shown(row).model_dump()), recorded=recorded)


@router.post("/{account}/groups")
async def regroup_account(who: Admin, here: Here, account: str, groups: Groups) -> Account:
    """Give an account other groups. Tokens that carry a lost group end, with their sessions."""
    row, chosen = await _get(here, account), grouped(groups.groups)
    before, after = {"groups": tuple(sorted(row.groups))}, {"groups": tuple(sorted(chosen))}
    changes.record(here, who, "account", account, before, after)
    await here.store.accounts.change(account, groups=sorted(chosen), changed=time.time())
    lost, owner, recorded = row.groups - chosen, principal_id(here, account), True
    if lost:
        by, reason = who.principal.id, "a group was taken away"
        recorded = await void(here, by=by, reason=reason, owner=owner, holding=lost)
    here.review()
    return told(shown(await _get(here, account)), recorded=recorded)


@router.post("/{account}/rotate")
async def rotate_account(who: Admin, here: Here, account: str) -> NewAccount:
    """Give an account another secret. The old one is void at once, and so are its tokens and keys."""
    row, secret, now = await _get(here, account), fresh(SECRET), time.time()
    changes.record(here, who, "account", account, {"secret": row.changed}, {"secret": now})
    await here.store.accounts.change(account, verifier=digest(secret), changed=now)
    owner = principal_id(here, account)
    by, reason = who.principal.id, "the secret was changed"
    recorded = await void(here, by=by, reason=reason, owner=owner)
    recorded = await void_keys(here, account, by=by, reason=reason) and recorded
    made = NewAccount(secret=secret, **shown(await _get(here, account)).model_dump())
    return told(made, recorded=recorded)


@router.post("/{account}/disable")
async def disable_account(who: Admin, here: Here, account: str, why: Why) -> Account:
    """Shut an account out: all tokens and keys of its are void, and its sessions end."""
    row, by, now = await _get(here, account), who.principal.id, time.time()
    if row.disabled is not None:
        raise ProblemError(409, "account.disabled", f"{account} was disabled before")
    after: changes.Facts = {"disabled": now, "reason": why.reason}
    recorded = changes.recorded(here, changes.event(by, "account", account, {"disabled": None}, after))
    await here.store.accounts.change(account, disabled=now)
    reason, owner = why.reason or f"{account} was disabled", principal_id(here, account)
    recorded = await void(here, by=by, reason=reason, owner=owner) and recorded
    recorded = await void_keys(here, account, by=by, reason=reason) and recorded
    here.review()
    return told(shown(await _get(here, account)), recorded=recorded)


@router.post("/{account}/enable")
async def enable_account(who: Admin, here: Here, account: str) -> Account:
    """Let an account in again, with the secret it had."""
    row = await _get(here, account)
    if row.disabled is not None:
        changes.record(here, who, "account", account, {"disabled": row.disabled}, {"disabled": None})
        await here.store.accounts.change(account, disabled=None)
    return shown(await _get(here, account))


async def _get(here: Gateway, name: str) -> Row:
    found = await here.store.accounts.get(name)
    if found is None:
        raise not_found("account")
    return found


def _facts(row: Row) -> changes.Facts:
    return {"kind": row.kind.value, "groups": tuple(sorted(row.groups)), "owner": row.owner}


def shown(row: Row) -> Account:
    return Account(
        name=row.name, kind=row.kind, groups=sorted(row.groups), owner=row.owner, created=row.created,
        changed=row.changed, used=row.used, disabled=row.disabled,
    )  # fmt: skip
