"""SASL OAUTHBEARER as libpq 18 itself speaks it, with a certified provider's tokens.

The flow that libpq brings needs a person at a browser, so the token comes from a hook of
ours (libpq manual, "OAuth Support: Authdata Hooks"); all that goes over the wire is libpq's.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import psycopg_binary
import pytest

from tests.conformance.kits import until
from tests.live.gateways import Live, living
from tests.live.oidc.test_provider_logins import RULES
from tests.testbed.certificates import Authority
from tests.testbed.gateway import RESOURCE
from tests.testbed.provider import PUBLIC, Provider, providing

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(psycopg.pq.version() < 180000, reason="this libpq is older than 18"),
]

# libpq-fe.h: PGauthData, and what its hook is given for a bearer token.
_BEARER_TOKEN = 1


class _Request(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("openid_configuration", ctypes.c_char_p),
        ("scope", ctypes.c_char_p),
        ("poll", ctypes.c_void_p),
        ("cleanup", ctypes.c_void_p),
        ("token", ctypes.c_char_p),
        ("user", ctypes.c_void_p),
    ]


_Hook = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


@contextlib.contextmanager
def handing(token: str) -> Iterator[list[tuple[str, str]]]:
    """libpq gets *token* whenever it needs one; the list is where it was told to get it, and the scope."""
    library = next(Path(psycopg_binary.__file__).parents[1].glob("psycopg_binary.libs/libpq-*.so*"), None)
    if library is None:
        pytest.skip("psycopg's libpq is not where its Linux wheels have it")
    libpq = ctypes.CDLL(str(library))
    asked: list[tuple[str, str]] = []
    kept = ctypes.create_string_buffer(token.encode())

    def hook(kind: int, _connection: int, data: int) -> int:
        if kind != _BEARER_TOKEN:
            return 0
        request = _Request.from_address(data)
        asked.append(((request.openid_configuration or b"").decode(), (request.scope or b"").decode()))
        request.token = ctypes.cast(kept, ctypes.c_char_p)
        return 1

    held = _Hook(hook)
    libpq.PQsetAuthDataHook(held)
    try:
        yield asked
    finally:
        libpq.PQsetAuthDataHook(None)


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[Provider]:
    async with providing(Authority.create(tmp_path / "authority")) as found:
        yield found


@pytest.fixture
async def live(provider: Provider, pg16, database, tmp_path) -> AsyncIterator[Live]:
    identity = {"scope": "openid groups", "issuers": [provider.settings()]}
    async with living(pg16, database, tmp_path, policies=RULES, identity=identity) as found:
        yield found


def session(live: Live, issuer: str, **more: str) -> psycopg.Connection[Any]:
    ca = live.folder / "vedette-data" / "tls" / "ca.pem"
    words = {
        "host": "localhost", "port": str(live.port), "dbname": RESOURCE, "user": "oauth",
        "sslmode": "verify-full", "sslrootcert": str(ca), "require_auth": "oauth",
        "oauth_issuer": issuer, "oauth_client_id": PUBLIC,
    }  # fmt: skip
    return psycopg.Connection.connect(**(words | more), autocommit=True)


async def test_it_asks_where_to_get_a_token_and_comes_back_with_one(live, provider):
    with handing(await provider.ask()) as asked:
        there = await asyncio.to_thread(session, live, provider.issuer)
        try:
            assert (await asyncio.to_thread(there.execute, "SELECT 1")).fetchone() == (1,)
        finally:
            there.close()

    assert asked == [(f"{provider.issuer}/.well-known/openid-configuration", "openid groups")]
    (opened,) = live.journal("session.opened")
    assert opened["who"]["principal"] == f"{provider.issuer}#autogen"
    await until(lambda: bool(live.journal("session.refused")), "the record of the first connection")
    # The first connection only asks, which is a refusal on record like any other.
    assert [event["code"] for event in live.journal("session.refused")] == ["login.token"]


async def test_any_user_name_where_the_options_ask_for_it(live, provider):
    with handing(await provider.ask()):
        there = await asyncio.to_thread(
            session, live, provider.issuer, user="ada", options="-c vedette.login=oauth"
        )
        there.close()
    assert len(live.journal("session.opened")) == 1


async def test_a_token_that_is_not_for_us_is_refused_in_words(live, provider):
    token = (await provider.sign_in("alice")).id
    with handing(token), pytest.raises(psycopg.OperationalError) as refused:
        await asyncio.to_thread(session, live, provider.issuer)

    assert "code identity.audience" in str(refused.value)
    assert token not in str(refused.value)


async def test_it_does_not_follow_us_to_another_issuer_than_its_own(live, provider):
    with handing(await provider.ask()) as asked, pytest.raises(psycopg.OperationalError) as refused:
        await asyncio.to_thread(session, live, "https://login.example.com")

    assert "oauth_issuer" in str(refused.value)
    assert asked == []
