"""Opening the store: SQLite in WAL mode (one file, other processes may read), or a server by URL."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Dialect, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util.concurrency import in_greenlet

from vedette.store.accounts import Accounts
from vedette.store.actions import Actions
from vedette.store.blocks import Blocks
from vedette.store.changes import Changes
from vedette.store.errors import StoreError
from vedette.store.follower import Cursors
from vedette.store.grants import Grants
from vedette.store.holds import Holds
from vedette.store.keys import Keys
from vedette.store.migrate import migrate
from vedette.store.people import People, SetupLinks
from vedette.store.sealed import SealedBoxes
from vedette.store.sessions import Sessions
from vedette.store.tokens import IssuedTokens

__all__ = ["Store", "StoreError"]

BUSY_MILLISECONDS = 10_000
_WRITES = "vedette_writes"


class Store:
    """The database, and one small collection per noun.

    Every method raises StoreError (an OSError) where the database does not answer.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._leaving: set[asyncio.Task[None]] = set()
        self.sessions = Sessions(self)
        self.actions = Actions(self)
        self.changes = Changes(self)
        self.holds = Holds(self)
        self.tokens = IssuedTokens(self)
        self.keys = Keys(self)
        self.people = People(self)
        self.setup_links = SetupLinks(self)
        self.accounts = Accounts(self)
        self.grants = Grants(self)
        self.sealed = SealedBoxes(self)
        self.blocks = Blocks(self)
        self.cursors = Cursors(self)

    @classmethod
    async def open(cls, where: Path | str) -> Self:
        """Open the store at a path (an SQLite file, made where missing, mode 0600) or a URL; migrate it.

        Raises:
            StoreError: it cannot be opened, or a newer Vedette wrote it.
        """
        url = _url(where)
        sqlite = url.get_backend_name() == "sqlite"
        if sqlite and url.database and url.database != ":memory:":
            _create(Path(url.database))
        engine = _engine(url)
        if sqlite:
            event.listen(engine.sync_engine, "connect", _prepare)
            event.listen(engine.sync_engine, "begin", _begin)
            _close_once(engine.sync_engine.dialect)
        store = cls(engine)
        try:
            await migrate(store)
        except BaseException as error:
            await engine.dispose()
            if isinstance(error, OSError) and not isinstance(error, StoreError):
                raise StoreError(f"the store cannot be reached: {error.strerror or error}") from error
            raise
        return store

    async def close(self) -> None:
        while self._leaving:
            await asyncio.gather(*self._leaving, return_exceptions=True)
        await self._engine.dispose()

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that reads. Raises StoreError where the database fails."""
        with _trouble():
            async with self._connection() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write: all of it or nothing. On SQLite it has the file to itself."""
        with _trouble():
            async with self._connection() as connection:
                connection = await connection.execution_options(**{_WRITES: True})
                async with connection.begin():
                    yield connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """One of the pool's, and the pool's again afterwards, whenever whoever asked for it goes.

        SQLAlchemy drops a connection, open, whose making is cancelled half-way.
        """
        making = asyncio.create_task(_made(self._engine.connect()))
        try:
            connection = await asyncio.shield(making)
        except asyncio.CancelledError:
            _ = self._leave(_abandon(making))
            raise
        try:
            yield connection
        finally:
            await asyncio.shield(self._leave(connection.close()))

    def _leave(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        return task


def _close_once(dialect: Dialect) -> None:
    """Where its caller goes away in mid-statement, a connection is closed, and nothing else besides.

    SQLAlchemy closes it in a task of its own and, cancelled a second time, stops its thread under that
    task's feet: it then waits for ever, and so does whoever ends the event loop.
    """

    def terminate(connection: DBAPIConnection) -> None:
        if in_greenlet():
            connection.close()
        else:  # dropped unclosed, and found by the collector
            connection.terminate()

    dialect.do_terminate = terminate  # type: ignore[assignment, method-assign]


async def _made(connection: AsyncConnection) -> AsyncConnection:
    return await connection


async def _abandon(making: asyncio.Task[AsyncConnection]) -> None:
    with suppress(SQLAlchemyError, OSError):
        await (await making).close()


class _trouble:
    """Turns the database's errors into ours, except a broken uniqueness, which is an answer."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SQLAlchemyError) and not isinstance(error, IntegrityError):
            # The statement and its values stay out of the message: they may be what is to be hidden.
            cause = getattr(error, "orig", None)
            raise StoreError(f"the store failed: {cause or type(error).__name__}") from error


def _url(where: Path | str) -> URL:
    if isinstance(where, Path) or "://" not in where:
        return URL.create("sqlite+aiosqlite", database=str(where))
    try:
        url = make_url(where)
    except (ArgumentError, ValueError) as error:
        raise StoreError("the store's URL cannot be read") from error
    if url.drivername in ("sqlite", "postgresql"):
        driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}[url.drivername]
        url = url.set(drivername=driver)
    return url


def _engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        return create_async_engine(url)
    try:
        return create_async_engine(url, pool_size=4, max_overflow=8)
    except (SQLAlchemyError, ImportError) as error:
        raise StoreError(f"no driver for a store of the kind {url.drivername} is installed") from error


def _create(path: Path) -> None:
    """Make the file ourselves, so that nobody else may read it (SQLite would ask the umask)."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"the store {path} cannot be opened: {error.strerror}") from error


def _prepare(connection: Any, _: object) -> None:
    """Settings of each SQLite connection. Transactions are begun by ``_begin``, not by the driver."""
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        # Not NORMAL: a used approval must not come back after a power failure.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
    finally:
        cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that starts by reading and then writes can fail half-way in SQLite; IMMEDIATE cannot.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
