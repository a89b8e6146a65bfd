"""Blocks: who is shut out whatever it can prove; the kill switch for credentials made elsewhere."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from vedette.api import changes
from vedette.api.access import Admin, Here, Reader
from vedette.api.context import Gateway
from vedette.api.export import FILES, Format, listed
from vedette.api.pages import MAX_LIMIT, Limit, Next, Page, cut
from vedette.api.problems import ProblemError, not_found
from vedette.folder import OPERATOR
from vedette.store.blocks import Block as Row
from vedette.store.holds import OPEN
from vedette.trail import events

router = APIRouter(prefix="/blocks", tags=["blocks"])

MAX_BLOCKS = 10_000
MAX_ID = 600
# More than ever wait at once.
_MOST_HOLDS = 10_000


class Block(BaseModel):
    """
    One block. *id* is a principal's (``issuer#subject``) or a credential's; *until* null is for good.
    """

    model_config = ConfigDict(from_attributes=True)

    id: str
    by: str
    reason: str
    created: float
    until: float | None


class Wish(BaseModel):
    """Whom to shut out, for how many *seconds* (null: for good), and why."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, max_length=MAX_ID)
    seconds: float | None = Field(default=None, gt=0, le=3650 * 86400)
    reason: str = Field(default="", max_length=300)


class Unblocked(BaseModel):
    id: str
    unblocked: bool = True


@router.get("", response_model=Page[Block], responses=FILES)
async def list_blocks(
    who: Reader, here: Here, limit: Limit = MAX_LIMIT, cursor: Next = None, format: Format = "json"
) -> Any:
    """Blocks in force."""
    rows = [Block.model_validate(each) for each in await here.store.blocks.all(time.time())]

    async def turn(cursor: str | None, limit: int) -> Page[Block]:
        return cut(rows, lambda row: (-row.created, row.id), cursor, limit)

    return await listed("blocks", format, Block, turn, cursor, limit)


@router.post("", status_code=201)
async def block(who: Admin, here: Here, wish: Wish) -> Block:
    """
    Shut out a principal with its keys, accounts and whoever acts for it, or one credential: no new session,
    no API; what is live ends, what waits for people is withdrawn. A second one takes the first one's place.
    """
    if wish.id.startswith(f"{here.tokens.issuer}#{OPERATOR}"):
        raise ProblemError(
            422, "block.operator", "the operator cannot be blocked: it is the last way in",
            "who must not be it must not be able to read the data folder",
        )  # fmt: skip
    if wish.id == who.principal.id:
        raise ProblemError(409, "block.self", "this is you", "ask another admin, or block the credential")
    now = time.time()
    there = {each.id: each for each in await here.store.blocks.all(now)}
    if len(there) >= MAX_BLOCKS and wish.id not in there:
        raise ProblemError(409, "block.many", f"there are {MAX_BLOCKS} blocks", "take one back first")
    until = None if wish.seconds is None else now + wish.seconds
    made = Row(wish.id, who.principal.id, wish.reason, now, until)
    before = _facts(there[made.id]) if made.id in there else None
    await here.store.blocks.put(made)
    here.blocks.add(made)
    # It takes away, so it stands with or without a record.
    recorded = changes.recorded(
        here,
        events.ConfigChanged(
            at=now, by=made.by, what="block", name=made.id, before=before, after=_facts(made)
        ),
    )
    if not recorded:
        raise ProblemError(503, "journal.unavailable", "it is blocked, but the journal has no record of it")
    await _withdraw(here, made.id)
    return Block.model_validate(made)


@router.delete("")
async def unblock(
    who: Admin,
    here: Here,
    name: Annotated[str, Query(alias="id", min_length=1, max_length=MAX_ID)],
    reason: Annotated[str, Query(max_length=300)] = "",
) -> Unblocked:
    """Take a block back. Sessions that it ended stay ended."""
    now = time.time()
    there = await here.store.blocks.get(name, now)
    if there is None:
        raise not_found("block")
    changes.record(here, who, "block", name, _facts(there), {"until": now, "reason": reason})
    await here.store.blocks.remove(name)
    here.blocks.remove(name)
    return Unblocked(id=name)


async def _withdraw(here: Gateway, name: str) -> None:
    """Take back what the blocked one asked of people, tickets too."""
    for row in await here.store.holds.find(OPEN, limit=_MOST_HOLDS):
        issuer = row.principal.partition("#")[0]
        if name in (row.principal, row.actor, row.owner) or (row.actor and name == f"{issuer}#{row.actor}"):
            await here.desk.withdraw(row.id, "its caller was blocked")


def _facts(row: Row) -> changes.Facts:
    return {"until": row.until, "reason": row.reason}
