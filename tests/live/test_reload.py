"""The configuration changes under callers: who is here stays where it is, who comes finds what is new."""

from __future__ import annotations

import asyncio
import resource
import threading
import time
from typing import Any

import asyncpg
import psycopg
import pytest
import yaml

from tests.identity.forge import CORP, FakeIssuers, claims, jwk, rsa_key, token
from tests.live.gateways import ALL, Live, living, policy
from tests.testbed.gateway import Upstream
from tests.testbed.processes import PATIENCE_SECONDS
from vedette.config import reload
from vedette.journal.read import read
from vedette.model import Kind, Principal

pytestmark = pytest.mark.live

READ = {"allow": {"effects": ["read"]}}
CORPS = {"issuers": [{"issuer": CORP, "audience": "vedette"}]}


async def _change(live: Live, *keys: str, to: Any) -> tuple[str, ...]:
    """Set the value at *keys* in the file (None removes it), and load it."""
    file = live.app.settings.file
    document = yaml.safe_load(file.read_text())
    section = document
    for key in keys[:-1]:
        section = section.setdefault(key, {})
    section[keys[-1]] = to
    if to is None:
        del section[keys[-1]]
    file.write_text(yaml.safe_dump(document))
    return await live.app.reload()


def _corp() -> str:
    now = int(time.time())
    times = {"iat": now, "nbf": now - 5, "exp": now + 600}
    return token({"alg": "RS256", "kid": "r1"}, claims(**times), rsa_key("r1"))


@pytest.fixture
def corp(monkeypatch) -> FakeIssuers:
    """What the gateway fetches comes from here."""
    issuers = FakeIssuers()
    issuers.publish(CORP, jwk(rsa_key("r1"), "r1"))
    monkeypatch.setattr("vedette.app.fetcher", lambda client: issuers.fetch)
    return issuers


async def test_a_resource_that_moved_keeps_who_is_there(pg16, database, tmp_path):
    other = pg16.fresh()
    async with living(pg16, database, tmp_path) as live:
        before = await asyncpg.connect(**live.keywords())
        later = await _change(live, "resources", "appdb", "upstream", "database", to=other)
        after = await asyncpg.connect(**live.keywords())
        assert later == ()
        assert await before.fetchval("SELECT current_database()") == database
        assert await after.fetchval("SELECT current_database()") == other
        assert live.journal("policy.loaded")[-1]["changes"] == ["resource appdb: changed"]
        await before.close()
        await after.close()
    pg16.drop(other)


async def test_resources_come_and_go(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        there = await asyncpg.connect(**live.keywords())
        second = Upstream(pg16, database, "chief", name="second").section(tmp_path)
        await _change(live, "resources", "second", to=second)
        new = await asyncpg.connect(**live.keywords() | {"database": "second"})
        assert await new.fetchval("SELECT 1") == 1
        await _change(live, "resources", "appdb", to=None)
        assert await there.fetchval("SELECT 2") == 2
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await asyncpg.connect(**live.keywords())
        await new.close()
        await there.close()


async def test_labels_count_at_once_also_for_who_is_there(pg16, database, tmp_path):
    policies = [
        policy(READ, name="all"),
        policy({"allow": {"effects": ALL}}, where={"labels": {"env": "test"}}, name="test"),
    ]
    labels = {"more": {"labels": {"env": "test"}}}
    # Somewhere the policy has to apply, or the file would not load.
    elsewhere = Upstream(pg16, database, name="other", **labels).section(tmp_path)
    async with living(pg16, database, tmp_path, policies=policies, upstream=labels) as live:
        there = await asyncpg.connect(**live.keywords())
        await there.execute("UPDATE notes SET body = 'x' WHERE id = 1")
        await _change(live, "resources", "other", to=elsewhere)
        await _change(live, "resources", "appdb", "labels", to={"env": "prod"})
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await there.execute("UPDATE notes SET body = 'y' WHERE id = 1")
        assert await there.fetchval("SELECT body FROM notes WHERE id = 1") == "x"
        await there.close()


async def test_what_people_are_asked_is_void_where_labels_change_and_stays_where_nothing_does(
    pg16, database, tmp_path
):
    held = {"hold": {"effects": ["write"]}, "approvers": {"groups": ["dba"]}, "within": "5m"}
    ada = Principal("ada", Kind.PERSON, frozenset({"dba"}))
    async with living(pg16, database, tmp_path, READ, held) as live, asyncio.timeout(PATIENCE_SECONDS):
        there = await asyncpg.connect(**live.keywords())
        for change, runs in (({"max_sessions": 5}, True), ({"labels": {"env": "prod"}}, False)):
            waiting = asyncio.create_task(there.execute("UPDATE notes SET body = $1 WHERE id = 1", "new"))
            found: Any = []
            while not found:
                found = await live.app.desk.pending()
            ((key, value),) = change.items()
            await _change(live, "resources", "appdb", key, to=value)
            await live.app.desk.decide(found[0].id, ada, approve=True)
            if runs:
                assert await waiting == "UPDATE 1"
            else:
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="policy changed"):
                    await waiting
        await there.close()


async def test_an_approval_does_not_follow_a_name_to_another_server(pg16, database, tmp_path):
    held = {"hold": {"effects": ["write"]}, "approvers": {"groups": ["dba"]}, "mode": "ticket"}
    other = pg16.fresh()
    async with living(pg16, database, tmp_path, READ, held) as live:
        change = "UPDATE notes SET body = 'moved' WHERE id = 1"
        there = await asyncpg.connect(**live.keywords())
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await there.execute(change)
        (found,) = await live.app.desk.pending()
        await live.app.desk.decide(found.id, Principal("ada", Kind.PERSON, frozenset({"dba"})), approve=True)
        await there.close()
        # The same server by another name for it, and the same database: only where it leads differs.
        await _change(live, "resources", "appdb", "upstream", "host", to="localhost")
        there = await asyncpg.connect(**live.keywords())
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await there.execute(change)
        await there.close()
    pg16.drop(other)


async def test_limits_count_for_who_comes(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        there = await asyncpg.connect(**live.keywords())
        await _change(live, "gateway", "limits", to={"per_principal": 1, "statement": "1KiB"})
        with pytest.raises(asyncpg.TooManyConnectionsError):
            await asyncpg.connect(**live.keywords())
        await there.fetchval(f"SELECT 1 /* {'x' * 2000} */")  # its own bounds are those it began with
        await there.close()
        there = await asyncpg.connect(**live.keywords())
        with pytest.raises(asyncpg.ProgramLimitExceededError):
            await there.fetchval(f"SELECT 1 /* {'x' * 2000} */")
        await there.close()


async def test_idle_sessions_end_once_a_limit_is_set(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live, asyncio.timeout(PATIENCE_SECONDS):
        there = await asyncpg.connect(**live.keywords())
        over = asyncio.Event()
        there.add_termination_listener(lambda _: over.set())
        await _change(live, "gateway", "limits", to={"idle": "1s"})
        await over.wait()


async def test_issuers_come_and_go_with_their_sessions(pg16, database, tmp_path, corp):
    async with living(pg16, database, tmp_path) as live, asyncio.timeout(PATIENCE_SECONDS):
        mine = await asyncpg.connect(**live.keywords())
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await asyncpg.connect(**live.keywords(_corp()))
        await _change(live, "identity", to=CORPS)
        there = await asyncpg.connect(**live.keywords(_corp()))
        over = asyncio.Event()
        there.add_termination_listener(lambda _: over.set())
        corp.pages.clear()
        await _change(live, "gateway", "limits", to={"sessions": 50})
        again = await asyncpg.connect(**live.keywords(_corp()))  # its keys are still known
        await again.close()
        await _change(live, "identity", to=None)
        await over.wait()
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await asyncpg.connect(**live.keywords(_corp()))
        assert await mine.fetchval("SELECT 1") == 1
        await mine.close()


async def test_sessions_go_on_while_rules_are_compiled(pg16, database, tmp_path, monkeypatch):
    async with living(pg16, database, tmp_path) as live, asyncio.timeout(PATIENCE_SECONDS):
        begun, served = threading.Event(), threading.Event()

        def slowly(*given: Any) -> Any:
            begun.set()
            assert served.wait(PATIENCE_SECONDS)
            return reload(*given)

        monkeypatch.setattr("vedette.reloading.reload", slowly)
        there = await asyncpg.connect(**live.keywords())
        coming = asyncio.create_task(_change(live, "resources", "appdb", "about", to="slow"))
        await asyncio.to_thread(begun.wait)
        assert await there.fetchval("SELECT 1") == 1
        served.set()
        await coming
        assert live.app.settings.resources["appdb"].about == "slow"
        await there.close()


async def test_what_still_needs_a_restart_is_said_each_time(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        (words,) = await _change(live, "gateway", "downstream_tls", to="allowed")
        assert "TLS" in words
        assert await live.app.reload() == (words,), "it still does"


def test_sighup_while_the_disk_is_full_is_obeyed_once_there_is_room(pg16, database, gateway):
    running = gateway(Upstream(pg16, database))
    # The journal outgrows the log, so that the log still has room when the journal has none.
    with psycopg.connect(running.dsn(running.token(), sslmode="disable")) as connection:
        connection.execute(f"SELECT 1 /* {'x' * 100_000} */")
    size = max(path.stat().st_size for path in (running.data / "journal").iterdir())
    _soft, hard = resource.prlimit(running.child.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(running.child.pid, resource.RLIMIT_FSIZE, (size, hard))
    running.reload()
    _until(lambda: "the configuration was not loaded" in running.log.read_text())
    assert not _loaded(running)
    resource.prlimit(running.child.pid, resource.RLIMIT_FSIZE, (hard, hard))
    _until(lambda: bool(_loaded(running)))
    assert "Traceback" not in running.log.read_text()
    assert running.stop() == 0


def _loaded(running: Any) -> list[Any]:
    return [entry for entry in read(running.data / "journal") if entry.kind == "policy.loaded"]


def _until(true: Any) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
