"""Holds: what waits for people, what they said, and what their approvals were used for.

These rows are not an index but the thing itself: an approval is consumed here, by one
statement, whatever number of processes try.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import case, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from vedette.store import tables
from vedette.store.connect import Database

Status = Literal["pending", "approved", "denied", "expired", "withdrawn", "used"]
Mode = Literal["wait", "ticket"]
Touched = tuple[str, str, bool, bool]

#: The stages in which something can still come of a hold.
OPEN: tuple[Status, ...] = ("pending", "approved")

_T = tables.holds
_D = tables.hold_decisions
_U = tables.hold_uses


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What one person said."""

    principal: str
    subject: str
    email: str
    approve: bool
    reason: str
    at: float
    owner: str = ""


@dataclass(frozen=True, slots=True)
class HoldRow:
    """One hold. Times are Unix seconds; *expires* ends the present stage (waiting, or being usable).

    *kind*, *groups*, *email*, *actor* and *owner* are the requester's; *touches* are (effect, object,
    resolved, implied); *digest* is over the action, *terms* over what approval it needs. *preview* is
    what the action would change, as it was when people were asked.
    """

    id: str
    created: float
    expires: float
    patience: float
    session: str
    principal: str
    kind: str
    groups: tuple[str, ...]
    email: str
    actor: str
    resource: str
    protocol: str
    form: str
    text: str
    parameters: tuple[str | None, ...]
    state: tuple[tuple[str, str], ...]
    touches: tuple[Touched, ...]
    rule: str
    reason: str
    approvers: tuple[str, ...]
    count: int
    mode: Mode
    uses: int
    uses_left: int
    status: Status
    digest: str
    terms: str
    policy: str
    worker: str
    boot: str
    decisions: tuple[DecisionRow, ...] = ()
    owner: str = ""
    preview: str = ""

    @property
    def effects(self) -> tuple[str, ...]:
        return tuple(sorted({touch[0] for touch in self.touches}))

    @property
    def objects(self) -> tuple[str, ...]:
        return tuple(sorted({touch[1] for touch in self.touches if touch[1]}))


class Change:
    """A hold within a transaction that nobody else can come between. *row* is what it is now."""

    def __init__(self, connection: AsyncConnection, row: HoldRow) -> None:
        self._connection = connection
        self.row = row

    async def decide(self, decision: DecisionRow, status: Status, expires: float) -> None:
        """Keep what one person said and what the hold becomes by it."""
        values = {**asdict(decision), "hold": self.row.id}
        await self._connection.execute(insert(_D).values(values))
        await self.close(status, expires)

    async def close(self, status: Status, expires: float | None = None) -> None:
        """Give the hold another *status*."""
        values: dict[str, object] = {"status": status}
        if expires is not None:
            values["expires"] = expires
        await self._connection.execute(update(_T).where(_T.c.id == self.row.id).values(values))


class Holds:
    """All holds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, row: HoldRow) -> bool:
        """Keep a new hold; False where its id, or a live ticket for the same action, is there already."""
        values = {name: value for name, value in asdict(row).items() if name != "decisions"}
        try:
            async with self._database.writing() as connection:
                await connection.execute(insert(_T).values(values))
                for decision in row.decisions:
                    await connection.execute(insert(_D).values({**asdict(decision), "hold": row.id}))
        except IntegrityError:
            return False
        return True

    async def get(self, hold: str) -> HoldRow | None:
        async with self._database.reading() as connection:
            return await _get(connection, hold)

    async def find(
        self, statuses: Iterable[Status] | None = None, *, before: float | None = None,
        principal: str | None = None, resource: str | None = None, rule: str | None = None,
        session: str | None = None, since: float | None = None, limit: int = 1000,
    ) -> list[HoldRow]:  # fmt: skip
        """At most *limit* holds, newest first, of these *statuses*, created before *before*."""
        query = select(_T).order_by(_T.c.created.desc(), _T.c.id).limit(limit)
        if statuses is not None:
            query = query.where(_T.c.status.in_(tuple(statuses)))
        named = {"principal": principal, "resource": resource, "rule": rule, "session": session}
        for name, value in named.items():
            if value is not None:
                query = query.where(_T.c[name] == value)
        if since is not None:
            query = query.where(_T.c.created >= since)
        if before is not None:
            query = query.where(_T.c.created < before)
        async with self._database.reading() as connection:
            return await _with_decisions(connection, query)

    async def tickets(self, digest: str, terms: str, limit: int = 10) -> list[HoldRow]:
        """The newest tickets for one action, newest first."""
        query = (
            select(_T)
            .where(_T.c.digest == digest, _T.c.terms == terms, _T.c.mode == "ticket")
            .order_by(_T.c.created.desc(), _T.c.id)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return await _with_decisions(connection, query)

    @asynccontextmanager
    async def changing(self, hold: str) -> AsyncIterator[Change | None]:
        """A hold to be changed, alone; None where there is none. An exception undoes everything."""
        async with self._database.writing() as connection:
            row = await _get(connection, hold, lock=True)
            yield None if row is None else Change(connection, row)

    async def consume(self, hold: str, *, digest: str, terms: str, session: str, now: float) -> int | None:
        """Use an approval once: how many uses are left, or None where it cannot be used (any more).

        One UPDATE takes the use and the same transaction keeps a row of it, so that of any
        number of simultaneous tries exactly as many succeed as there are uses.
        """
        take = (
            update(_T)
            .where(_T.c.id == hold, _T.c.status == "approved", _T.c.uses_left > 0)
            .where(_T.c.digest == digest, _T.c.terms == terms, _T.c.expires > now)
            .values(
                uses_left=_T.c.uses_left - 1,
                status=case((_T.c.uses_left <= 1, "used"), else_=_T.c.status),
            )
            .returning(_T.c.uses_left)
        )
        async with self._database.writing() as connection:
            left = (await connection.execute(take)).scalar()
            if left is None:
                return None
            await connection.execute(insert(_U).values(hold=hold, left=left, session=session, at=now))
        return int(left)

    async def uses(self, hold: str) -> list[tuple[str, float]]:
        """The session and time of each use of an approval."""
        query = select(_U.c.session, _U.c.at).where(_U.c.hold == hold).order_by(_U.c.left.desc())
        async with self._database.reading() as connection:
            return [(str(session), float(at)) for session, at in await connection.execute(query)]


async def _get(connection: AsyncConnection, hold: str, *, lock: bool = False) -> HoldRow | None:
    query = select(_T).where(_T.c.id == hold)
    rows = await _with_decisions(connection, query.with_for_update() if lock else query)
    return rows[0] if rows else None


async def _with_decisions(connection: AsyncConnection, query: Any) -> list[HoldRow]:
    found: Sequence[Mapping[Any, Any]] = (await connection.execute(query)).mappings().all()
    if not found:
        return []
    said: dict[str, list[DecisionRow]] = {row["id"]: [] for row in found}
    decisions = select(_D).where(_D.c.hold.in_(said)).order_by(_D.c.at, _D.c.principal)
    for one in (await connection.execute(decisions)).mappings():
        values = dict(one)
        said[values.pop("hold")].append(DecisionRow(**values))
    return [_row(row, tuple(said[row["id"]])) for row in found]


def _row(found: Mapping[Any, Any], decisions: tuple[DecisionRow, ...]) -> HoldRow:
    values = dict(found)
    for name in ("groups", "approvers", "parameters"):
        values[name] = tuple(values[name])
    values["state"] = tuple((name, value) for name, value in values["state"])
    values["touches"] = tuple(tuple(touch) for touch in values["touches"])
    return HoldRow(**values, decisions=decisions)
