"""Bringing the database to the present shape, by itself, at every opening."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from vedette.store.connect import Database
from vedette.store.errors import StoreError

#: The newest migration; a test compares it with the files.
HEAD = "0007"
KNOWN = frozenset({"0001", "0002", "0003", "0004", "0005", "0006", "0007"})

_FOLDER = Path(__file__).parent / "migrations"


async def migrate(database: Database) -> None:
    """Upgrade to HEAD; two processes that do so at once do it one after the other.

    Raises:
        StoreError: a newer Vedette wrote this database.
    """
    async with database.reading() as connection:
        if await connection.run_sync(_revision) == HEAD:
            return
    async with database.writing() as connection:
        await connection.run_sync(_upgrade)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    revision = None if found is None else str(found)
    if revision is not None and revision not in KNOWN:
        raise StoreError(f"a newer Vedette wrote this store (its shape is {revision}, this one knows {HEAD})")
    return revision


def _upgrade(connection: Connection) -> None:
    if _revision(connection) == HEAD:
        return
    # Imported here: only the first start after an upgrade needs it, and it is slow to import.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
