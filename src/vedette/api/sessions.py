"""Sessions: what is on record of them, and ending one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from vedette.api.access import Admin, Here, Own, Owner, Visitor
from vedette.api.export import FILES, Format, listed
from vedette.api.pages import Limit, Next, Page, page
from vedette.api.problems import ProblemError, forbidden, not_found
from vedette.folder import Folder
from vedette.journal.read import Entry, read
from vedette.model import Effect
from vedette.recording.cast import CHUNK_BYTES, find
from vedette.store.actions import Wanted
from vedette.store.search import Words
from vedette.store.sessions import SessionRow
from vedette.store.whose import Whose

router = APIRouter(prefix="/sessions", tags=["sessions"])

MAX_RECORDS = 1000
Name = Annotated[str, Query(max_length=300)]
#: Words to look for: all of them; ``"..."`` holds some together, ``*`` ends a beginning.
Looked = Annotated[str, Query(max_length=300)]
#: A record's number.
After = Annotated[int, Query(ge=0, lt=2**63)]
#: Unix time. Dates that no calendar has are no dates.
Seconds = Annotated[float, Query(ge=0, le=1e11, allow_inf_nan=False)]


class Session(BaseModel):
    """One session. Times are Unix seconds; *closed* is null while it lasts."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    principal: str
    kind: str
    groups: list[str]
    actor: str
    resource: str
    protocol: str
    address: str
    application: str
    policy: str
    run: str
    opened: float
    closed: float | None
    reason: str
    actions: int
    denied: int
    held: int
    rows: int
    bytes: int
    masked: int
    live: bool = False


class Record(BaseModel):
    """One record of the journal; docs/journal.md says what each kind's body holds."""

    seq: int
    time: float
    kind: str
    body: dict[str, Any]


class Records(BaseModel):
    """In order. *next* is what to give as ``after`` for the records that follow; null at the end."""

    items: list[Record]
    next: int | None = None


class Kill(BaseModel):
    """Why, for the record."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=300)


class KillMany(Kill):
    """
    Either *principal* (an id, or a credential's: its sessions and those of who acts for it), or *all*.
    """

    principal: str | None = Field(default=None, min_length=1, max_length=600)
    all: bool = False


class KilledMany(BaseModel):
    sessions: list[str]


class Killed(BaseModel):
    session: str
    killed: bool


@router.get("", response_model=Page[Session], responses=FILES)
async def list_sessions(
    who: Own,
    here: Here,
    q: Annotated[Looked | None, Query(description="sessions of an action that holds these words")] = None,
    principal: Name | None = None,
    actor: Name | None = None,
    resource: Name | None = None,
    protocol: Name | None = None,
    run: Name | None = None,
    effect: Effect | None = None,
    object: Name | None = None,
    live: bool | None = None,
    denied: bool | None = None,
    held: bool | None = None,
    masked: bool | None = None,
    since: Seconds | None = None,
    until: Seconds | None = None,
    limit: Limit = 50,
    cursor: Next = None,
    format: Format = "json",
) -> Any:
    """
    Sessions, newest first. The index follows the journal by a second or so.

    With *q*, *effect* or *object*: the newest 500 that had such an action.
    """
    whose = None if who.reads else Whose(who.principal, who.owner)
    ids = None
    if q is not None or effect is not None or object is not None:
        wanted = Wanted(
            words=words(q), effect=effect, object=object, principal=principal, resource=resource, since=since
        )
        ids = await here.store.actions.sessions(wanted)

    async def find(before: float | None, many: int) -> list[SessionRow]:
        return await here.store.sessions.find(
            principal=principal, actor=actor, resource=resource, protocol=protocol, run=run, live=live,
            denied=denied, held=held, masked=masked, since=since, until=until, before=before, whose=whose,
            ids=ids, limit=many,
        )  # fmt: skip

    async def turn(cursor: str | None, limit: int) -> Page[Session]:
        rows, after = await page(find, lambda row: (row.opened, row.id), cursor, limit)
        return Page(items=[_shown(row, here) for row in rows], next=after)

    return await listed("sessions", format, Session, turn, cursor, limit)


@router.get("/{session}")
async def show_session(who: Own, here: Here, session: str) -> Session:
    """One session."""
    return _shown(await known(here, session, who), here)


@router.get("/{session}/records", response_model=Records, responses=FILES)
async def session_records(
    who: Owner,
    here: Here,
    session: str,
    after: After = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_RECORDS)] = MAX_RECORDS,
    format: Format = "json",
) -> Any:
    """What the journal holds of a session, in order: enough to show and to replay it."""
    row = await known(here, session, who)
    here.journal.flush()

    async def turn(cursor: str | None, many: int) -> Page[Record]:
        found = await asyncio.to_thread(
            _records, here.journal.folder, session, row.first_seq, int(cursor or after), many
        )
        return Page(items=found.items, next=None if found.next is None else str(found.next))

    if format == "json":
        return await asyncio.to_thread(_records, here.journal.folder, session, row.first_seq, after, limit)
    return await listed("records", format, Record, turn, None, limit)


class Recorded(BaseModel):
    """Some of a recording's file: ASCII lines of asciicast version 2. *next* is the offset that follows."""

    data: str
    next: int | None = None


@router.get("/{session}/recordings/{recording}")
async def session_recording(
    who: Owner, here: Here, session: str, recording: str, offset: After = 0
) -> Recorded:
    """What a terminal or command of a session showed, a MiB at a time; ``recording.opened`` has the names."""
    await known(here, session, who)
    path = None
    if recording.rpartition(".")[0] == session:
        path = find(Folder(here.settings.gateway.data).recordings, recording)
    if path is None:
        raise not_found("recording")
    return await asyncio.to_thread(_part, path, offset)


@router.post("/kill")
async def kill_sessions(who: Admin, here: Here, kill: KillMany) -> KilledMany:
    """End all live sessions of a principal, or simply all, now. Who is to stay out needs a block besides."""
    if (kill.principal is None) != kill.all:
        raise ProblemError(422, "request.invalid", "name a principal, or say all: one of the two")
    why = f"{who.principal.id}: {kill.reason}" if kill.reason else who.principal.id
    return KilledMany(sessions=list(here.live.kill_all(f"killed by {why}", kill.principal)))


@router.post("/{session}/kill")
async def kill_session(who: Owner, here: Here, session: str, kill: Kill) -> Killed:
    """End a live session now; what it runs upstream is ended too. On record in its last entry."""
    if not who.rules:
        row = await known(here, session, who)
        if not who.owns(row.principal, row.actor):
            raise forbidden("this is for admins to do", "ask for a token with a group of gateway.admins")
    why = f"{who.principal.id}: {kill.reason}" if kill.reason else who.principal.id
    if here.live.kill(session, f"killed by {why}"):
        return Killed(session=session, killed=True)
    await known(here, session, who)
    raise ProblemError(409, "session.over", f"the session {session[:100]} is not live")


def words(text: str | None) -> Words | None:
    """What to look for. Raises ProblemError where there is nothing in it that can be looked for."""
    if text is None:
        return None
    try:
        return Words.read(text)
    except ValueError as error:
        raise ProblemError(422, "request.invalid", str(error), "look for letters or digits") from None


def _shown(row: SessionRow, here: Here) -> Session:
    shown = Session.model_validate(row)
    shown.live = row.closed is None and row.id in here.live.sessions
    return shown


async def known(here: Here, session: str, who: Visitor) -> SessionRow:
    """The session; one that is not for *who* looks like one that is not there."""
    row = await here.store.sessions.get(session)
    if row is None or not who.sees(row.principal, row.actor):
        raise not_found("session")
    return row


def _records(folder: Path, session: str, first: int, after: int, limit: int) -> Records:
    found: list[Record] = []
    for entry in of_session(folder, session, first):
        if entry.seq <= after:
            continue
        if len(found) == limit:
            return Records(items=found, next=found[-1].seq)
        found.append(record(entry))
    return Records(items=found)


def _part(path: Path, offset: int) -> Recorded:
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(CHUNK_BYTES)
        more = bool(file.read(1))
    return Recorded(data=data.decode("ascii", "replace"), next=offset + len(data) if more else None)


def of_session(folder: Path, session: str, first: int) -> Iterator[Entry]:
    """The session's own records, and those of its holds, which name only the hold."""
    needles = (json.dumps(session).encode(), b'"kind":"hold.')
    holds: set[object] = set()
    for entry in read(folder, first - 1, holding=needles):
        hold = entry.body.get("hold")
        if entry.body.get("session") == session:
            holds |= {hold} - {None}
        elif hold not in holds:
            continue
        yield entry


def record(entry: Entry) -> Record:
    return Record(seq=entry.seq, time=entry.time, kind=entry.kind, body=entry.body)
