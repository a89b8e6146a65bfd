"""Following the journal: the index of sessions and actions, always a little behind, never wrong.

The journal is the truth. The index moves with its cursor in one transaction, so a record is
indexed once, whatever is killed when; and it can be thrown away and made anew.

May run inside a gateway (``Follower.run``) or, to keep its work off the gateway's loop, beside it::

    python -m vedette.store.follow <journal folder> <store> [worker]

which ends when its standard input does, that is with the process that started it. Indexing an action
costs more than relaying it, so a gateway with much to do has this done beside it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path

from sqlalchemy import Insert, Table, bindparam, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from vedette.journal.read import Tail, last
from vedette.store import tables
from vedette.store.database import Store
from vedette.store.index import Changes, runs

log = logging.getLogger(__name__)

#: Records per transaction: few enough that a loop that also serves is not kept for long.
BATCH = 250
PAUSE = 1.0

_S = tables.sessions
_A = tables.actions
_C = tables.changes
_OUTCOME = ("status", "rows", "bytes", "tag", "sqlstate", "masked", "duration")
_COUNTS = ("actions", "denied", "held", "rows", "bytes", "masked")


class Follower:
    """Keeps the index of one worker's journal."""

    def __init__(
        self, store: Store, folder: Path, *, worker: str = "main", pause: float = PAUSE, batch: int = BATCH
    ) -> None:
        self._store = store
        self._folder = folder
        self._worker = worker
        self._pause = pause
        self._batch = batch
        self._tail: Tail | None = None

    async def run(self) -> None:
        """Follow for ever; ends by being cancelled. What fails is logged and tried again."""
        try:
            while True:
                try:
                    await self.catch_up()
                except OSError as error:
                    log.error("the index cannot follow the journal: %s", error)
                    self._let_go()
                await asyncio.sleep(self._pause)
        finally:
            self._let_go()

    async def catch_up(self) -> int:
        """Index everything that is in the journal now; how many records that was.

        Raises:
            JournalDamaged: a record cannot be read; the index stays before it.
            StoreError: the store does not answer.
        """
        count = 0
        while True:
            if self._tail is None:
                self._tail = Tail(self._folder, await self._begin())
            before = self._tail.after
            entries = self._tail.poll(self._batch)
            if not entries:
                return count
            if not await self._apply(before, entries[-1].seq, runs(self._worker, entries)):
                # Another follower was faster: go on from where it is.
                self._let_go()
                continue
            count += len(entries)
            # Whoever else lives on this loop comes first.
            await asyncio.sleep(0)

    async def rebuild(self) -> int:
        """Throw this worker's index away and make it anew; how many records that was."""
        self._let_go()
        await self._forget()
        return await self.catch_up()

    def close(self) -> None:
        """Let go of the journal's file."""
        self._let_go()

    async def _begin(self) -> int:
        cursor = await self._store.cursors.get(self._worker)
        if cursor and cursor > (end := last(self._folder)):
            log.warning("the journal ends at record %d, the index at %d: making it anew", end, cursor)
            await self._forget()
            return 0
        return cursor

    async def _forget(self) -> None:
        async with self._store.writing() as connection:
            for table in (_A, _S, _C, tables.follower):
                await connection.execute(delete(table).where(table.c.worker == self._worker))

    async def _apply(self, was: int, to: int, pieces: list[Changes]) -> bool:
        async with self._store.writing() as connection:
            if not await self._store.cursors.move(connection, self._worker, was, to):
                return False
            for piece in pieces:
                await _write(connection, piece, self._store.dialect)
        return True

    def _let_go(self) -> None:
        if self._tail is not None:
            self._tail.close()
            self._tail = None


async def _write(connection: AsyncConnection, changes: Changes, dialect: str) -> None:
    if changes.lost is not None:
        ended = update(_S).where(_S.c.worker == changes.worker, _S.c.closed.is_(None))
        await connection.execute(ended.values(closed=changes.lost, reason="lost: the gateway ended"))
    if changes.sessions:
        await connection.execute(_fresh(_S, dialect), list(changes.sessions.values()))
    if changes.actions:
        await connection.execute(_fresh(_A, dialect), list(changes.actions.values()))
    if changes.administered:
        await connection.execute(_fresh(_C, dialect), changes.administered)
    if changes.outcomes:
        patch = update(_A).where(_A.c.id == bindparam("action"))
        await connection.execute(
            patch.values({name: bindparam(f"new_{name}") for name in _OUTCOME}), changes.outcomes
        )
    if changes.tallies:
        added = update(_S).where(_S.c.id == bindparam("session"))
        added = added.values(
            last_seq=bindparam("last"), **{name: _S.c[name] + bindparam(f"more_{name}") for name in _COUNTS}
        )
        more = [
            {"session": name, "last": tally.last, **{f"more_{one}": getattr(tally, one) for one in _COUNTS}}
            for name, tally in changes.tallies.items()
        ]
        await connection.execute(added, more)
    if changes.closed:
        ended = update(_S).where(_S.c.id == bindparam("session"))
        await connection.execute(
            ended.values(closed=bindparam("at"), reason=bindparam("why")), changes.closed
        )


def _fresh(table: Table, dialect: str) -> Insert:
    """INSERT that leaves alone what is there: an id that comes twice is indexed the first time."""
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return insert(table)


async def _beside(folder: Path, where: str, worker: str) -> None:
    """Follow until standard input ends, then once more."""
    store = await Store.open(where)
    follower = Follower(store, folder, worker=worker, batch=20 * BATCH)
    running = asyncio.create_task(follower.run())
    try:
        while await asyncio.to_thread(os.read, 0, 4096):
            pass
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await follower.catch_up()
        follower.close()
        await store.close()


def main(arguments: list[str]) -> int:
    """The process beside a gateway."""
    if len(arguments) not in (2, 3):
        sys.stderr.write("usage: python -m vedette.store.follow <journal folder> <store> [worker]\n")
        return 2
    # Whoever waits for the gateway comes before whoever reads the index.
    os.nice(10)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    worker = arguments[2] if len(arguments) == 3 else "main"
    asyncio.run(_beside(Path(arguments[0]), arguments[1], worker))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
