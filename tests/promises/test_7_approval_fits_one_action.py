"""Promise 7: an approval fits one action, once, and is never the requester's own."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from tests.conformance.kits import until
from tests.conformance.talk_postgres import Talk
from tests.live.gateways import ALL, living
from vedette.approvals.quorum import NotAllowed
from vedette.model import Kind, Principal
from vedette.protocols.postgres import messages as m

pytestmark = pytest.mark.live
DBA = Principal("dora", Kind.PERSON, frozenset({"dba"}))
HELD = "UPDATE orders SET total = total + 1 WHERE id = $1"


def hold(mode: str, **more: object) -> tuple[dict[str, object], ...]:
    matcher = {"effects": ["write"], "objects": ["*.orders"]}
    return (
        {"allow": {"effects": ALL}},
        {"hold": matcher, "approvers": {"groups": ["dba"]}, "mode": mode} | more,
    )


async def _refused(connection, *arguments) -> str:
    with pytest.raises(asyncpg.PostgresError) as refused:
        await connection.fetch(*arguments)
    return f"{refused.value} {refused.value.detail}"


async def _approve_all(live) -> int:
    rows = await live.app.desk.pending()
    for row in rows:
        await live.app.desk.decide(row.id, DBA, True)
    return len(rows)


@pytest.mark.parametrize(
    "change",
    [
        "the parameter", "the text", "the role", "the search_path", "the caller", "the policy", "the rule's terms",
    ],
)  # fmt: skip
async def test_an_approved_ticket_is_void_when_anything_differs(pg16, database, tmp_path, change):
    async with living(pg16, database, tmp_path, *hold("ticket")) as live:
        connection = await asyncpg.connect(**live.keywords(), statement_cache_size=0)
        assert "approval.required" in await _refused(connection, HELD, 1)
        assert await _approve_all(live) == 1
        before = live.direct("SELECT sum(total) FROM orders")
        words, number = HELD, 1
        if change == "the parameter":
            number = 2
        elif change == "the text":
            words += " "
        elif change == "the role":
            await connection.execute("SET ROLE worker")
        elif change == "the search_path":
            await connection.execute("SET search_path = public, audit")
        elif change == "the caller":
            await connection.close()
            connection = await asyncpg.connect(**live.keywords(live.token("agent-2")), statement_cache_size=0)
        elif change == "the policy":
            await _rewrite(live, "name: test", "name: other")
        elif change == "the rule's terms":
            await _rewrite(live, "- dba", "- dba\n      - chiefs")
        assert "approval.required" in await _refused(connection, words, number)
        assert live.direct("SELECT sum(total) FROM orders") == before
        await connection.close()


async def _rewrite(live, old: str, new: str) -> None:
    file = live.app.settings.file
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    await live.app.reload()


async def test_a_ticket_passes_the_same_action_once(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, *hold("ticket")) as live:
        connection = await asyncpg.connect(**live.keywords())
        assert "approval.required" in await _refused(connection, HELD, 1)
        await _approve_all(live)
        await connection.fetch(HELD, 1)
        assert "approval.required" in await _refused(connection, HELD, 1)
        assert live.direct("SELECT total FROM orders WHERE id = 1") == "11.00"
        (used,) = live.journal("hold.used")
        passed = [e for e in live.journal("action.judged") if e.get("approval") == used["hold"]]
        assert len(passed) == 1
        await connection.close()


async def test_of_fifty_sessions_that_race_for_one_ticket_one_wins(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, *hold("ticket")) as live:
        token = live.token()
        talks = [await Talk.login(live.port, token) for _ in range(50)]
        text = "UPDATE orders SET total = total + 1 WHERE id = 1"
        assert (await talks[0].query(text)).errors
        assert await _approve_all(live) == 1
        for talk in talks:
            talk.say(m.query(text))
        said = await asyncio.gather(*(talk.ready() for talk in talks))
        assert sum(not each.errors for each in said) == 1
        assert live.direct("SELECT total FROM orders WHERE id = 1") == "11.00"
        assert len(live.journal("hold.used")) == 1
        await asyncio.gather(*(talk.close() for talk in talks))


async def test_the_requester_cannot_approve(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, *hold("wait")) as live:
        token = live.token("dora", kind=Kind.PERSON, groups=("dba",))
        talk = await Talk.login(live.port, token)
        talk.say(m.query("UPDATE orders SET total = 0 WHERE id = 1"))
        await talk.until(b"N")
        (row,) = await live.app.desk.pending()
        requester = await live.app.identity.by_token(token)
        with pytest.raises(NotAllowed):
            await live.app.desk.decide(row.id, requester, True)
        with pytest.raises(NotAllowed):
            await live.app.desk.decide(row.id, Principal("eve", Kind.PERSON, frozenset({"sales"})), True)
        await live.app.desk.decide(row.id, Principal("dan", Kind.PERSON, frozenset({"dba"})), True)
        assert not (await talk.ready()).errors
        await talk.close()


async def test_a_transaction_that_wrote_gets_a_ticket_and_keeps_no_lock(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, *hold("wait")) as live:
        talk = await Talk.login(live.port, live.token())
        await talk.query("BEGIN")
        await talk.query("UPDATE notes SET body = 'locked' WHERE id = 1")
        said = await talk.query("UPDATE orders SET total = 0 WHERE id = 1")
        assert "approval.required" in said.errors[0]["D"]
        assert said.status == b"E"
        assert (await talk.query("ROLLBACK")).status == b"I"
        await _approve_all(live)
        assert not (await talk.query("UPDATE orders SET total = 0 WHERE id = 1")).errors
        await talk.close()


async def test_a_caller_that_hangs_up_withdraws_its_hold(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, *hold("wait")) as live:
        talk = await Talk.login(live.port, live.token())
        talk.say(m.query("UPDATE orders SET total = 0 WHERE id = 1"))
        await talk.until(b"N")
        (row,) = await live.app.desk.pending()
        talk.hang_up()
        await until(lambda: bool(live.journal("hold.withdrawn")) and bool(live.journal("session.closed")))
        with pytest.raises(NotAllowed):
            await live.app.desk.decide(row.id, DBA, True)
        assert live.direct("SELECT total FROM orders WHERE id = 1") == "10.00"


async def test_a_cancel_releases_the_hold_and_the_session_goes_on(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, *hold("wait")) as live:
        connection = await asyncpg.connect(**live.keywords())
        waiting = asyncio.create_task(connection.execute("UPDATE orders SET total = 0 WHERE id = 1"))
        await until(lambda: bool(live.journal("hold.opened")))
        await until(lambda: any(s._drive.waiting for s in live.app.engine.sessions.values()))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await connection.fetchval("SELECT 1") == 1
        await until(lambda: bool(live.journal("hold.withdrawn")))
        assert live.direct("SELECT total FROM orders WHERE id = 1") == "10.00"
        await connection.close()


async def test_a_cancelled_hold_reads_as_a_cancel(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, *hold("wait")) as live:
        talk = await Talk.login(live.port, live.token())
        talk.say(m.query("UPDATE orders SET total = 0 WHERE id = 1"))
        await talk.until(b"N")
        (session,) = live.app.engine.sessions.values()
        session.cancel()
        said = await talk.ready()
        assert [error["C"] for error in said.errors] == ["57014"]
        assert said.status == b"I"
        await talk.close()


async def test_time_runs_out_on_a_clock_that_nobody_sets(pg16, database, tmp_path, monkeypatch):
    async with living(pg16, database, tmp_path, *hold("ticket", within="1s")) as live:
        talk = await Talk.login(live.port, live.token())
        text = "UPDATE orders SET total = 0 WHERE id = 1"
        assert "approval.required" in (await talk.query(text)).errors[0]["D"]
        await _approve_all(live)
        # An operator sets the wall clock back: the approval does not live longer for it.
        real = time.time
        monkeypatch.setattr(live.app.desk, "_now", lambda: real() - 3600)
        await until(lambda: bool(live.journal("hold.expired")))
        assert (await talk.query(text)).errors
        await talk.close()
