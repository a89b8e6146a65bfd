"""The index of sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from vedette.store import tables
from vedette.store.connect import Database
from vedette.store.whose import Whose

_T = tables.sessions


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session. *closed* is None while it lasts (or where its gateway was killed).

    *first_seq* and *last_seq* are where its records lie in *worker*'s journal.
    """

    id: str
    worker: str
    first_seq: int
    last_seq: int
    principal: str
    kind: str
    groups: tuple[str, ...]
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


def _row(found: Any) -> SessionRow:
    values = dict(found)
    values["groups"] = tuple(values["groups"])
    return SessionRow(**values)


class Sessions:
    """What is known of sessions, newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, session: str) -> SessionRow | None:
        async with self._database.reading() as connection:
            found = (await connection.execute(select(_T).where(_T.c.id == session))).mappings().first()
        return None if found is None else _row(found)

    async def find(
        self, *, principal: str | None = None, resource: str | None = None, live: bool | None = None,
        since: float | None = None, before: float | None = None, whose: Whose | None = None,
        limit: int = 100,
    ) -> list[SessionRow]:  # fmt: skip
        """At most *limit* sessions, newest first; *before* and *since* compare with when they opened."""
        query = select(_T).order_by(_T.c.opened.desc(), _T.c.id).limit(limit)
        if whose is not None:
            query = query.where(whose.by_id(_T.c.principal, _T.c.actor))
        if principal is not None:
            query = query.where(_T.c.principal == principal)
        if resource is not None:
            query = query.where(_T.c.resource == resource)
        if live is not None:
            query = query.where(_T.c.closed.is_(None) if live else _T.c.closed.is_not(None))
        if since is not None:
            query = query.where(_T.c.opened >= since)
        if before is not None:
            query = query.where(_T.c.opened < before)
        async with self._database.reading() as connection:
            return [_row(found) for found in (await connection.execute(query)).mappings()]
