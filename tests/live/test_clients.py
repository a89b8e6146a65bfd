"""Real clients, with nothing but a host, a port and a token, through the gateway to a real server."""

from __future__ import annotations

import asyncio

import asyncpg
import psycopg
import pytest

from tests.live.gateways import living
from tests.testbed.gateway import RESOURCE

pytestmark = pytest.mark.live


async def test_psql_with_a_token_as_password(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        env = {"PGPASSWORD": live.token()}
        where = ["-h", "127.0.0.1", "-p", str(live.port), "-U", "agent", "-d", RESOURCE, "-X", "-A", "-t"]
        status, out, err = await live.run(
            "psql", *where, "-c", "SELECT count(*) FROM customers; SELECT 1", env=env
        )
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "1"
    kinds = [event["kind"] for event in live_kinds(tmp_path)]
    assert kinds.index("action.judged") < kinds.index("action.outcome")


def live_kinds(folder):
    from vedette.journal.read import read

    return [{"kind": entry.kind} for entry in read(folder / "vedette-data" / "journal")]


async def test_an_unmodified_asyncpg_script(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        connection = await asyncpg.connect(**live.keywords())
        await connection.execute(
            "INSERT INTO customers VALUES ($1, $2, $3, $4, $5)", 900, "Ada", "a@b.c", "1", 2
        )
        for _ in range(3):
            assert await connection.fetchval("SELECT name FROM customers WHERE id = $1", 900) == "Ada"
        async with connection.transaction():
            rows = [row async for row in connection.cursor("SELECT generate_series(1, 250)")]
        assert len(rows) == 250
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.fetch("SELECT * FROM nowhere")
        assert await connection.fetchval("SELECT 1") == 1
        await connection.copy_records_to_table("orders", records=[(n, 900, n) for n in range(9000, 9100)])
        assert await connection.fetchval("SELECT count(*) FROM orders WHERE customer_id = 900") == 100
        await connection.close()


async def test_asyncpg_hears_a_refusal_and_goes_on(pg16, database, tmp_path):
    rules = ({"allow": {"effects": ["read"]}}, {"deny": {"pack": "destructive-sql"}})
    async with living(pg16, database, tmp_path, *rules) as live:
        connection = await asyncpg.connect(**live.keywords())
        with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
            await connection.execute("DROP TABLE customers")
        assert "vedette" in str(refused.value)
        assert refused.value.hint or refused.value.detail
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("DELETE FROM customers WHERE id > $1", 0)
        assert await connection.fetchval("SELECT count(*) FROM customers") is not None
        await connection.close()
        assert live.direct("SELECT count(*) FROM pg_class WHERE relname = 'customers'").strip() == "1"


async def test_psycopg_async_pipeline_with_a_refusal_in_the_middle(pg16, database, tmp_path):
    rules = ({"allow": {"effects": ["read", "write"]}}, {"deny": {"pack": "destructive-sql"}})
    async with (
        living(pg16, database, tmp_path, *rules) as live,
        await psycopg.AsyncConnection.connect(live.dsn(), autocommit=True) as connection,
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with connection.pipeline():
                await connection.execute("SELECT 1")
                await connection.execute("DROP TABLE customers")
                await connection.execute("SELECT 2")
        cursor = await connection.execute("SELECT %s::int", (7,))
        assert await cursor.fetchone() == (7,)


def _sync_work(dsn: str) -> list[object]:
    found: list[object] = []
    with psycopg.connect(dsn) as connection:
        found.append(connection.execute("SELECT 41 + %s", (1,)).fetchone())
        try:
            connection.execute("DROP TABLE orders")
        except psycopg.errors.InsufficientPrivilege as refused:
            found.append(refused.diag.message_hint or refused.diag.message_detail)
        connection.rollback()
        with connection.cursor("named") as cursor:
            cursor.itersize = 10
            cursor.execute("SELECT generate_series(1, 35)")
            found.append(len(cursor.fetchall()))
        with connection.cursor().copy("COPY customers TO STDOUT") as copy:
            found.append(sum(len(block) for block in copy))
    return found


async def test_psycopg_sync(pg16, database, tmp_path):
    rules = ({"allow": {"effects": ["read"]}}, {"deny": {"pack": "destructive-sql"}})
    async with living(pg16, database, tmp_path, *rules) as live:
        found = await asyncio.to_thread(_sync_work, live.dsn())
    assert found[0] == (42,)
    assert found[1]
    assert found[2] == 35


async def test_masked_in_text_and_binary_and_copy(pg16, database, tmp_path):
    rules = (
        {"allow": {"effects": ["read"]}},
        {"mask": {"columns": ["public.customers.ssn"], "as": "redact"}},
        {"mask": {"entities": ["email"], "as": "partial"}},
    )
    secret, mail = "987-65-4320", "ada.lovelace@example.com"
    pg16.run(f"INSERT INTO customers VALUES (901, 'Ada', '{mail}', '{secret}', 5)", database)
    async with living(pg16, database, tmp_path, *rules) as live:
        connection = await asyncpg.connect(**live.keywords())
        seen = ""
        for _ in range(2):
            seen += repr(await connection.fetch("SELECT * FROM customers WHERE id = $1", 901))
        seen += repr(
            await connection.fetch("SELECT ssn AS x, 'mail: ' || email AS y FROM customers WHERE id = 901")
        )
        seen += repr(await connection.fetch("SELECT substr(ssn, 1) FROM customers WHERE id = 901"))
        await connection.close()
        async with await psycopg.AsyncConnection.connect(live.dsn()) as other:
            for binary in (False, True):
                cursor = await other.execute("SELECT * FROM customers WHERE id = 901", binary=binary)
                seen += repr(await cursor.fetchall())
            for text in (
                "COPY customers TO STDOUT",
                "COPY (SELECT ssn, email FROM customers) TO STDOUT (FORMAT csv, HEADER)",
                "COPY customers TO STDOUT (FORMAT binary)",
            ):
                async with other.cursor().copy(text) as copy:
                    seen += repr([bytes(block) async for block in copy])
    assert "Ada" in seen
    assert secret not in seen
    assert mail not in seen


async def test_cancel_reaches_the_server(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        connection = await asyncpg.connect(**live.keywords())
        with pytest.raises(asyncio.TimeoutError):
            await connection.fetch("SELECT pg_sleep(30)", timeout=0.3)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        assert (
            live.direct(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND state = 'active' AND pid <> pg_backend_pid()"
            ).strip()
            == "0"
        )


async def test_listen_and_notify(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        connection = await asyncpg.connect(**live.keywords())
        heard: asyncio.Queue[str] = asyncio.Queue()
        await connection.add_listener("news", lambda _c, _p, _ch, payload: heard.put_nowait(payload))
        await asyncio.to_thread(live.direct, "NOTIFY news, 'hello'")
        async with asyncio.timeout(10):
            assert await heard.get() == "hello"
        await connection.close()


async def test_a_view_replaced_in_the_open_transaction_cannot_be_used_there(pg16, database, tmp_path):
    pg16.run("CREATE VIEW shown AS SELECT id, name AS shown FROM customers", database)
    rules = (
        {"allow": {"effects": ["read", "create", "alter"]}},
        {"mask": {"columns": ["public.customers.ssn"], "as": "redact"}},
    )
    async with living(pg16, database, tmp_path, *rules) as live:
        connection = await asyncpg.connect(**live.keywords())
        assert await connection.fetch("SELECT shown FROM shown")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="vedette:"):
            async with connection.transaction():
                await connection.execute(
                    "CREATE OR REPLACE VIEW shown AS SELECT id, ssn AS shown FROM customers"
                )
                await connection.fetch("SELECT shown FROM shown")
        await connection.close()


async def test_a_partition_read_by_its_own_name_keeps_the_mask_of_its_parent(pg16, database, tmp_path):
    pg16.run(
        "CREATE TABLE people (id int, ssn text) PARTITION BY RANGE (id);"
        "CREATE TABLE people_1 PARTITION OF people FOR VALUES FROM (0) TO (100);"
        "INSERT INTO people VALUES (1, '987-65-4320')",
        database,
    )
    rules = (
        {"allow": {"effects": ["read"]}},
        {"mask": {"columns": ["public.people.ssn"], "as": "redact"}},
    )
    async with living(pg16, database, tmp_path, *rules) as live:
        connection = await asyncpg.connect(**live.keywords())
        seen = repr(await connection.fetch("SELECT * FROM people_1"))
        seen += repr(await connection.fetch("SELECT upper(ssn) FROM people_1"))
        async with (
            await psycopg.AsyncConnection.connect(live.dsn()) as other,
            other.cursor().copy("COPY people_1 TO STDOUT") as copy,
        ):
            seen += repr([bytes(block) async for block in copy])
        await connection.close()
    assert "id=1" in seen
    assert "4320" not in seen
