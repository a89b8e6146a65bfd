"""Actions: what was judged, by the index; and the audit trail, by the journal itself."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from vedette.api.access import Here, Reader
from vedette.api.pages import Limit, Next, Page, page
from vedette.api.problems import not_found
from vedette.api.sessions import MAX_RECORDS, Records, record
from vedette.journal.read import Entry, read
from vedette.store.actions import ActionRow

router = APIRouter(tags=["actions"])

Words = Annotated[str, Query(max_length=300)]


class Action(BaseModel):
    """One judged action. *effects*, *objects*: joined by spaces. *status*: empty until it came out."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    session: str
    at: float
    principal: str
    resource: str
    protocol: str
    form: str
    text: str
    effects: str
    objects: str
    verdict: str
    rule: str
    reason: str
    code: str
    approval: str
    observed: str
    status: str
    rows: int
    bytes: int
    tag: str
    sqlstate: str
    masked: int
    duration: float


@router.get("/actions")
async def list_actions(
    who: Reader,
    here: Here,
    verdict: Annotated[str | None, Query(pattern="^(allow|deny)$")] = None,
    holding: Words | None = None,
    since: float | None = None,
    limit: Limit = 50,
    cursor: Next = None,
) -> Page[Action]:
    """Actions of all sessions, newest first. *holding* is a piece of their text or objects."""

    async def find(before: float | None, many: int) -> list[ActionRow]:
        return await here.store.actions.find(
            verdict=verdict, holding=holding, since=since, before=before, limit=many
        )

    rows, after = await page(find, lambda row: (row.at, row.id), cursor, limit)
    return Page(items=[Action.model_validate(row) for row in rows], next=after)


@router.get("/actions/{action}")
async def show_action(who: Reader, here: Here, action: str) -> Action:
    """One action."""
    row = await here.store.actions.get(action)
    if row is None:
        raise not_found("action")
    return Action.model_validate(row)


@router.get("/audit", tags=["audit"])
async def read_audit(
    who: Reader,
    here: Here,
    after: Annotated[int | None, Query(ge=0, description="records after this one")] = None,
    last: Annotated[int | None, Query(ge=1, le=MAX_RECORDS, description="only the newest so many")] = None,
    kind: Annotated[
        list[Words] | None, Query(description="only these kinds; `hold.` means all of them")
    ] = None,
    session: Words | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_RECORDS)] = 200,
) -> Records:
    """The journal's records in order. At most *limit* are looked through: follow ``next``."""
    here.journal.flush()
    start = after if after is not None else 0
    if last is not None:
        start = max(start, here.journal.head[0] - last)
    return await asyncio.to_thread(_records, here, start, limit, tuple(kind or ()), session or "")


def _records(here: Here, after: int, limit: int, kinds: tuple[str, ...], session: str) -> Records:
    found: list[Entry] = []
    at = after
    for seen, entry in enumerate(read(here.journal.folder, after)):
        if seen == limit:
            return Records(items=[record(each) for each in found], next=at)
        at = entry.seq
        if wanted(entry, kinds, session):
            found.append(entry)
    return Records(items=[record(each) for each in found])


def wanted(entry: Entry, kinds: tuple[str, ...], session: str = "") -> bool:
    """Whether *entry* is one of *kinds* (names, or beginnings that end in a dot) and of *session*."""
    if kinds and not any(
        entry.kind == kind or (kind[-1:] == "." and entry.kind.startswith(kind)) for kind in kinds
    ):
        return False
    return not session or entry.body.get("session") == session
