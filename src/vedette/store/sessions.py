"""The index of sessions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, or_, select

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


@dataclass(frozen=True, slots=True)
class Caller:
    """What the index knows of a principal, on behalf of *actor*. *first*, *last*: when sessions opened."""

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
        protocol: str | None = None, actor: str | None = None, run: str | None = None,
        until: float | None = None, denied: bool | None = None, held: bool | None = None,
        masked: bool | None = None, ids: Collection[str] | None = None, limit: int = 100,
    ) -> list[SessionRow]:  # fmt: skip
        """
        At most *limit* sessions, newest first; *before*, *since* and *until* compare with when they opened.

        *denied*, *held*, *masked*: whether any action of theirs was. *ids*: none but these.
        """
        query = select(_T).order_by(_T.c.opened.desc(), _T.c.id).limit(limit)
        if whose is not None:
            query = query.where(whose.by_id(_T.c.principal, _T.c.actor))
        named = {
            "principal": principal,
            "resource": resource,
            "protocol": protocol,
            "actor": actor,
            "run": run,
        }
        for name, value in named.items():
            if value is not None:
                query = query.where(_T.c[name] == value)
        for name, flag in {"denied": denied, "held": held, "masked": masked}.items():
            if flag is not None:
                query = query.where(_T.c[name] > 0 if flag else _T.c[name] == 0)
        if live is not None:
            query = query.where(_T.c.closed.is_(None) if live else _T.c.closed.is_not(None))
        if since is not None:
            query = query.where(_T.c.opened >= since)
        for end in (before, until):
            if end is not None:
                query = query.where(_T.c.opened < end)
        if ids is not None:
            query = query.where(_T.c.id.in_(ids))
        async with self._database.reading() as connection:
            return [_row(found) for found in (await connection.execute(query)).mappings()]

    async def callers(
        self, *, since: float | None = None, until: float | None = None, whose: Whose | None = None,
        resource: str | None = None, limit: int = 5000,
    ) -> list[Caller]:  # fmt: skip
        """Who was here, whoever was here last first; counts are of sessions opened since *since*."""
        columns = ("actions", "denied", "held", "rows", "masked")
        last = func.max(_T.c.opened)
        query = (
            select(
                _T.c.principal, _T.c.actor, func.max(_T.c.kind), func.min(_T.c.opened), last, func.count(),
                func.sum(case((_T.c.closed.is_(None), 1), else_=0)),
                *(func.sum(_T.c[name]) for name in columns),
            )
            .where(_T.c.kind != "")
            .group_by(_T.c.principal, _T.c.actor)
            .order_by(last.desc(), _T.c.principal)
            .limit(limit)
        )  # fmt: skip
        if since is not None:
            query = query.where(or_(_T.c.opened >= since, _T.c.closed.is_(None)))
        if until is not None:
            query = query.where(_T.c.opened < until)
        if resource is not None:
            query = query.where(_T.c.resource == resource)
        if whose is not None:
            query = query.where(whose.by_id(_T.c.principal, _T.c.actor))
        async with self._database.reading() as connection:
            return [Caller(*found) for found in await connection.execute(query)]
