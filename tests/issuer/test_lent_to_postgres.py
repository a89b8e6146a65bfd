"""A person signs in, lends an agent a token, and the agent uses it as a PostgreSQL password."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.issuer.conftest import PASSWORD, House
from tests.issuer.signing_in import Client
from tests.issuer.test_lending import loan
from tests.live.gateways import policy
from tests.testbed.gateway import Upstream, hosted, write
from tests.testbed.postgres import Postgres
from vedette.model import Kind

pytestmark = pytest.mark.live


async def test_from_a_password_to_a_row_and_to_the_end(pg16: Postgres, database: str, tmp_path: Path) -> None:
    upstreams = [Upstream(pg16, database), Upstream(pg16, database, name="payments")]
    file = write(
        tmp_path, upstreams, [policy({"allow": {"effects": ["read"]}})],
        gateway={"admins": {"groups": ["admins"]}},
    )  # fmt: skip
    async with hosted(file) as app, asyncio.timeout(90):
        base = f"http://127.0.0.1:{app.ports['web']}"
        async with httpx2.AsyncClient(base_url=base, trust_env=False, timeout=30) as http:
            home = House(app, http, [])
            root = app.tokens.issue("root", Kind.PERSON, ["admins"], 600, now=time.time()).text
            admin = {"Authorization": f"Bearer {root}"}
            wish = {"name": "anna", "groups": ["analysts"], "password": PASSWORD}
            made = await http.post("/api/v1/people", json=wish, headers=admin)
            assert made.status_code == 201, made.text

            client = Client(home)
            mine = (await client.redeem(await client.code())).json()["access_token"]
            lent = (await home.token(**loan(mine, resources="appdb", groups="analysts"))).json()[
                "access_token"
            ]

            there = await asyncpg.connect(**words(app, lent, "appdb"))
            assert await there.fetchval("SELECT count(*) FROM notes") > 0
            with pytest.raises(asyncpg.PostgresError, match="lent for other resources") as refused:
                await asyncpg.connect(**words(app, lent, "payments"))
            assert refused.value.sqlstate == "42501"
            whole = await asyncpg.connect(**words(app, mine, "payments"))
            await whole.close()

            (opened, _) = home.journal("session.opened")
            assert (opened["who"]["principal"], opened["who"]["actor"]) == ("vedette#autogen", "anna")
            told = [each["code"] for each in home.journal("session.refused")]
            assert told == ["login.lent"]

            gone = asyncio.Event()
            there.add_termination_listener(lambda _: gone.set())
            await http.post("/api/v1/people/anna/disable", json={"reason": "left"}, headers=admin)
            async with asyncio.timeout(5):
                await gone.wait()
            with pytest.raises(asyncpg.PostgresError, match="withdrawn"):
                await asyncpg.connect(**words(app, lent, "appdb"))


def words(app: Any, token: str, resource: str) -> dict[str, Any]:
    return {
        "host": "127.0.0.1", "port": app.ports["postgres"], "user": "agent", "database": resource,
        "password": token, "ssl": False,
    }  # fmt: skip
