"""Promise 1: no byte of a message goes up before the verdict on the whole of it, nor behind a refusal."""

from __future__ import annotations

import pytest

from tests.conformance.kits import until
from tests.conformance.talk_postgres import Talk
from tests.live.gateways import living, policy
from vedette.protocols.postgres import messages as m

pytestmark = pytest.mark.live
READ = policy({"allow": {"effects": ["read"]}}, {"deny": {"pack": "destructive-sql"}})


async def test_half_a_message_stays_here_until_the_rest_has_come(pg16, database, tmp_path, tap):
    wire = tap(pg16.host, pg16.port)
    async with living(pg16, database, tmp_path, policies=[READ], port=wire.port) as live:
        talk = await Talk.login(live.port, live.token())
        message = m.query("SELECT 'half_mark'")
        for end in range(1, len(message)):
            talk.say(message[end - 1 : end])
            await talk.writer.drain()
        # An answer to somebody else proves that the gateway has had its turns.
        other = await Talk.login(live.port, live.token())
        await other.query("SELECT 1")
        assert b"half_mark" not in wire.up
        talk.say(message[-1:])
        assert (await talk.ready()).rows == 1
        assert b"half_mark" in wire.up
        await talk.close()
        await other.close()


async def test_nothing_behind_a_refused_message_passes_before_the_sync(pg16, database, tmp_path, tap):
    wire = tap(pg16.host, pg16.port)
    async with living(pg16, database, tmp_path, policies=[READ], port=wire.port) as live:
        talk = await Talk.login(live.port, live.token())
        behind = m.parse("", "SELECT 'behind_mark'") + m.message(b"B", bytes(8)) + m.message(b"E", bytes(5))
        talk.say(
            m.parse("", "DROP TABLE orders /* drop_mark */"), behind, m.sync(), m.query("SELECT 'after_mark'")
        )
        said = await talk.ready(2)
        assert [error["C"] for error in said.errors] == ["42501"]
        assert said.rows == 1
        assert b"behind_mark" not in wire.up
        assert b"drop_mark" not in wire.up
        assert b"after_mark" in wire.up
        await talk.close()


async def test_what_is_over_the_cap_or_unreadable_is_refused_by_name(pg16, database, tmp_path, tap):
    wire = tap(pg16.host, pg16.port)
    limits = {"downstream_tls": "allowed", "limits": {"statement": "64KiB"}}
    async with living(pg16, database, tmp_path, port=wire.port, gateway=limits) as live:
        talk = await Talk.login(live.port, live.token())
        said = await talk.query("SELECT '" + "long_mark" * 20_000 + "'")
        assert [error["C"] for error in said.errors] == ["54000"]
        assert "65536 bytes" in said.errors[0]["M"]
        talk.say(m.message(b"Q", b"SELECT 'bytes_mark\xff'\0"))
        assert "UTF-8" in (await talk.ready()).errors[0]["M"]
        talk.say(m.message(b"F", b"\0\0\0\1call_mark"))
        assert "function calls" in (await talk.ready()).errors[0]["M"]
        assert (await talk.query("SELECT 1")).rows == 1
        for mark in (b"long_mark", b"bytes_mark", b"call_mark"):
            assert mark not in wire.up
        await talk.close()
        await until(lambda: not live.app.engine.sessions)
        assert [e["code"] for e in live.journal("action.judged") if e["verdict"] == "deny"] == [
            "protocol.oversize", "protocol.unreadable", "protocol.unreadable",
        ]  # fmt: skip
