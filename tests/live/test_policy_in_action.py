"""What rules do to a driver that works: people are asked, tickets given, rows limited, policies changed."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
import yaml

from tests.live.gateways import Live, living, policy
from vedette.model import Kind, Principal

pytestmark = pytest.mark.live

ADA = Principal("ada", Kind.PERSON, frozenset({"dba"}))
READ = {"allow": {"effects": ["read"]}}
HELD = {"hold": {"effects": ["write"]}, "approvers": {"groups": ["dba"]}, "within": "5m"}
CHANGE = "UPDATE notes SET body = $1 WHERE id = 1"


async def _pending(live: Live) -> str:
    """The id of the one hold that is open, once it is."""
    while True:
        found = await live.app.desk.pending()
        if found:
            return str(found[0].id)
        await asyncio.sleep(0)


async def test_a_held_statement_waits_is_approved_and_runs_once(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, READ, HELD) as live, asyncio.timeout(60):
        there = await asyncpg.connect(**live.keywords())
        heard: list[str] = []
        there.add_log_listener(lambda _, notice: heard.append(str(notice)))
        waiting = asyncio.create_task(there.execute(CHANGE, "approved"))
        hold = await _pending(live)
        assert live.direct("SELECT body FROM notes WHERE id = 1").startswith("Called")
        await live.app.desk.decide(hold, ADA, approve=True)
        assert await waiting == "UPDATE 1"
        assert any(hold in notice for notice in heard)
        assert live.direct("SELECT body FROM notes WHERE id = 1") == "approved"

        waiting = asyncio.create_task(there.execute(CHANGE, "again"))
        await live.app.desk.decide(await _pending(live), ADA, approve=False, reason="not today")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not today"):
            await waiting
        assert await there.fetchval("SELECT body FROM notes WHERE id = 1") == "approved"
        await there.close()


async def test_a_cancel_releases_the_hold(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, READ, HELD) as live, asyncio.timeout(60):
        there = await asyncpg.connect(**live.keywords())
        waiting = asyncio.create_task(there.execute(CHANGE, "never"))
        await _pending(live)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await there.fetchval("SELECT 1") == 1
        assert not list(await live.app.desk.pending())
        await there.close()


async def test_a_ticket_is_refused_approved_and_good_for_the_same_action_once(pg16, database, tmp_path):
    ticket = HELD | {"mode": "ticket"}
    async with living(pg16, database, tmp_path, READ, ticket) as live, asyncio.timeout(60):
        there = await asyncpg.connect(**live.keywords())
        with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
            await there.execute(CHANGE, "by ticket")
        hold = await _pending(live)
        assert hold in str(refused.value.as_dict())
        await live.app.desk.decide(hold, ADA, approve=True)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await there.execute(CHANGE, "something else")
        assert await there.execute(CHANGE, "by ticket") == "UPDATE 1"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await there.execute(CHANGE, "by ticket")
        await there.close()


async def test_row_limits_per_action_and_per_session(pg16, database, tmp_path):
    per_action, per_session = (
        {"limit": {"rows": 10, "per": "action"}},
        {"limit": {"rows": 25, "per": "session"}},
    )
    async with living(pg16, database, tmp_path, READ, per_action, per_session) as live:
        there = await asyncpg.connect(**live.keywords())
        assert len(await there.fetch("SELECT generate_series(1, 10)")) == 10
        with pytest.raises(asyncpg.PostgresError, match="more than 10 rows per action"):
            await there.fetch("SELECT generate_series(1, 1000000)")
        assert await there.execute("SELECT 1") == "SELECT 1"
        with pytest.raises(asyncpg.PostgresError, match="rows per session"):
            for _ in range(30):
                await there.fetch("SELECT 1")
        await there.close()


async def test_observing_is_loud_and_changes_nothing(pg16, database, tmp_path):
    observing = [policy(READ, {"deny": {"pack": "destructive-sql"}}, mode="observe")]
    async with living(pg16, database, tmp_path, policies=observing) as live:
        heard: list[str] = []
        there = await asyncpg.connect(**live.keywords())
        there.add_log_listener(lambda _, notice: heard.append(str(notice)))
        await there.execute("DROP TABLE orders")
        await there.close()
        assert any("observing only" in notice for notice in heard)
        assert live.direct("SELECT to_regclass('orders') IS NULL") == "t"


async def test_another_policy_is_in_force_from_the_next_action_on(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, READ) as live:
        there = await asyncpg.connect(**live.keywords())
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await there.execute(CHANGE, "new")
        file = tmp_path / "vedette.yaml"
        document = yaml.safe_load(file.read_text())
        document["policies"][0]["rules"].append({"allow": {"effects": ["write"]}})
        file.write_text(yaml.safe_dump(document))
        await live.app.reload()
        assert await there.execute(CHANGE, "new") == "UPDATE 1"
        document["policies"][0]["rules"].append({"mask": {"columns": ["public.notes.body"], "as": "redact"}})
        reading = await there.prepare("SELECT body FROM notes WHERE id = 1")
        assert await reading.fetchval() == "new"
        file.write_text(yaml.safe_dump(document))
        await live.app.reload()
        assert await reading.fetchval() == "[redacted]"
        file.write_text("nonsense: [")
        await live.app.reload()
        assert await reading.fetchval() == "[redacted]"
        assert live.journal("policy.rejected")
        await there.close()
