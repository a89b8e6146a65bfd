"""Promise 2: judged = recorded = forwarded. What a tap before the server hears has its digest in the journal."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter

import asyncpg
import psycopg
import pytest

from tests.conformance.kits import until
from tests.live.gateways import living
from tests.promises.heard import judged
from tests.testbed.gateway import RESOURCE

pytestmark = pytest.mark.live
RULES = (
    {"allow": {"effects": ["read", "write", "configure"]}},
    {"deny": {"pack": "destructive-sql"}},
    {"mask": {"columns": ["public.customers.ssn"], "as": "redact"}},
)


async def _psql(live) -> None:
    where = ["-h", "127.0.0.1", "-p", str(live.port), "-U", "agent", "-d", RESOURCE, "-XAt"]
    script = (
        "SELECT count(*) FROM customers;\nDROP TABLE orders;\nBEGIN;\nINSERT INTO notes VALUES (50, 'x');\n"
        "COMMIT;\nSET search_path = audit;\nSELECT count(*) FROM log;\nCOPY public.notes TO STDOUT;\n"
        "COPY public.notes FROM STDIN;\n51\ty\n52\tz\n\\.\nCOPY (SELECT ssn FROM public.customers) TO STDOUT;\n"
    )
    _status, out, err = await live.run("psql", *where, text=script, env={"PGPASSWORD": live.token()})
    assert "vedette" in err
    assert out


async def _asyncpg(live) -> None:
    connection = await asyncpg.connect(**live.keywords())
    for number in (1, 2, 3):
        await connection.fetch("SELECT * FROM customers WHERE id = $1", number)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("TRUNCATE orders")
    await connection.executemany("INSERT INTO notes VALUES ($1, $2)", [(n, "many") for n in range(60, 70)])
    await connection.copy_records_to_table("notes", records=[(n, "copied") for n in range(70, 80)])
    async with connection.transaction():
        assert len([row async for row in connection.cursor("SELECT * FROM notes")]) > 20
    await connection.close()


async def _psycopg(live) -> None:
    async with await psycopg.AsyncConnection.connect(live.dsn(), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with connection.pipeline():
                await connection.execute("SELECT %s::int", (1,))
                await connection.execute("DELETE FROM notes")
                await connection.execute("SELECT 2")
        for _ in range(7):  # by then it is prepared
            await connection.execute("SELECT name FROM customers WHERE id = %s", (2,))


async def test_what_the_server_heard_is_what_the_journal_says(pg16, database, tmp_path, tap):
    wire = tap(pg16.host, pg16.port)
    async with living(pg16, database, tmp_path, *RULES, port=wire.port) as live:
        await asyncio.gather(_psql(live), _asyncpg(live), _psycopg(live))
        await until(lambda: not live.app.engine.sessions)
        records = live.journal("action.judged")
    await wire.reached(lambda tap: all(each.closed for each in tap.wires))
    allowed = Counter(record["digest"] for record in records if record["verdict"] == "allow")
    denied = {record["digest"] for record in records if record["verdict"] == "deny"}
    heard = Counter(hashlib.sha256(message).hexdigest() for message in judged(wire))
    assert sum(heard.values()) > 40
    # Nothing went up that is not on record, nothing more often, and all that was allowed did.
    assert heard == allowed
    assert not denied & heard.keys()
    assert denied
