"""The index of what administers: who may come in, what holds, when the gateway was up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from vedette.store import tables
from vedette.store.connect import Database

_T = tables.changes


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One record. *by* is a principal's id, *what* the noun and *name* which one; *body* is the journal's."""

    n: int
    worker: str
    seq: int
    at: float
    kind: str
    by: str
    what: str
    name: str
    body: dict[str, Any]


class Changes:
    """What administers, newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self, *, kinds: tuple[str, ...] = (), by: str | None = None, what: str | None = None,
        name: str | None = None, since: float | None = None, until: float | None = None,
        below: int | None = None, limit: int = 100,
    ) -> list[ChangeRow]:  # fmt: skip
        """At most *limit* records numbered under *below*; *kinds* are names in full."""
        query = select(_T).order_by(_T.c.n.desc()).limit(limit)
        if kinds:
            query = query.where(_T.c.kind.in_(kinds))
        for column, value in ((_T.c.by, by), (_T.c.what, what), (_T.c.name, name)):
            if value is not None:
                query = query.where(column == value)
        if since is not None:
            query = query.where(_T.c.at >= since)
        if until is not None:
            query = query.where(_T.c.at < until)
        if below is not None:
            query = query.where(_T.c.n < below)
        async with self._database.reading() as connection:
            return [ChangeRow(**found) for found in (await connection.execute(query)).mappings()]
