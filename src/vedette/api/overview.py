"""How things stand: now, and over a time. Figures that lead to the lists behind them."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from vedette.api.access import Here, Own, Visitor
from vedette.api.approvals import sees
from vedette.api.context import Gateway
from vedette.api.export import FILES, Format, listed
from vedette.api.pages import MAX_LIMIT, Limit, Next, Page, cut
from vedette.api.sessions import Name, Seconds
from vedette.store.holds import Status
from vedette.store.sessions import Caller
from vedette.store.whose import Whose

router = APIRouter(tags=["overview"])

MAX_WAITING = 1000
#: How many lines the tables of an overview have.
MAX_LINES = 12
STEPS = 24


class Identity(BaseModel):
    """A principal that was here, on behalf of *actor*. Counts are of sessions opened in that time."""

    principal: str
    actor: str
    kind: str
    first: float
    last: float
    sessions: int
    live: int
    actions: int
    denied: int
    held: int
    rows: int
    masked: int


class Slot(BaseModel):
    """Actions in one piece of the time, by verdict."""

    at: float
    allow: int
    deny: int


class Refusals(BaseModel):
    """How often *rule* refused *principal*."""

    rule: str
    principal: str
    count: int


class Waiting(BaseModel):
    """How many holds wait for whom (groups, joined by commas), and until when the first of them does."""

    approvers: str
    count: int
    expires: float


class Overview(BaseModel):
    """
    *slots* are even pieces of *since* to *until*, *slot_seconds* long. *fresh* are principals that were never
    here before.

    Who may not read everything sees its own sessions and holds; *slots* and *refusals* are then empty.
    """

    since: float
    until: float
    slot_seconds: float
    live_sessions: int
    pending: int
    yours: int
    slots: list[Slot]
    identities: list[Identity]
    waiting: list[Waiting]
    refusals: list[Refusals]
    fresh: list[str]
    observing: list[str]
    trouble: str


@router.get("/overview")
async def show_overview(
    who: Own,
    here: Here,
    seconds: Annotated[float, Query(ge=60, le=31 * 86400, allow_inf_nan=False)] = 86400,
) -> Overview:
    """Now, and the last so many seconds."""
    until = time.time()
    since = until - seconds
    callers = await here.store.sessions.callers(since=since, whose=_whose(who))
    reads = who.reads
    pending, yours, waiting = await _waiting(here, who)
    live = sum(caller.live for caller in callers)
    return Overview(
        since=since, until=until, slot_seconds=seconds / STEPS,
        live_sessions=len(here.live.sessions) if reads else live,
        pending=pending, yours=yours, waiting=waiting,
        slots=await _slots(here, since, until, seconds / STEPS) if reads else [],
        identities=[_identity(each) for each in callers[:MAX_LINES]],
        refusals=[
            Refusals(rule=rule, principal=principal, count=count)
            for rule, principal, count in await here.store.actions.refusals(since, MAX_LINES)
        ]
        if reads
        else [],
        fresh=await _fresh(here, since) if reads else [],
        observing=_observing(here) if reads else [],
        trouble=here.journal.trouble if reads else "",
    )  # fmt: skip


@router.get("/identities", response_model=Page[Identity], responses=FILES)
async def list_identities(
    who: Own,
    here: Here,
    resource: Name | None = None,
    since: Seconds | None = None,
    limit: Limit = MAX_LIMIT,
    cursor: Next = None,
    format: Format = "json",
) -> Any:
    """Principals that were here (people: themselves and their agents), by the index; last seen first."""
    found = await here.store.sessions.callers(
        since=since, whose=_whose(who), resource=resource, limit=10 * MAX_LIMIT
    )
    rows = [_identity(each) for each in found]

    async def turn(cursor: str | None, limit: int) -> Page[Identity]:
        return cut(rows, lambda row: (-row.last, f"{row.principal}\n{row.actor}"), cursor, limit)

    return await listed("identities", format, Identity, turn, cursor, limit)


def _whose(who: Visitor) -> Whose | None:
    return None if who.reads else Whose(who.principal, who.owner)


def _identity(caller: Caller) -> Identity:
    return Identity(
        principal=caller.principal, actor=caller.actor, kind=caller.kind, first=caller.first,
        last=caller.last, sessions=caller.sessions, live=caller.live, actions=caller.actions,
        denied=caller.denied, held=caller.held, rows=caller.rows, masked=caller.masked,
    )  # fmt: skip


async def _waiting(here: Gateway, who: Visitor) -> tuple[int, int, list[Waiting]]:
    """How many holds *who* may see wait, how many *who* may decide, and for whom they wait."""
    pending: tuple[Status, ...] = ("pending",)
    found: dict[str, Waiting] = {}
    seen = [row for row in await here.store.holds.find(pending, limit=MAX_WAITING) if sees(who, row)]
    for row in seen:
        name = ", ".join(row.approvers)
        line = found.setdefault(name, Waiting(approvers=name, count=0, expires=row.expires))
        line.count += 1
        line.expires = min(line.expires, row.expires)
    yours = sum(not who.principal.groups.isdisjoint(row.approvers) for row in seen)
    return len(seen), yours, sorted(found.values(), key=lambda line: line.expires)


async def _slots(here: Gateway, since: float, until: float, step: float) -> list[Slot]:
    slots = [Slot(at=since + number * step, allow=0, deny=0) for number in range(STEPS)]
    for number, verdict, count in await here.store.actions.by_time(since, until, step):
        slot = slots[min(max(number, 0), STEPS - 1)]
        if verdict == "deny":
            slot.deny += count
        else:
            slot.allow += count
    return slots


async def _fresh(here: Gateway, since: float) -> list[str]:
    """Whoever was here since then for the first time, as far as the index goes back."""
    before = {each.principal for each in await here.store.sessions.callers(until=since)}
    now = await here.store.sessions.callers(since=since)
    return sorted({each.principal for each in now} - before)[:MAX_LINES] if before else []


def _observing(here: Gateway) -> list[str]:
    """Resources where something is only observed: loud, on every page."""
    policies = here.settings.policies
    return sorted(
        name
        for name, resource in here.settings.resources.items()
        if any(policy.observing for policy in policies.on(resource.resource))
    )
