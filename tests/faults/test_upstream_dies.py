"""A server that dies, hangs up or talks nonsense: the caller is told, the record stands, the next session works."""

from __future__ import annotations

import asyncio
import os
import signal

import asyncpg
import psycopg
import pytest

from tests.conformance.kits import until
from tests.conformance.talk_postgres import LoginFailed, Talk
from tests.live.gateways import living
from vedette.protocols.postgres import messages as m

pytestmark = pytest.mark.live
BIG = "SELECT repeat('x', 1000) FROM generate_series(1, 1000000)"


async def _mid_result(live) -> Talk:
    talk = await Talk.login(live.port, live.token())
    talk.say(m.query(BIG))
    while (await talk.message())[0] != b"D":
        pass
    return talk


async def test_the_wire_is_cut_mid_result(pg16, database, tmp_path, tap):
    wire = tap(pg16.host, pg16.port)
    async with living(pg16, database, tmp_path, port=wire.port) as live:
        talk = await _mid_result(live)
        wire.cut()
        said = await talk.rest()
        assert not said.status, "it was not told that all is well"
        await until(lambda: bool(live.journal("session.closed")))
        assert live.journal("session.closed")[0]["reason"] == "upstream: closed"
        assert [e["status"] for e in live.journal("action.outcome")] == ["lost"]
        connection = await asyncpg.connect(**live.keywords())
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        await talk.close()


async def test_the_backend_is_killed_mid_result(spare, tmp_path):
    async with living(spare, spare.fresh(), tmp_path) as live:
        talk = await _mid_result(live)
        pid = int(
            live.direct(
                "SELECT pid FROM pg_stat_activity WHERE query LIKE '%generate_series%' AND pid <> pg_backend_pid()"
            )
        )
        os.kill(pid, signal.SIGKILL)
        said = await talk.rest()
        assert not said.status
        await until(lambda: bool(live.journal("session.closed")))
        assert live.journal("session.closed")[0]["reason"] == "upstream: closed"
        await talk.close()


async def test_the_server_ends_a_session_in_good_order(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        async with await psycopg.AsyncConnection.connect(live.dsn(), autocommit=True) as connection:
            cursor = await connection.execute("SELECT pg_backend_pid()")
            (pid,) = await cursor.fetchone()
            await asyncio.to_thread(live.direct, f"SELECT pg_terminate_backend({pid})")
            with pytest.raises(psycopg.OperationalError, match="terminating connection"):
                await connection.execute("SELECT 1")
        await until(lambda: bool(live.journal("session.closed")))


async def test_a_server_that_is_not_there_or_is_none(pg16, database, tmp_path, tap):
    wire = tap(pg16.host, pg16.port)
    async with living(pg16, database, tmp_path, port=wire.port) as live:
        canary = await asyncpg.connect(**live.keywords(live.token("canary")))
        for garbage in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"E\xff\xff\xff\xff", bytes(4096)):
            wire.answer(garbage)
            with pytest.raises((LoginFailed, ConnectionError)) as refused:
                await Talk.login(live.port, live.token())
            assert "vedette: the resource" in str(refused.value)
        await until(lambda: len(live.journal("session.refused")) == 3)
        assert {e["code"].partition(".")[0] for e in live.journal("session.refused")} == {"upstream"}
        assert await canary.fetchval("SELECT 1") == 1
        await canary.close()
