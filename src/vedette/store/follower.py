"""How far the index has followed each worker's journal."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vedette.store import tables
from vedette.store.connect import Database

_T = tables.follower


class Cursors:
    """One number per worker: the last record that is in the index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, worker: str) -> int:
        """0 where nothing of this worker is indexed."""
        async with self._database.reading() as connection:
            return await _get(connection, worker)

    async def move(self, connection: AsyncConnection, worker: str, was: int, to: int) -> bool:
        """Move on within a transaction; False (and nothing moved) where another has moved it from *was*."""
        if await _get(connection, worker) != was:
            return False
        if was == 0:
            await connection.execute(delete(_T).where(_T.c.worker == worker))
            await connection.execute(insert(_T).values(worker=worker, seq=to))
        else:
            await connection.execute(update(_T).where(_T.c.worker == worker).values(seq=to))
        return True


async def _get(connection: AsyncConnection, worker: str) -> int:
    found = (await connection.execute(select(_T.c.seq).where(_T.c.worker == worker))).scalar()
    return int(found) if found is not None else 0
