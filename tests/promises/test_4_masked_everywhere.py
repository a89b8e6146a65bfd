"""Promise 4: a masked value reaches the caller through no channel, and stands in no record."""

from __future__ import annotations

import asyncio

import asyncpg
import psycopg
import pytest

from tests.live.gateways import living

pytestmark = pytest.mark.live
SSN, MAIL = "457-55-5468", "grace.hopper@example.com"
RULES = (
    {"allow": {"effects": ["read", "write", "create", "execute", "configure"]}},
    {"mask": {"columns": ["public.customers.ssn"], "as": "redact"}},
    {"mask": {"entities": ["email", "us_ssn"], "as": "redact"}},
)
RAISES = f"DO $$ BEGIN RAISE NOTICE 'seen {MAIL}'; RAISE EXCEPTION 'no {MAIL}' USING HINT = '{SSN}'; END $$"
READS = (
    "SELECT * FROM customers",
    "SELECT ssn AS harmless FROM customers",
    "SELECT upper(ssn) FROM customers",
    "SELECT c FROM customers c",
    "SELECT row_to_json(c) FROM customers c",
    "SELECT array_agg(ssn) FROM customers",
    "WITH x AS (SELECT ssn AS y FROM customers) SELECT y FROM x",
    "SELECT CAST(ssn AS int) FROM customers",
    "SELECT 1 / (length(ssn) - length(ssn)) FROM customers",
    "EXPLAIN ANALYZE SELECT * FROM customers WHERE email = 'grace.hopper@example.com'",
)


async def _try(live, texts) -> str:
    """All that a caller hears, errors and notices too."""
    seen: list[object] = []
    async with await psycopg.AsyncConnection.connect(live.dsn(), autocommit=True) as connection:
        connection.add_notice_handler(lambda said: seen.append((said.message_primary, said.message_hint)))
        for text in texts:
            for binary in (False, True):
                try:
                    cursor = await connection.execute(text, binary=binary)
                    if cursor.description:
                        seen.append(await cursor.fetchall())
                except psycopg.Error as error:
                    diag = error.diag
                    # str(error) would quote the caller's own text as well: libpq adds it by itself.
                    seen.append((diag.message_primary, diag.message_detail, diag.message_hint, diag.context))
    return repr(seen)


async def test_every_channel(pg16, database, tmp_path):
    pg16.run(f"INSERT INTO customers VALUES (901, 'Grace', '{MAIL}', '{SSN}', 5)", database)
    async with living(pg16, database, tmp_path, *RULES) as live:
        seen = await _try(live, READS)
        seen += await _try(live, [
            f"INSERT INTO customers VALUES (901, 'G', '{MAIL}', '{SSN}', 1)",
            f"SELECT '{MAIL}'::int", RAISES, f"SELECT format('%s', '{MAIL}')",
        ])  # fmt: skip
        seen += await _notified(live)
        seen += await _cursor_and_prepared(live)
        kept = b"".join(path.read_bytes() for path in live.app.journal.folder.glob("*") if path.is_file())
    assert "Grace" in seen
    for value in (SSN, MAIL):
        assert value not in seen
        assert value.encode() not in kept


async def _notified(live) -> str:
    connection = await asyncpg.connect(**live.keywords())
    heard: asyncio.Queue[str] = asyncio.Queue()
    await connection.add_listener("news", lambda _c, _p, _ch, payload: heard.put_nowait(payload))
    await asyncio.to_thread(live.direct, f"NOTIFY news, 'write to {MAIL}'")
    async with asyncio.timeout(30):
        payload = await heard.get()
    await connection.close()
    assert "write to" in payload
    return payload


async def _cursor_and_prepared(live) -> str:
    connection = await asyncpg.connect(**live.keywords())
    seen: list[object] = []
    statement = await connection.prepare("SELECT name, ssn, email FROM customers WHERE id = $1")
    seen += [await statement.fetch(901) for _ in range(3)]
    async with connection.transaction():
        seen += [row async for row in connection.cursor("SELECT ssn, email FROM customers", prefetch=2)]
        await connection.execute("DECLARE mine CURSOR FOR SELECT ssn, email FROM customers")
        seen.append(await connection.fetch("FETCH 10 FROM mine"))
    await connection.execute("PREPARE again AS SELECT ssn, email FROM customers")
    seen += [await connection.fetch("EXECUTE again") for _ in range(2)]
    await connection.close()
    return repr(seen)
