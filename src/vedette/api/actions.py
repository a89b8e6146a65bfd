"""Actions: what was judged, by the index; and the audit trail, by the journal itself."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from vedette.api.access import Here, Reader
from vedette.api.export import FILES, Format, listed
from vedette.api.pages import Limit, Next, Page, Place
from vedette.api.problems import not_found
from vedette.api.sessions import MAX_RECORDS, After, Looked, Record, Records, Seconds, record, words
from vedette.journal.read import Entry, read
from vedette.model import Effect
from vedette.store.actions import Wanted

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


class Change(BaseModel):
    """One record of what administers. *by* is a principal's id; *body* as docs/journal.md has it."""

    model_config = ConfigDict(from_attributes=True)

    seq: int
    at: float
    kind: str
    by: str
    what: str
    name: str
    body: dict[str, Any]


ChangeKind = Literal[
    "config.changed", "policy.loaded", "policy.rejected", "token.issued", "token.revoked", "key.issued",
    "key.revoked", "certificate.issued", "login.refused", "login.refusals", "gateway.started",
    "gateway.stopped", "journal.recovered",
]  # fmt: skip


@router.get("/actions", response_model=Page[Action], responses=FILES)
async def list_actions(
    who: Reader,
    here: Here,
    q: Annotated[
        Looked | None,
        Query(
            description='all these words, in text, objects, principal, resource or rule; "..." and end* too'
        ),
    ] = None,
    principal: Words | None = None,
    resource: Words | None = None,
    protocol: Words | None = None,
    session: Words | None = None,
    verdict: Annotated[str | None, Query(pattern="^(allow|deny)$")] = None,
    rule: Words | None = None,
    code: Words | None = None,
    effect: Effect | None = None,
    object: Words | None = None,
    held: Annotated[bool | None, Query(description="people were asked, and approved")] = None,
    masked: Annotated[bool | None, Query(description="something was hidden from the result")] = None,
    observed: Annotated[
        bool | None, Query(description="an observing policy would have refused or held")
    ] = None,
    holding: Annotated[
        Words | None, Query(description="a piece of text or objects, to the letter: slow")
    ] = None,
    since: Seconds | None = None,
    until: Seconds | None = None,
    limit: Limit = 50,
    cursor: Next = None,
    format: Format = "json",
) -> Any:
    """Actions of all sessions, newest first. A page may be shorter than *limit* and not the last."""
    wanted = Wanted(
        words=words(q), holding=holding, principal=principal, resource=resource, protocol=protocol,
        session=session, verdict=verdict, rule=rule, code=code, effect=effect, object=object, held=held,
        masked=masked, observed=observed, since=since, until=until,
    )  # fmt: skip

    async def turn(cursor: str | None, limit: int) -> Page[Action]:
        after = None
        if cursor is not None:
            at, number = Place.read(cursor, float, int).keys
            after = float(at), int(number)
        found = await here.store.actions.find(wanted, after=after, limit=limit)
        return Page(
            items=[Action.model_validate(row) for row in found.rows],
            next=Place(found.next).write() if found.next is not None else None,
        )

    return await listed("actions", format, Action, turn, cursor, limit)


@router.get("/actions/{action}")
async def show_action(who: Reader, here: Here, action: str) -> Action:
    """One action."""
    row = await here.store.actions.get(action)
    if row is None:
        raise not_found("action")
    return Action.model_validate(row)


@router.get("/audit", tags=["audit"], response_model=Records, responses=FILES)
async def read_audit(
    who: Reader,
    here: Here,
    after: Annotated[After | None, Query(description="records after this one")] = None,
    last: Annotated[int | None, Query(ge=1, le=MAX_RECORDS, description="only the newest so many")] = None,
    kind: Annotated[
        list[Words] | None, Query(max_length=50, description="only these kinds; `hold.` means all of them")
    ] = None,
    session: Words | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_RECORDS)] = 200,
    format: Format = "json",
) -> Any:
    """The journal's records in order. At most *limit* are looked through: follow ``next``."""
    here.journal.flush()
    start = after if after is not None else 0
    if last is not None:
        start = max(start, here.journal.head[0] - last)
    kinds = tuple(kind or ())
    if format == "json":
        return await asyncio.to_thread(_records, here, start, limit, kinds, session or "")

    async def turn(cursor: str | None, many: int) -> Page[Record]:
        found = await asyncio.to_thread(_records, here, int(cursor or start), many, kinds, session or "")
        return Page(items=found.items, next=None if found.next is None else str(found.next))

    return await listed("audit", format, Record, turn, None, limit)


@router.get("/changes", tags=["audit"], response_model=Page[Change], responses=FILES)
async def list_changes(
    who: Reader,
    here: Here,
    kind: Annotated[list[ChangeKind] | None, Query(max_length=50)] = None,
    by: Words | None = None,
    what: Words | None = None,
    name: Annotated[str | None, Query(max_length=600)] = None,
    since: Seconds | None = None,
    until: Seconds | None = None,
    limit: Limit = 50,
    cursor: Next = None,
    format: Format = "json",
) -> Any:
    """Changes of who may come in and what holds, refused logins, starts and stops. Newest first."""

    async def turn(cursor: str | None, limit: int) -> Page[Change]:
        below = int(Place.read(cursor, int).keys[0]) if cursor is not None else None
        rows = await here.store.changes.find(
            kinds=tuple(kind or ()), by=by, what=what, name=name, since=since, until=until, below=below,
            limit=limit + 1,
        )  # fmt: skip
        more = len(rows) > limit
        return Page(
            items=[Change.model_validate(row) for row in rows[:limit]],
            next=Place((rows[limit - 1].n,)).write() if more else None,
        )

    return await listed("changes", format, Change, turn, cursor, limit)


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
