"""Sealed credentials, as ``vedette.credentials.sealed`` makes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, insert, select

from vedette.credentials.sealed import Sealed
from vedette.store import tables
from vedette.store.connect import Database

_T = tables.sealed


class SealedBoxes:
    """The sealed credentials by name."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    async def get(self, name: str) -> Sealed | None:
        rows = await self._select(_T.c.name == name)
        return rows[0] if rows else None

    async def put(self, sealed: Sealed) -> None:
        """Keep *sealed* in place of what its name held before."""
        values = {"name": sealed.name, "key_id": sealed.key_id, "nonce": sealed.nonce, "box": sealed.box}
        async with self._database.writing() as connection:
            await connection.execute(delete(_T).where(_T.c.name == sealed.name))
            await connection.execute(insert(_T).values(**values, written=self._now()))

    async def all(self) -> list[Sealed]:
        """All of them, by name."""
        return await self._select(None)

    async def remove(self, name: str) -> bool:
        """Drop one; False where there is none."""
        async with self._database.writing() as connection:
            return (await connection.execute(delete(_T).where(_T.c.name == name))).rowcount == 1

    async def _select(self, where: Any) -> list[Sealed]:
        query = select(_T).order_by(_T.c.name)
        if where is not None:
            query = query.where(where)
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).mappings().all()
        return [Sealed(row["name"], row["key_id"], row["nonce"], row["box"]) for row in found]
