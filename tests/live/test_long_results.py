"""What takes long to mask is masked beside the event loop: others go on, and nothing changes its place."""

from __future__ import annotations

import asyncio
import io

import asyncpg
import pytest

from tests.live.gateways import ALL, living
from tests.testbed.processes import PATIENCE_SECONDS
from vedette.masking.plan import CannotMask
from vedette.protocols.postgres import session

pytestmark = pytest.mark.live

MASK = {"mask": {"entities": ["email", "credit_card", "phone", "us_ssn"], "as": "redact"}}
RULES = ({"allow": {"effects": ALL}}, MASK)
DENSE = "SELECT repeat('4111 1111 1111 1111 ada@example.com ', 300)"
SERIES = "SELECT n, repeat('Card 4111 1111 1111 1111 ', 20) FROM generate_series(1, 3000) n"


async def test_others_are_served_while_a_result_is_masked(pg16, database, tmp_path, monkeypatch):
    begun, go = asyncio.Event(), asyncio.Event()
    runs = session.aside

    async def slow(work):
        begun.set()
        await go.wait()
        return await runs(work)

    monkeypatch.setattr(session, "aside", slow)
    async with living(pg16, database, tmp_path, *RULES) as live, asyncio.timeout(PATIENCE_SECONDS):
        one, other = await asyncpg.connect(**live.keywords()), await asyncpg.connect(**live.keywords())
        waiting = asyncio.create_task(one.fetchval(DENSE))
        await begun.wait()
        assert await other.fetchval("SELECT 'ada@example.com'") == "[email]"
        assert not waiting.done()
        go.set()
        found = await waiting
        assert "4111" not in found
        assert "ada@" not in found
        assert await one.fetchval("SELECT 41 + 1") == 42
        await one.close()
        await other.close()


async def test_rows_come_masked_and_in_order(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, *RULES) as live, asyncio.timeout(PATIENCE_SECONDS):
        there = await asyncpg.connect(**live.keywords())
        rows = await there.fetch(SERIES)
        assert [row[0] for row in rows] == list(range(1, 3001))
        assert not any("4111" in row[1] for row in rows)
        # The limit of a portal, and what is asked next while rows are still on their way.
        async with there.transaction():
            seen = [row[0] async for row in there.cursor(SERIES, prefetch=700)]
        assert seen == list(range(1, 3001))
        await there.close()


async def test_what_cannot_be_masked_there_is_refused_as_ever(pg16, database, tmp_path, monkeypatch):
    async def fails(work):
        raise CannotMask("a row that nobody can mask")

    monkeypatch.setattr(session, "aside", fails)
    async with living(pg16, database, tmp_path, *RULES) as live, asyncio.timeout(PATIENCE_SECONDS):
        there = await asyncpg.connect(**live.keywords())
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="nobody can mask"):
            await there.fetchval(DENSE)
        assert await there.fetchval("SELECT 41 + 1") == 42
        await there.close()


async def test_a_fault_there_ends_that_session_and_shows_nothing(pg16, database, tmp_path, monkeypatch):
    async def fails(work):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(session, "aside", fails)
    async with living(pg16, database, tmp_path, *RULES) as live, asyncio.timeout(PATIENCE_SECONDS):
        there = await asyncpg.connect(**live.keywords())
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)) as failed:
            await there.fetchval(DENSE)
        assert "4111" not in str(failed.value)
        other = await asyncpg.connect(**live.keywords())
        assert await other.fetchval("SELECT 41 + 1") == 42
        await other.close()


async def test_a_session_that_is_killed_meanwhile_ends_at_once(pg16, database, tmp_path, monkeypatch):
    begun = asyncio.Event()

    async def never(work):
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(session, "aside", never)
    async with living(pg16, database, tmp_path, *RULES) as live, asyncio.timeout(PATIENCE_SECONDS):
        there = await asyncpg.connect(**live.keywords())
        waiting = asyncio.create_task(there.fetchval(DENSE))
        await begun.wait()
        (killed,) = live.app.engine.sessions.values()
        killed.kill("too curious")
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await waiting


async def test_copy_is_masked_there_too_and_in_order(pg16, database, tmp_path, monkeypatch):
    used = []
    runs = session.aside

    async def counted(work):
        used.append(work)
        return await runs(work)

    monkeypatch.setattr(session, "aside", counted)
    async with living(pg16, database, tmp_path, *RULES) as live, asyncio.timeout(PATIENCE_SECONDS):
        there = await asyncpg.connect(**live.keywords())
        out = io.BytesIO()
        await there.copy_from_query(SERIES, output=out)
        rows = out.getvalue().decode().splitlines()
        assert [int(row.partition("\t")[0]) for row in rows] == list(range(1, 3001))
        assert "4111" not in out.getvalue().decode()
        assert used
        assert await there.fetchval("SELECT 41 + 1") == 42
        await there.close()
