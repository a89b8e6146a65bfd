"""A long statement is read beside the event loop, and others go on meanwhile."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.testbed import gateway as gateways
from tests.testbed.gateway import Upstream
from tests.testbed.postgres import Postgres
from vedette.protocols.postgres import reader

pytestmark = pytest.mark.live


def _long(items: int) -> str:
    """A statement of so many different items: nothing to be remembered by."""
    return "SELECT " + ", ".join(f"{n} + length('x') AS c{n}" for n in range(items))


async def test_others_are_served_while_a_long_statement_is_read(
    pg16: Postgres, database: str, tmp_path, monkeypatch
):
    begun, go = asyncio.Event(), asyncio.Event()
    file = gateways.write(tmp_path, [Upstream(pg16, database)])
    async with gateways.hosted(file) as app:
        mine = app.engine.backends["appdb"].reader
        runs = mine._aside

        async def slow(work):
            begun.set()
            await go.wait()
            return await runs(work)

        monkeypatch.setattr(mine, "_aside", slow)
        address = gateways.address(app, gateways.token(app))
        one, other = await asyncpg.connect(address), await asyncpg.connect(address)
        text = _long(200)
        assert len(text) > reader.MAX_AT_ONCE
        waiting = asyncio.create_task(one.fetchrow(text))
        await begun.wait()
        assert await other.fetchval("SELECT 41 + 1") == 42
        assert not waiting.done()
        go.set()
        assert len(await waiting) == 200
        await one.close()
        await other.close()


@pytest.mark.parametrize("text", ["DROP TABLE customers", "SELECT pg_read_file('/etc/passwd')"])
async def test_length_hides_nothing(pg16: Postgres, database: str, tmp_path, text: str):
    rules = {"name": "r", "who": {}, "where": {}, "rules": [{"allow": {"effects": ["read"]}}]}
    file = gateways.write(tmp_path, [Upstream(pg16, database)], [rules])
    async with gateways.hosted(file) as app:
        connection = await asyncpg.connect(gateways.address(app, gateways.token(app)))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"{_long(200)}; {text}")
        assert await connection.fetchval("SELECT count(*) FROM customers") == 5
        await connection.close()
