"""Who is shut out, by principal or by credential, whatever it can prove."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import delete, insert, or_, select

from vedette.identity.errors import IdentityError
from vedette.model import Principal
from vedette.store import tables
from vedette.store.connect import Database
from vedette.store.errors import StoreError

log = logging.getLogger(__name__)
_T = tables.blocks


@dataclass(frozen=True, slots=True)
class Block:
    """
    *id* is a principal's (``issuer#subject``) or a credential's (a token's or key's id, ``x509:...``).

    *created* and *until* are Unix seconds; *until* None is for good. *by* is a principal's id.
    """

    id: str
    by: str
    reason: str
    created: float
    until: float | None = None

    def holds(self, now: float) -> bool:
        return self.until is None or now < self.until


class Blocks:
    """The blocks in the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, block: Block) -> None:
        """Keep *block* in place of what its id had before, and drop those that are over."""
        over = _T.c.until.is_not(None) & (_T.c.until <= block.created)
        values = {
            "id": block.id, "by": block.by, "reason": block.reason, "created": block.created,
            "until": block.until,
        }  # fmt: skip
        async with self._database.writing() as connection:
            await connection.execute(delete(_T).where(or_(_T.c.id == block.id, over)))
            await connection.execute(insert(_T).values(values))

    async def all(self, now: float) -> list[Block]:
        """Those in force at *now*, newest first."""
        query = (
            select(_T)
            .where(or_(_T.c.until.is_(None), _T.c.until > now))
            .order_by(_T.c.created.desc(), _T.c.id)
        )
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).mappings().all()
        return [
            Block(row["id"], row["by"], row["reason"], row["created"], row["until"]) for row in found
        ]  # fmt: skip

    async def get(self, name: str, now: float) -> Block | None:
        """The block of that id in force at *now*."""
        return next((each for each in await self.all(now) if each.id == name), None)

    async def remove(self, name: str) -> bool:
        """Drop one; False where there is none."""
        async with self._database.writing() as connection:
            return (await connection.execute(delete(_T).where(_T.c.id == name))).rowcount == 1


class Blocklist:
    """Who is shut out, answered from memory; kept fresh by polling, at most *pause* seconds behind.

    Fails closed: when the store has not answered for *patience* seconds, everybody is shut out.
    *spared* tells whose principal's id no block counts for (the operator: the last way out); a block
    of the credential counts for everybody. *told* is called when somebody is shut out anew, so that
    sessions can be ended. *now* is Unix time, *clock* monotonic, in seconds.
    """

    def __init__(
        self, blocks: Blocks, *, now: Callable[[], float], clock: Callable[[], float],
        pause: float = 0.5, patience: float = 30.0,
        spared: Callable[[Principal], bool] = lambda _: False, told: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self._blocks = blocks
        self._now = now
        self._clock = clock
        self._pause = pause
        self._patience = patience
        self._spared = spared
        self._told = told
        self._known: dict[str, Block] = {}
        self._own: dict[str, tuple[float, Block | None]] = {}
        self._fresh: float | None = None

    def bars(self, principal: Principal) -> bool:
        """Whether *principal*, its credential, or whom it acts for is shut out. Never waits."""
        return self._stale or self._blocked(principal)

    def refuse(self, principal: Principal) -> None:
        """Raises IdentityError where `bars` says so."""
        if self._stale:
            raise IdentityError("identity.unavailable", "who is blocked cannot be looked up now")
        if self._blocked(principal):
            raise IdentityError("identity.blocked", "this caller is blocked here; ask an administrator")

    def add(self, block: Block) -> None:
        """This process itself has just kept *block*: it counts from this moment."""
        self._own[block.id] = (self._clock(), block)
        self._news(self._known.values(), block)

    def remove(self, name: str) -> None:
        """This process itself has just dropped the block of that id."""
        self._own[name] = (self._clock(), None)
        self._known.pop(name, None)

    async def refresh(self) -> None:
        """Ask the store.

        Raises:
            StoreError: it does not answer.
        """
        asked = self._clock()
        found = {each.id: each for each in await self._blocks.all(self._now())}
        # What was changed here while the store was being asked may not be in its answer yet.
        self._own = {name: (at, own) for name, (at, own) in self._own.items() if at >= asked}
        for name, (_, own) in self._own.items():
            if own is None:
                found.pop(name, None)
            else:
                found[name] = own
        self._news(found.values())
        self._fresh = asked

    async def run(self) -> None:
        """Refresh for ever; ends by being cancelled."""
        while True:
            try:
                await self.refresh()
            except StoreError as error:
                log.error("who is blocked cannot be read: %s", error)
            await asyncio.sleep(self._pause)

    @property
    def _stale(self) -> bool:
        return self._fresh is None or self._clock() - self._fresh > self._patience

    def _blocked(self, principal: Principal) -> bool:
        if not self._known:
            return False
        names = {principal.credential} if self._spared(principal) else principal.answers_to
        now = self._now()
        return any(name in self._known and self._known[name].holds(now) for name in names)

    def _news(self, blocks: Iterable[Block], *more: Block) -> None:
        before, self._known = self._known, {each.id: each for each in (*blocks, *more)}
        if self._told is not None and any(before.get(name) != each for name, each in self._known.items()):
            self._told()
