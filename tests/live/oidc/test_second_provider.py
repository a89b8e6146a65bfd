"""A second provider, of another maker and in another language: what is not owed to the first one's habits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import psycopg
import pytest

from tests.conformance.kits import until
from tests.live.gateways import ALL, Live, living, policy
from tests.testbed.glewlwyd import AGENT, AUDIENCE, CLIENT, Glewlwyd, glewlwyd
from tests.testbed.processes import PATIENCE_SECONDS
from vedette.client.browser import log_in
from vedette.client.issuer import Grant, Party, discover
from vedette.client.web import Web

pytestmark = pytest.mark.live

RULES = [
    policy({"allow": {"effects": ["read"]}}) | {"name": "agents", "who": {"kinds": ["agent"]}},
    policy({"allow": {"effects": ALL}})
    | {"name": "people", "who": {"groups": ["analysts"], "kinds": ["person"]}},
]


@pytest.fixture(params=["ES256", "RS256"])
async def provider(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Glewlwyd]:
    async with glewlwyd(tmp_path / "provider", request.param) as found:
        yield found


@pytest.fixture
async def live(provider: Glewlwyd, pg16, database, tmp_path) -> AsyncIterator[Live]:
    identity = {"issuers": [provider.settings(client=CLIENT)]}
    async with living(pg16, database, tmp_path, policies=RULES, identity=identity) as found:
        yield found


async def asked(live: Live, token: str, text: str) -> Any:
    async with await psycopg.AsyncConnection.connect(live.dsn(token), autocommit=True) as connection:
        return await (await connection.execute(text)).fetchone()


async def signed_in(provider: Glewlwyd, party: Party) -> Grant:
    """The client's own login, and somebody at the provider's pages."""
    loop = asyncio.get_running_loop()
    shown: asyncio.Future[str] = loop.create_future()

    def work() -> Grant:
        there = discover(Web(), provider.issuer)
        return log_in(
            Web(),
            there,
            party,
            lambda url: loop.call_soon_threadsafe(shown.set_result, url),
            patience=PATIENCE_SECONDS,
        )

    login = asyncio.create_task(asyncio.to_thread(work))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            url = await shown
        redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        back = await provider.come_back(url, redirect)
        assert back.startswith(redirect), back
        async with httpx2.AsyncClient(trust_env=False) as browser:
            assert (await browser.get(back)).status_code == 200
    finally:
        (done,) = await asyncio.gather(login, return_exceptions=True)
    assert isinstance(done, Grant), done
    return done


async def test_an_agent_by_client_credentials_and_a_person_by_code_and_pkce(
    provider: Glewlwyd, live: Live
) -> None:
    assert await asked(live, await provider.agent(), "SELECT 'in'") == ("in",)
    grant = await signed_in(provider, Party(CLIENT, scope="openid vedette", audience=AUDIENCE))
    assert await asked(live, grant.token, "SELECT 'in'") == ("in",)
    agent, person = (each["who"] for each in live.journal("session.opened"))
    assert (agent["principal"], agent["kind"]) == (f"{provider.issuer}#{AGENT}", "agent")
    assert person["kind"] == "person"
    assert person["groups"] == ["analysts"]

    # What it gives for others, or to the client itself, is not for us.
    assert grant.identity is not None
    for token in (await provider.agent(resource=""), grant.identity):
        with pytest.raises(psycopg.OperationalError):
            await asked(live, token, "SELECT 1")
    await until(lambda: len(live.journal("session.refused")) == 2, "both are on record")
    assert {each["code"] for each in live.journal("session.refused")} == {"identity.audience"}
