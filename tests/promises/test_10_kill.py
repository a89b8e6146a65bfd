"""Promise 10: a kill ends the work upstream; one session's trouble is no other's."""

from __future__ import annotations

import asyncio

import asyncpg
import httpx2
import pytest

from tests.conformance.kits import until
from tests.conformance.talk_postgres import LoginFailed, Talk
from tests.live.gateways import living
from vedette.model import Kind
from vedette.protocols.postgres import messages as m

pytestmark = pytest.mark.live
WORK = "SELECT pg_sleep(600) /* kill_me */"
RUNNING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%kill_me%' AND state = 'active' AND pid <> pg_backend_pid()"


def _busy(live) -> int:
    return int(live.direct(RUNNING))


async def _at_work(live, token: str) -> Talk:
    talk = await Talk.login(live.port, token)
    talk.say(m.query(WORK))
    await until(lambda: _busy(live) == 1, "it runs")
    return talk


async def test_a_kill_ends_what_runs_upstream(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        canary = await asyncpg.connect(**live.keywords(live.token("canary")))
        talk = await _at_work(live, live.token())
        (name,) = [n for n, s in live.app.engine.sessions.items() if s.principal.subject == "agent-1"]
        assert live.app.live.kill(name, "the test says so")
        assert not live.app.live.kill("nobody", "there is no such session")
        said = await talk.rest()
        assert said.errors[-1]["C"] == "57P01"
        assert "the test says so" in said.errors[-1]["M"]
        await until(lambda: _busy(live) == 0, "the server has stopped")
        await until(lambda: bool(live.journal("session.closed")))
        (closed,) = live.journal("session.closed")
        assert closed["reason"] == "killed: the test says so"
        assert [e["status"] for e in live.journal("action.outcome") if e["session"] == name] == ["lost"]
        assert await canary.fetchval("SELECT 1") == 1
        await talk.close()
        await canary.close()


async def test_a_revoked_token_ends_its_sessions_and_opens_none(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, gateway={"admins": {"groups": ["ops"]}}) as live:
        token, admin = live.token(), live.token("olga", kind=Kind.PERSON, groups=("ops",))
        principal = await live.app.identity.by_token(token)
        talk = await _at_work(live, token)
        live.app.revocations.add(principal.credential)
        said = await talk.rest()
        assert "revoked" in said.errors[-1]["M"]
        await until(lambda: _busy(live) == 0, "the server has stopped")
        with pytest.raises(LoginFailed):
            await Talk.login(live.port, token)
        await until(lambda: bool(live.journal("session.refused")))
        assert live.journal("session.refused")[-1]["code"] == "identity.revoked"
        web = f"http://127.0.0.1:{live.app.ports['web']}/api/v1"
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {admin}"}) as client:
            other = await _at_work(live, live.token("agent-2"))
            (name,) = live.app.engine.sessions
            await _indexed(client, f"{web}/sessions/{name}")
            done = await client.post(f"{web}/sessions/{name}/kill", json={"reason": "over the API"})
            assert done.status_code == 200, done.text
        assert "over the API" in (await other.rest()).errors[-1]["M"]
        await until(lambda: _busy(live) == 0, "the server has stopped")
        await asyncio.gather(talk.close(), other.close())


async def _indexed(client: httpx2.AsyncClient, url: str) -> None:
    async with asyncio.timeout(60):
        while (await client.get(url)).status_code != 200:
            pass  # the index follows the journal


async def test_a_kill_ends_a_session_that_waits_for_people(pg16, database, tmp_path):
    held = {"effects": ["write"], "objects": ["*.orders"]}
    rules = ({"allow": {"effects": ["read", "write"]}}, {"hold": held, "approvers": {"groups": ["dba"]}})
    async with living(pg16, database, tmp_path, *rules) as live:
        talk = await Talk.login(live.port, live.token())
        talk.say(m.query("UPDATE orders SET total = 0 WHERE id = 1"))
        await talk.until(b"N")
        (name,) = live.app.engine.sessions
        live.app.live.kill(name, "enough")
        await talk.rest()
        await until(lambda: bool(live.journal("hold.withdrawn")) and bool(live.journal("session.closed")))
        assert live.direct("SELECT total FROM orders WHERE id = 1") == "10.00"
        await talk.close()


async def test_a_cancel_key_is_good_for_its_own_session_only(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        talk = await _at_work(live, live.token())
        for pid, secret in ((1, b"\0\0\0\0"), (4711, b"guess"), (0x7FFFFFFF, b"\xff" * 32)):
            guess = await Talk.dial(live.port)
            guess.say(m.cancel_request(pid, secret))
            await guess.rest()
            await guess.close()
        assert _busy(live) == 1, "a guess cancels nothing"
        talk.hang_up()
        await until(lambda: _busy(live) == 0, "who hangs up leaves nothing running")
