"""What ends a live session, and what does not: a real driver, a real server, every cause."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import psycopg
import pytest
import yaml
from psycopg import errors

from tests.conformance.kits import until
from tests.live.gateways import ALL, Live, living, policy
from tests.testbed.processes import PATIENCE_SECONDS
from vedette.identity.claims import SKEW_SECONDS
from vedette.model import Kind

pytestmark = pytest.mark.live

OPEN = {"allow": {"effects": ALL}}
WORK = "SELECT pg_sleep(600) /* long_work */"
RUNNING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE query LIKE '%long_work%' AND state = 'active' AND pid <> pg_backend_pid()"
)
GATEWAY = {"admins": {"groups": ["ops"]}}


@contextlib.asynccontextmanager
async def gateway(server, database, folder, *rules: Any, who: Any = None) -> AsyncIterator[Live]:
    chosen = [policy(*(rules or (OPEN,)), who=who or {})]
    async with (
        living(server, database, folder, policies=chosen, gateway=GATEWAY) as live,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        yield live


async def api(live: Live, path: str, body: Any = None) -> Any:
    token = live.token("olga", kind=Kind.PERSON, groups=("ops",))
    where = f"http://127.0.0.1:{live.app.ports['web']}/api/v1"
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
        answer = await client.post(where + path, json=body or {})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def key(live: Live, *groups: str) -> tuple[str, str]:
    made = await api(live, "/keys", {"name": "etl", "subject": "etl", "groups": list(groups)})
    return made["id"], made["key"]


class Work:
    """A statement under way through the gateway, and how it ends."""

    def __init__(self, live: Live, connection: psycopg.AsyncConnection) -> None:
        self.live = live
        self._connection = connection
        self._task = asyncio.create_task(connection.execute(WORK))

    @classmethod
    async def begin(cls, live: Live, secret: str) -> Work:
        connection = await psycopg.AsyncConnection.connect(live.dsn(secret), autocommit=True)
        work = cls(live, connection)
        await until(lambda: int(live.direct(RUNNING)) == 1, "it runs")
        return work

    async def ends(self, reason: str) -> psycopg.Error:
        """It is told why, nothing runs on at the server, and the record says why."""
        with pytest.raises(errors.AdminShutdown) as told:
            await self._task
        await until(lambda: int(self.live.direct(RUNNING)) == 0, "the server has stopped")
        await until(lambda: bool(self.live.journal("session.closed")), "the end is on record")
        (closed,) = self.live.journal("session.closed")
        assert closed["reason"].startswith(reason)
        assert told.value.diag.message_hint
        assert str(told.value.diag.message_detail).startswith("code session.")
        await self._connection.close()
        return told.value


async def test_a_revoked_token(pg16, database, tmp_path):
    async with gateway(pg16, database, tmp_path) as live:
        made = await api(live, "/tokens", {"subject": "bot", "groups": ["ai-agents"]})
        work = await Work.begin(live, made["token"])
        await api(live, f"/tokens/{made['id']}/revoke")
        told = await work.ends("revoked:")
        assert "revoked" in str(told)
        with pytest.raises(psycopg.OperationalError):
            await psycopg.AsyncConnection.connect(live.dsn(made["token"]))


async def test_a_revoked_key(pg16, database, tmp_path):
    async with gateway(pg16, database, tmp_path) as live:
        name, secret = await key(live, "readers")
        work = await Work.begin(live, secret)
        await api(live, f"/keys/{name}/revoke")
        await work.ends("revoked:")


async def test_a_group_taken_from_a_key(pg16, database, tmp_path):
    async with gateway(pg16, database, tmp_path, who={"groups": ["readers"]}) as live:
        name, secret = await key(live, "readers", "writers")
        work = await Work.begin(live, secret)
        await api(live, f"/keys/{name}/groups", {"groups": ["readers", "writers", "more"]})
        await api(live, f"/keys/{name}/groups", {"groups": ["more", "readers"]})
        told = await work.ends("groups:")
        assert "no longer in writers" in str(told)
        again = await psycopg.AsyncConnection.connect(live.dsn(secret))
        assert await (await again.execute("SELECT 1")).fetchone() == (1,)
        await again.close()
        changes = [each for each in live.journal("config.changed") if each.get("before")]
        assert [(each["before"], each["after"]) for each in changes] == [
            ({"groups": ["readers", "writers"]}, {"groups": ["more", "readers", "writers"]}),
            ({"groups": ["more", "readers", "writers"]}, {"groups": ["more", "readers"]}),
        ]


async def test_a_kill_through_the_api(pg16, database, tmp_path):
    async with gateway(pg16, database, tmp_path) as live:
        work = await Work.begin(live, live.token())
        (name,) = live.app.live.sessions
        await api(live, f"/sessions/{name}/kill", {"reason": "enough"})
        told = await work.ends("killed:")
        assert "vedette#olga: enough" in str(told)


async def test_the_longest_that_a_session_may_last(pg16, database, tmp_path):
    async with gateway(pg16, database, tmp_path, OPEN, {"session": {"max": "4s"}}) as live:
        work = await Work.begin(live, live.token())
        told = await work.ends("max:")
        assert "it lasted 4s, the most that test/session-2 permits" in str(told)


async def test_a_reload_that_lets_it_in_no_more(pg16, database, tmp_path):
    async with gateway(pg16, database, tmp_path) as live:
        work = await Work.begin(live, live.token())
        file = live.app.settings.file
        document = yaml.safe_load(file.read_text())
        document["policies"][0]["who"] = {"kinds": ["person"]}
        file.write_text(yaml.safe_dump(document))
        live.app.reload_soon()
        await work.ends("policy:")
        with pytest.raises(psycopg.OperationalError, match="no policy applies"):
            await psycopg.AsyncConnection.connect(live.dsn())


async def test_a_recheck_finds_what_nobody_told(pg16, database, tmp_path):
    async with gateway(pg16, database, tmp_path, OPEN, {"session": {"recheck": "1s"}}) as live:
        name, secret = await key(live, "readers")
        work = await Work.begin(live, secret)
        await live.app.store.keys.regroup(name, [])  # past the API, which would have said so
        await work.ends("groups:")


async def test_an_idle_session(pg16, database, tmp_path):
    async with gateway(pg16, database, tmp_path, OPEN, {"session": {"idle": "1s"}}) as live:
        connection = await psycopg.AsyncConnection.connect(live.dsn(), autocommit=True)
        await connection.execute("SELECT pg_sleep(2.5)")  # work is not idleness
        await until(lambda: bool(live.journal("session.closed")), "it ends")
        with pytest.raises(errors.IdleSessionTimeout, match="it was idle for 1s") as told:
            await connection.execute("SELECT 1")
        assert told.value.diag.message_detail == "code session.idle"
        assert live.journal("session.closed")[0]["reason"].startswith("idle:")
        await connection.close()


async def test_expiry_alone_cuts_nothing(pg16, database, tmp_path):
    """The token's time runs out under a session: it goes on, and nobody else comes in by it."""
    async with gateway(pg16, database, tmp_path, OPEN, {"session": {"recheck": "1s"}}) as live:
        began = time.time() - 10 - SKEW_SECONDS + 2
        token = live.app.tokens.issue("bot", Kind.AGENT, [], 10, now=began).text
        connection = await psycopg.AsyncConnection.connect(live.dsn(token), autocommit=True)
        refused = False
        while not refused:
            try:
                await (await psycopg.AsyncConnection.connect(live.dsn(token))).close()
            except psycopg.OperationalError:
                refused = True
        live.app.review()
        await until(lambda: not any(seat.due for seat in live.app.live.sessions.values()), "it was asked")
        assert await (await connection.execute("SELECT 7")).fetchone() == (7,)
        await connection.close()


async def test_others_go_on(pg16, database, tmp_path):
    async with gateway(pg16, database, tmp_path) as live:
        canary = await psycopg.AsyncConnection.connect(live.dsn(live.token("canary")), autocommit=True)
        made = await api(live, "/tokens", {"subject": "bot"})
        work = await Work.begin(live, made["token"])
        await api(live, f"/tokens/{made['id']}/revoke")
        await work.ends("revoked:")
        assert await (await canary.execute("SELECT 1")).fetchone() == (1,)
        await canary.close()


async def test_what_was_revoked_while_its_session_was_being_opened_does_not_begin(
    pg16, database, tmp_path, monkeypatch
):
    async with gateway(pg16, database, tmp_path) as live:
        made = await api(live, "/tokens", {"subject": "bot"})
        (backend,) = live.app.engine.backends.values()
        ready = backend.keeper.ready

        async def meanwhile() -> None:
            await api(live, f"/tokens/{made['id']}/revoke")
            await ready()

        monkeypatch.setattr(backend.keeper, "ready", meanwhile)
        with pytest.raises(psycopg.OperationalError, match="withdrawn"):
            await psycopg.AsyncConnection.connect(live.dsn(made["token"]))
        assert live.journal("session.opened") == []
        (refused,) = live.journal("session.refused")
        assert refused["code"] == "identity.revoked"
