"""A caller with a certificate of somebody else's making is shut out: nothing to revoke, and yet it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import psycopg
import pytest
from psycopg import errors

from tests.conformance.kits import until
from tests.live.gateways import ALL, Live, living
from tests.testbed.callers import CLIENT, Signer, usage
from tests.testbed.certificates import Pair
from tests.testbed.gateway import RESOURCE
from tests.testbed.processes import PATIENCE_SECONDS
from vedette.model import Kind

pytestmark = pytest.mark.live

DOMAIN = "example.org"
AGENT = f"spiffe://{DOMAIN}/agents/autogen"
NAME = f"spiffe://{DOMAIN}#{AGENT}"
RULES = (
    {"allow": {"effects": ALL}},
    {"hold": {"effects": ["write"], "objects": ["*.orders"]}, "approvers": {"groups": ["dba"]}},
)
RUNNING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE query LIKE '%shut_me_out%' AND state = 'active' AND pid <> pg_backend_pid()"
)


async def connected(live: Live, pair: Pair) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(
        host="localhost", port=live.port, dbname=RESOURCE, user="agent", sslmode="verify-full",
        sslrootcert=str(live.folder / "vedette-data" / "tls" / "ca.pem"),
        sslcert=str(pair.certificate), sslkey=str(pair.key), autocommit=True,
    )  # fmt: skip


async def asked(live: Live, method: str, path: str, **more: Any) -> Any:
    token = live.token("olga", kind=Kind.PERSON, groups=("ops",))
    where = f"http://127.0.0.1:{live.app.ports['web']}/api/v1{path}"
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
        answer = await client.request(method, where, **more)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


@pytest.mark.parametrize("by", ["principal", "credential"])
async def test_a_blocked_certificate_ends_and_opens_nothing_until_it_is_unblocked(
    pg16, database, tmp_path, by
):
    root = Signer.root(tmp_path / "callers")
    pair = root.issue("svid", uris=[AGENT], key_usage=usage(signs=True), purposes=[CLIENT])
    entry = {"ca": str(root.bundle()), "trust_domain": DOMAIN, "groups": ["ai-agents"]}
    async with (
        living(
            pg16, database, tmp_path, *RULES,
            identity={"certificates": [entry]}, gateway={"admins": {"groups": ["ops"]}},
        ) as live,
        asyncio.timeout(PATIENCE_SECONDS),
    ):  # fmt: skip
        canary = await psycopg.AsyncConnection.connect(live.dsn(), autocommit=True)
        busy, waits = await connected(live, pair), await connected(live, pair)
        work = asyncio.create_task(busy.execute("SELECT pg_sleep(600) /* shut_me_out */"))
        held = asyncio.create_task(waits.execute("UPDATE orders SET total = 0 WHERE id = 1"))
        await until(lambda: live.direct(RUNNING) == "1", "it runs")
        await until(lambda: bool(live.journal("hold.opened")), "somebody is asked")

        (opened, _) = [
            each["who"] for each in live.journal("session.opened") if each["who"]["principal"] == NAME
        ]
        name = NAME if by == "principal" else opened["credential"]
        assert opened["credential"].startswith("x509:")
        await asked(live, "POST", "/blocks", json={"id": name, "reason": "stolen"})

        for task in (work, held):
            with pytest.raises(errors.AdminShutdown) as told:
                await task
            assert "session.blocked" in str(told.value.diag.message_detail)
            assert "stolen" not in str(told.value.diag)
        await until(lambda: live.direct(RUNNING) == "0", "the server has stopped")
        await until(lambda: bool(live.journal("hold.withdrawn")), "nobody is asked any more")
        await until(lambda: len(live.journal("session.closed")) == 2, "both ends are on record")
        assert {each["reason"] for each in live.journal("session.closed")} == {
            "blocked: its caller was blocked"
        }
        with pytest.raises(psycopg.OperationalError, match=r"identity\.blocked"):
            await connected(live, pair)
        await until(lambda: bool(live.journal("session.refused")), "the refusal is on record")
        assert live.journal("session.refused")[-1]["code"] == "identity.blocked"
        assert await (await canary.execute("SELECT 1")).fetchone() == (1,), "nobody else's session ends"

        await asked(live, "DELETE", "/blocks", params={"id": name})
        again = await connected(live, pair)
        assert await (await again.execute("SELECT 1")).fetchone() == (1,)
        changes = [each for each in live.journal("config.changed") if each["what"] == "block"]
        assert [(each["by"], each["name"]) for each in changes] == [("vedette#olga", name)] * 2
        for each in (canary, busy, waits, again):
            await each.close()


async def test_a_key_by_scram_and_all_sessions_at_once(pg16, database, tmp_path):
    async with (
        living(pg16, database, tmp_path, gateway={"admins": {"groups": ["ops"]}}) as live,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        made = await asked(live, "POST", "/keys", json={"name": "etl", "subject": "etl"})
        where = f"postgresql://etl@127.0.0.1:{live.port}/{RESOURCE}?sslmode=disable"
        where = where.replace("etl@", f"{made['id']}:{made['key']}@")
        first = await psycopg.AsyncConnection.connect(where, autocommit=True)
        other = await psycopg.AsyncConnection.connect(live.dsn(), autocommit=True)
        killed = await asked(live, "POST", "/sessions/kill", json={"principal": "vedette#etl"})
        assert len(killed["sessions"]) == 1
        with pytest.raises(psycopg.OperationalError):
            await first.execute("SELECT 1")
        assert await (await other.execute("SELECT 1")).fetchone() == (1,)

        await asked(live, "POST", "/blocks", json={"id": "vedette#etl"})
        with pytest.raises(psycopg.OperationalError, match=r"identity\.blocked"):
            await psycopg.AsyncConnection.connect(where)
        assert len((await asked(live, "POST", "/sessions/kill", json={"all": True}))["sessions"]) == 1
        with pytest.raises(psycopg.OperationalError):
            await other.execute("SELECT 1")
        await first.close()
        await other.close()
