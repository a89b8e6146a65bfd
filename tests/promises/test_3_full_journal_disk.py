"""Promise 3: no record, no passage; the caller is told so, and goes on once there is room again."""

from __future__ import annotations

import asyncpg
import psycopg
import pytest

from tests.conformance.faults import Fault, full_disk
from tests.live.gateways import living
from vedette.journal import keys as journal_keys
from vedette.journal.verify import verify

pytestmark = pytest.mark.live


async def test_what_cannot_be_recorded_does_not_run(pg16, database, tmp_path, monkeypatch):
    async with living(pg16, database, tmp_path) as live:
        set_fault = full_disk(monkeypatch, lambda: live.app.journal._fd)
        connection = await asyncpg.connect(**live.keywords())
        statement = await connection.prepare("INSERT INTO notes VALUES ($1, 'full_disk_mark')")
        await statement.fetch(101)
        set_fault(Fault(1, on=True))
        with pytest.raises(asyncpg.PostgresError) as refused:
            await connection.execute("INSERT INTO notes VALUES (102, 'full_disk_mark')")
        assert refused.value.sqlstate == "58030"
        assert "journal" in str(refused.value)
        with pytest.raises(asyncpg.PostgresError) as again:
            await statement.fetch(103)
        assert again.value.sqlstate == "58030"
        with pytest.raises(asyncpg.PostgresError):
            await asyncpg.connect(**live.keywords())
        set_fault(Fault())
        await statement.fetch(104)
        assert await connection.fetchval("SELECT 7") == 7, "the session is usable"
        await connection.close()
        kept = live.direct(
            "SELECT string_agg(id::text, ' ' ORDER BY id) FROM notes WHERE body = 'full_disk_mark'"
        )
        assert kept == "101 104"
        app = live.app
    keys = journal_keys.load_or_create(app.folder.keys)
    report = verify(app.folder.journal, keys.public_bytes, key=keys.mac)
    assert report.ok, report.problems


async def test_a_transaction_ends_as_for_any_error(pg16, database, tmp_path, monkeypatch):
    async with living(pg16, database, tmp_path) as live:
        set_fault = full_disk(monkeypatch, lambda: live.app.journal._fd)
        async with await psycopg.AsyncConnection.connect(live.dsn()) as connection:
            await connection.execute("INSERT INTO notes VALUES (110, 'in_tx_mark')")
            set_fault(Fault(1, on=True))
            with pytest.raises(psycopg.OperationalError):
                await connection.execute("INSERT INTO notes VALUES (111, 'in_tx_mark')")
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
            set_fault(Fault())
            await connection.rollback()
            cursor = await connection.execute("SELECT count(*) FROM notes WHERE body = 'in_tx_mark'")
            assert await cursor.fetchone() == (0,)
