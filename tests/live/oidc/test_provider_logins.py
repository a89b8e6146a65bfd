"""psql, psycopg and asyncpg with a certified provider's tokens as the password, through the whole gateway."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from tests.conformance.kits import until
from tests.live.gateways import ALL, Live, living, policy
from tests.live.test_downstream_logins import _bearer
from tests.testbed.certificates import Authority
from tests.testbed.gateway import RESOURCE
from tests.testbed.provider import Provider, granted, providing

pytestmark = pytest.mark.live

RULES = [
    policy({"allow": {"effects": ["read"]}}) | {"name": "agents", "who": {"groups": ["ai-agents"]}},
    policy({"allow": {"effects": ALL}}) | {"name": "dba", "who": {"groups": ["dba"], "kinds": ["person"]}},
]


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[Provider]:
    """Over https, with an authority of its own."""
    async with providing(Authority.create(tmp_path / "authority")) as found:
        yield found


@pytest.fixture
async def live(provider: Provider, pg16, database, tmp_path) -> AsyncIterator[Live]:
    identity = {"issuers": [provider.settings()]}
    async with living(pg16, database, tmp_path, policies=RULES, identity=identity) as found:
        yield found


def where(live: Live, token: str, **more: str) -> dict[str, str]:
    ca = live.folder / "vedette-data" / "tls" / "ca.pem"
    found = {"host": "localhost", "port": str(live.port), "dbname": RESOURCE, "user": "whoever"}
    return found | {"password": token, "sslmode": "verify-full", "sslrootcert": str(ca)} | more


async def psql(live: Live, token: str, text: str) -> tuple[int, str, str]:
    words = where(live, token)
    words["password"] = ""  # in the environment, as everything secret
    child = await asyncio.create_subprocess_exec(
        "psql", "-XAtqw", "-d", " ".join(f"{name}='{value}'" for name, value in words.items() if value), "-c", text,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(live.folder), "PGPASSWORD": token},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await child.communicate()
    return child.returncode or 0, out.decode(), err.decode()


async def session(live: Live, token: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(**where(live, token), autocommit=True)


async def code_of(live: Live, token: str) -> str:
    """The code with which such a login is refused, as the caller and the record have it."""
    before = len(live.journal("session.refused"))
    with pytest.raises(psycopg.OperationalError) as refused:
        await session(live, token)
    await until(lambda: len(live.journal("session.refused")) > before, "the record of the refusal")
    (record,) = live.journal("session.refused")[before:]
    assert f"code {record['code']}" in str(refused.value)
    assert token not in str(refused.value) + repr(record)
    return str(record["code"])


def callers(live: Live) -> list[dict[str, Any]]:
    return [event["who"] for event in live.journal("session.opened")]


async def test_an_agents_token_by_client_credentials_as_psqls_password(live, provider):
    token = await provider.ask()

    assert await psql(live, token, "SELECT count(*) > 0 FROM pg_class") == (0, "t\n", "")
    status, _, err = await psql(live, token, "DELETE FROM customers")
    assert status == 1
    assert "vedette" in err
    first, second = callers(live)
    assert first["principal"] == second["principal"] == f"{provider.issuer}#autogen"
    assert (first["kind"], list(first["groups"])) == ("agent", ["ai-agents"])


async def test_every_signature_that_the_issuer_may_use(provider, pg16, database, tmp_path):
    issuer = provider.settings(algorithms=["PS256", "ES256", "EdDSA"])
    async with living(pg16, database, tmp_path, policies=RULES, identity={"issuers": [issuer]}) as live:
        for resource in ("urn:ps", "urn:es", "urn:ed"):
            assert (await psql(live, await provider.ask(resource), "SELECT 1"))[:2] == (0, "1\n")
        assert await code_of(live, await provider.ask("urn:rs")) == "identity.algorithm"


async def test_a_person_by_code_and_pkce_and_again_by_refresh(live, provider):
    first = await provider.sign_in("alice")
    for text in (first.access, (await provider.refresh(first.refresh)).access):
        connection = await asyncpg.connect(
            host="127.0.0.1", port=live.port, user="x", database=RESOURCE, password=text, ssl=False
        )
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
    who = callers(live)
    assert [(each["principal"], each["kind"], each["email"]) for each in who] == [
        (f"{provider.issuer}#alice", "person", "alice@example.com")
    ] * 2
    assert {tuple(each["groups"]) for each in who} == {("dba", "people")}
    assert who[0]["credential"] != who[1]["credential"]


async def test_what_is_not_an_access_token_for_us_is_no_login(live, provider):
    given = await provider.sign_in("alice")

    assert await code_of(live, given.id) == "identity.audience"
    assert await code_of(live, given.refresh) == "identity.malformed"


async def test_a_refresh_token_used_twice_ends_both(live, provider):
    first = await provider.sign_in("alice")
    second = await provider.refresh(first.refresh)

    again = await provider.token({"grant_type": "refresh_token", "refresh_token": first.refresh})
    assert again.json()["error"] == "invalid_grant"
    after = await provider.token({"grant_type": "refresh_token", "refresh_token": second.refresh})
    assert after.json()["error"] == "invalid_grant"


async def test_a_person_by_device_code(live, provider):
    shown = await provider.device()
    waiting = await provider.poll(shown["device_code"])
    assert waiting.json()["error"] == "authorization_pending"
    await provider.browse(shown["verification_uri_complete"], "alice")
    token = granted(await provider.poll(shown["device_code"])).access
    replayed = await provider.poll(shown["device_code"])

    assert (await psql(live, token, "SELECT 1"))[:2] == (0, "1\n")
    assert replayed.json()["error"] == "invalid_grant"
    assert [each["principal"] for each in callers(live)] == [f"{provider.issuer}#alice"]


async def test_groups_are_what_the_newest_token_says(live, provider):
    given = await provider.sign_in("bob")
    status, _, err = await psql(live, given.access, "CREATE TABLE of_bob (id int)")
    assert status == 2  # no policy is about his group
    assert "vedette" in err

    await provider.put("bob", "dba")
    newer = await provider.refresh(given.refresh)
    assert (await psql(live, newer.access, "CREATE TABLE of_bob (id int)"))[0] == 0


async def test_a_rotation_at_the_provider_lets_new_tokens_in_and_cuts_nobody(live, provider):
    there = await session(live, await provider.ask())
    await provider.rotate()
    newer = await provider.ask()

    # The unknown key id asks for the keys anew, at most once in 30 seconds: the first fetch was for `there`.
    assert await code_of(live, newer) == "identity.signature"
    assert await (await there.execute("SELECT 1")).fetchone() == (1,)
    await there.close()


async def test_an_outage_of_the_provider_is_not_ours(live, provider):
    first, second = await provider.ask(), await provider.ask()
    there = await session(live, first)
    provider.process.terminate()
    await provider.process.wait()

    newer = await session(live, second)
    for each in (there, newer):
        assert await (await each.execute("SELECT 1")).fetchone() == (1,)
        await each.close()


async def test_before_the_keys_are_known_an_outage_lets_nobody_in(live, provider):
    token = await provider.ask()
    provider.process.terminate()
    await provider.process.wait()

    assert await code_of(live, token) == "identity.unavailable"


async def test_oauthbearer_with_the_providers_token(provider, pg16, database, tmp_path):
    identity = {"issuers": [provider.settings()]}
    async with living(pg16, database, tmp_path, policies=RULES, identity=identity) as live:
        heard = await _bearer(live, await provider.ask())
        assert heard[-1][0] == "Z"
        refused = await _bearer(live, (await provider.sign_in("alice")).id)
    # Where to get a better one: RFC 7628 section 3.2.2, as libpq 18 reads it.
    challenge = next(body for tag, body in refused if tag == "R" and body[:4] == b"\0\0\0\x0b")
    assert f"{provider.issuer}/.well-known/openid-configuration".encode() in challenge


async def test_many_at_once_cost_one_round_of_fetches(live, provider):
    tokens = await asyncio.gather(*(provider.ask() for _ in range(10)))
    sessions = await asyncio.gather(*(session(live, token) for token in tokens))
    for each in sessions:
        await each.close()
    assert len(callers(live)) == 10
