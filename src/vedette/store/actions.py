"""The index of judged actions and what came of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from typing import cast as cast_type

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    cast,
    func,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from vedette.store import tables
from vedette.store.connect import Database
from vedette.store.search import DOCUMENT, Words, exactly

_T = tables.actions
#: Hits taken from the search at once, and looked at for one page at most.
_CHUNK = 500
MAX_HITS = 20_000


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action. *effects* and *objects* are joined by spaces; *status* is empty until it has an outcome.

    *n* numbers the rows in the order they were indexed.
    """

    n: int
    id: str
    worker: str
    seq: int
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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which actions: all that fits. *since* (included) and *until* are Unix seconds.

    *holding* is a piece of text or objects to the letter, which is slow; *words* are found by the search.
    *held*: whether people were asked; *masked*: whether something was hidden from the result.
    """

    words: Words | None = None
    holding: str | None = None
    principal: str | None = None
    resource: str | None = None
    protocol: str | None = None
    session: str | None = None
    verdict: str | None = None
    rule: str | None = None
    code: str | None = None
    effect: str | None = None
    object: str | None = None
    held: bool | None = None
    masked: bool | None = None
    observed: bool | None = None
    since: float | None = None
    until: float | None = None

    def match(self) -> str:
        """What of it FTS5 can find, empty where that is nothing."""
        parts = [self.words.fts()] if self.words is not None else []
        columns = ("principal", "resource", "protocol", "verdict", "rule", "code")
        named = [(name, getattr(self, name)) for name in columns]
        named += [("effects", self.effect), ("objects", self.object)]
        parts += [found for name, value in named if value and (found := exactly(name, value))]
        return " AND ".join(parts)

    def conditions(self) -> list[ColumnElement[bool]]:
        """All but the words."""
        found: list[ColumnElement[bool]] = []
        for name in ("principal", "resource", "protocol", "session", "verdict", "rule", "code"):
            value = getattr(self, name)
            if value is not None:
                found.append(_T.c[name] == value)
        for column, one in ((_T.c.effects, self.effect), (_T.c.objects, self.object)):
            if one is not None:
                found.append((literal(" ") + column + " ").contains(f" {one} ", autoescape=True))
        if self.holding is not None:
            found.append(or_(*(c.contains(self.holding, autoescape=True) for c in (_T.c.text, _T.c.objects))))
        flags = ((self.held, tables.HELD), (self.masked, tables.MASKED), (self.observed, tables.OBSERVED))
        for flag, condition in flags:
            if flag is not None:
                found.append(_as_it_stands(condition.text if flag else f"NOT ({condition.text})"))
        if self.since is not None:
            found.append(_T.c.at >= self.since)
        if self.until is not None:
            found.append(_T.c.at < self.until)
        return found


ANY = Wanted()


@dataclass(frozen=True, slots=True)
class Found:
    """*rows*, and where to go on (None at the end): fewer rows than wanted are not yet the end."""

    rows: list[ActionRow]
    next: tuple[float, int] | None = None


class Actions:
    """What is known of actions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, action: str) -> ActionRow | None:
        async with self._database.reading() as connection:
            found = (await connection.execute(select(_T).where(_T.c.id == action))).mappings().first()
        return None if found is None else ActionRow(**found)

    async def of_session(self, session: str, *, after: int = 0, limit: int = 1000) -> list[ActionRow]:
        """The actions of a session in order, those after record *after*."""
        query = select(_T).where(_T.c.session == session, _T.c.seq > after).order_by(_T.c.seq).limit(limit)
        async with self._database.reading() as connection:
            return await _rows(connection, query)

    async def find(
        self, wanted: Wanted = ANY, *, after: tuple[float, int] | None = None, limit: int = 100
    ) -> Found:
        """At most *limit* actions, newest first; those after the one of that time and number."""
        async with self._database.reading() as connection:
            if self._database.dialect == "sqlite" and wanted.session is None and (match := wanted.match()):
                return await _searched(connection, wanted, match, after[1] if after else None, limit)
            query = select(_T).where(*wanted.conditions()).order_by(_T.c.at.desc(), _T.c.n.desc())
            if wanted.words is not None:
                query = query.where(_document(wanted.words))
            if after is not None:
                query = query.where(
                    or_(_T.c.at < after[0], and_(_T.c.at == after[0], _T.c.n < after[1]))
                ).where(_T.c.at <= after[0])
            return _page(await _rows(connection, query.limit(limit + 1)), limit)

    async def sessions(self, wanted: Wanted, *, limit: int = 500) -> list[str]:
        """The newest *limit* sessions that have such an action, among the newest MAX_HITS of these."""
        found: dict[str, None] = {}
        after: tuple[float, int] | None = None
        for _ in range(MAX_HITS // _CHUNK):
            page = await self.find(wanted, after=after, limit=_CHUNK)
            found |= dict.fromkeys(row.session for row in page.rows)
            after = page.next
            if after is None or len(found) >= limit:
                break
        return list(found)[:limit]

    async def by_time(self, since: float, until: float, step: float) -> list[tuple[int, str, int]]:
        """How many actions there were, by (number of the *step* seconds since *since*, verdict)."""
        place = (_T.c.at - since) / step
        # Some builds of SQLite have no floor(); its CAST cuts off, where PostgreSQL's rounds.
        slot = cast(place, Integer) if self._database.dialect == "sqlite" else func.floor(place)
        query = (
            select(slot.label("slot"), _T.c.verdict, func.count())
            .where(_T.c.at >= since, _T.c.at < until)
            .group_by("slot", _T.c.verdict)
            .order_by("slot")
        )
        async with self._database.reading() as connection:
            return [
                (int(at), str(verdict), int(many)) for at, verdict, many in await connection.execute(query)
            ]

    async def refusals(self, since: float, limit: int = 10) -> list[tuple[str, str, int]]:
        """Which rules refused whom since then, and how often: (rule, principal, count), most first."""
        many = func.count()
        query = (
            select(_T.c.rule, _T.c.principal, many)
            .where(_T.c.at >= since, _T.c.verdict == "deny")
            .group_by(_T.c.rule, _T.c.principal)
            .order_by(many.desc(), _T.c.rule, _T.c.principal)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return [(str(rule), str(who), int(many)) for rule, who, many in await connection.execute(query)]


def _as_it_stands(condition: str) -> ColumnElement[bool]:
    """SQLite uses a partial index only where the query repeats its condition, without parameters."""
    # Text, not a column: of a column SQLAlchemy would ask whether it is 1.
    return cast_type("ColumnElement[bool]", text(condition))


def _page(rows: list[ActionRow], limit: int) -> Found:
    if len(rows) <= limit:
        return Found(rows)
    last = rows[limit - 1]
    return Found(rows[:limit], (last.at, last.n))


async def _rows(connection: AsyncConnection, query: Select[Any]) -> list[ActionRow]:
    return [ActionRow(**found) for found in (await connection.execute(query)).mappings()]


async def _searched(
    connection: AsyncConnection, wanted: Wanted, match: str, below: int | None, limit: int
) -> Found:
    """By FTS5, newest first. Hits are looked up in pieces, so that no plan of SQLite's sorts all of them."""
    low, high = await _span(connection, wanted)
    if below is not None:
        high = min(high, below - 1)
    hits = text(
        "SELECT rowid FROM actions_search WHERE actions_search MATCH :match "
        "AND rowid BETWEEN :low AND :high ORDER BY rowid DESC LIMIT :many"
    )
    found: list[ActionRow] = []
    conditions = wanted.conditions()
    for _ in range(MAX_HITS // _CHUNK):
        values = {"match": match, "low": low, "high": high, "many": _CHUNK}
        numbers = [int(n) for (n,) in await connection.execute(hits, values)]
        if not numbers:
            return Found(found)
        query = select(_T).where(_T.c.n.in_(numbers), *conditions).order_by(_T.c.n.desc())
        found += await _rows(connection, query.limit(limit + 1 - len(found)))
        if len(found) > limit:
            return _page(found, limit)
        high = numbers[-1] - 1
    # Enough for once: whoever wants to can go on from here.
    return Found(found, (0.0, high + 1))


async def _span(connection: AsyncConnection, wanted: Wanted) -> tuple[int, int]:
    """Between which numbers the rows of the time wanted lie; a clock that was set back widens it."""
    low, high = 0, 2**63 - 1
    if wanted.since is not None:
        first = select(func.min(_T.c.n)).where(_T.c.at >= wanted.since)
        low = (await connection.execute(first)).scalar() or high
    if wanted.until is not None:
        last = select(func.max(_T.c.n)).where(_T.c.at < wanted.until)
        high = (await connection.execute(last)).scalar() or 0
    return low, high


def _document(words: Words) -> ColumnElement[bool]:
    """Where a row holds all of *words*, by PostgreSQL."""
    parts = []
    for number, (_, prefix) in enumerate(words.pieces):
        query = f"phraseto_tsquery('simple', :word{number})"
        parts.append(f"{DOCUMENT} @@ " + (f"({query}::text || ':*')::tsquery" if prefix else query))
    values = {f"word{number}": piece for number, (piece, _) in enumerate(words.pieces)}
    return and_(
        *(text(part).bindparams(**{k: v for k, v in values.items() if f":{k})" in part}) for part in parts)
    )
