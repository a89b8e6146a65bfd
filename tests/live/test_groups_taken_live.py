"""A group is taken from a person or an account: what they have under way with it ends, and only that."""

from __future__ import annotations

from typing import Any

import httpx2
import psycopg
import pytest

from tests.issuer.conftest import House
from tests.issuer.signing_in import Client
from tests.issuer.test_lending import loan
from tests.live.gateways import Live
from tests.live.test_session_lifetime import Work, api, gateway

pytestmark = pytest.mark.live


def house(live: Live, http: httpx2.AsyncClient) -> House:
    return House(live.app, http, [])


def client(live: Live) -> httpx2.AsyncClient:
    base = f"http://127.0.0.1:{live.app.ports['web']}"
    return httpx2.AsyncClient(base_url=base, trust_env=False, timeout=30)


async def signed_in(home: House) -> Any:
    """anna, in staff and readers, by the browser's way."""
    await home.person("anna", ["readers", "staff"])
    person = Client(home)
    return (await person.redeem(await person.code())).json()


async def test_a_person_loses_a_group(pg16, database, tmp_path):
    async with gateway(pg16, database, tmp_path) as live, client(live) as http:
        said = await signed_in(house(live, http))
        work = await Work.begin(live, said["access_token"])
        await api(live, "/people/anna/groups", {"groups": ["readers", "staff", "more"]})
        assert len(live.app.live.sessions) == 1
        await api(live, "/people/anna/groups", {"groups": ["readers", "more"]})
        await work.ends("revoked:")
        with pytest.raises(psycopg.OperationalError):
            await psycopg.AsyncConnection.connect(live.dsn(said["access_token"]))
        form = {
            "grant_type": "refresh_token",
            "client_id": "vedette-cli",
            "refresh_token": said["refresh_token"],
        }
        again = (await http.post("/oauth/token", data=form)).json()["access_token"]
        assert (await live.app.identity.by_token(again)).groups == {"readers", "more"}
        opened = await psycopg.AsyncConnection.connect(live.dsn(again))
        assert await (await opened.execute("SELECT 1")).fetchone() == (1,)
        await opened.close()


@pytest.mark.parametrize("groups", ["staff", "readers"])
async def test_what_a_person_lent_ends_with_a_group_that_it_carries(pg16, database, tmp_path, groups):
    async with gateway(pg16, database, tmp_path) as live, client(live) as http:
        home = house(live, http)
        said = await signed_in(home)
        lent = (await home.token(**loan(said["access_token"], groups=groups))).json()["access_token"]
        work = await Work.begin(live, lent)
        await api(live, "/people/anna/groups", {"groups": ["readers"]})
        if groups == "staff":
            await work.ends("revoked:")
            return
        await api(live, "/people/anna/disable", {"reason": "left"})
        await work.ends("revoked:")


async def test_an_account_loses_a_group(pg16, database, tmp_path):
    async with gateway(pg16, database, tmp_path) as live, client(live) as http:
        made = await api(
            live, "/accounts", {"name": "bot", "kind": "agent", "groups": ["readers", "writers"]}
        )
        form = {"grant_type": "client_credentials", "client_id": "bot", "client_secret": made["secret"]}
        token = (await http.post("/oauth/token", data=form)).json()["access_token"]
        work = await Work.begin(live, token)
        await api(live, "/accounts/bot/groups", {"groups": ["readers"]})
        await work.ends("revoked:")
