"""The index of judged actions and what came of them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from vedette.store import tables
from vedette.store.connect import Database

_T = tables.actions


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action. *effects* and *objects* are joined by spaces; *status* is empty until it has an outcome."""

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
            return [ActionRow(**found) for found in (await connection.execute(query)).mappings()]

    async def find(
        self, *, verdict: str | None = None, holding: str | None = None, since: float | None = None,
        before: float | None = None, limit: int = 100,
    ) -> list[ActionRow]:  # fmt: skip
        """At most *limit* actions, newest first; *holding* is a piece of their text or objects."""
        query = select(_T).order_by(_T.c.at.desc(), _T.c.id).limit(limit)
        if verdict is not None:
            query = query.where(_T.c.verdict == verdict)
        if holding is not None:
            query = query.where(
                _T.c.text.contains(holding, autoescape=True) | _T.c.objects.contains(holding, autoescape=True)
            )
        if since is not None:
            query = query.where(_T.c.at >= since)
        if before is not None:
            query = query.where(_T.c.at < before)
        async with self._database.reading() as connection:
            return [ActionRow(**found) for found in (await connection.execute(query)).mappings()]
