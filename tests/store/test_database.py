from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import vedette
from vedette.store import Store, StoreError
from vedette.store.migrate import _FOLDER, HEAD, KNOWN
from vedette.store.tables import metadata


async def test_a_new_store_is_for_its_owner_only(tmp_path):
    path = tmp_path / "data" / "vedette.db"
    store = await Store.open(path)
    assert path.stat().st_mode & 0o777 == 0o600
    await store.close()


async def test_the_migrations_make_the_tables(store):
    def differences(connection):
        # FTS5's tables are no tables of ours; SQLite makes them of one.
        ours = {
            "include_name": lambda name, kind, _: kind != "table" or not name.startswith("actions_search")
        }
        return compare_metadata(MigrationContext.configure(connection, opts=ours), metadata)

    async with store.reading() as connection:
        assert await connection.run_sync(differences) == []


def test_the_newest_migration_is_known():
    scripts = ScriptDirectory(str(_FOLDER))
    assert scripts.get_current_head() == HEAD
    assert {script.revision for script in scripts.walk_revisions()} == KNOWN


async def test_going_back_drops_everything(store):
    from alembic import command
    from alembic.config import Config

    def down(connection):
        config = Config()
        config.set_main_option("script_location", str(_FOLDER))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    async with store.writing() as connection:
        await connection.run_sync(down)
    async with store.reading() as connection:
        found = await connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
        assert [name for (name,) in found] == ["alembic_version"]


async def test_opening_at_once_migrates_once(tmp_path):
    stores = await asyncio.gather(*(Store.open(tmp_path / "vedette.db") for _ in range(4)))
    for store in stores:
        assert await store.sessions.find() == []
        await store.close()


async def test_a_store_of_a_newer_vedette_is_left_alone(tmp_path):
    path = tmp_path / "vedette.db"
    await (await Store.open(path)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="newer Vedette"):
        await Store.open(path)


async def test_what_is_no_database_is_an_error_of_ours(tmp_path):
    path = tmp_path / "vedette.db"
    path.write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(StoreError, match="not a database"):
        await Store.open(path)


@pytest.mark.parametrize("where", ["nonsense://", "postgresql://[", "/proc/nowhere/vedette.db"])
async def test_a_place_that_cannot_be_is_an_error_of_ours(where):
    with pytest.raises(StoreError):
        await Store.open(where)


async def test_an_error_does_not_say_what_was_written(store):
    with pytest.raises(StoreError) as caught:
        async with store.writing() as connection:
            await connection.exec_driver_sql("INSERT INTO nowhere VALUES ('secret-value')")
    assert "secret-value" not in str(caught.value)


async def test_what_fails_half_way_is_undone(store):
    with pytest.raises(ZeroDivisionError):
        async with store.writing() as connection:
            await connection.exec_driver_sql("INSERT INTO follower VALUES ('main', 7)")
            raise ZeroDivisionError
    assert await store.cursors.get("main") == 0


READER = """
import asyncio, sys
from vedette.store import Store

async def main():
    store = await Store.open(sys.argv[1])
    print(len(await store.keys.all()), await store.cursors.get("main"))
    await store.close()

asyncio.run(main())
"""


async def test_another_process_reads_while_one_writes(store, tmp_path):
    async with store.writing() as connection:
        await connection.exec_driver_sql("INSERT INTO follower VALUES ('main', 7)")
    async with store.writing() as connection:
        await connection.exec_driver_sql("UPDATE follower SET seq = 8")
        answer = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", READER, str(tmp_path / "vedette.db")],
            capture_output=True, check=True, env={"PYTHONPATH": str(Path(vedette.__file__).parents[1])},
        )  # fmt: skip
    assert answer.stdout == b"0 7\n"
