"""What a client finds that knows the gateway's address and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.issuer.conftest import House, house
from vedette.client.gateway import front
from vedette.client.held import Address
from vedette.client.web import Web


async def test_the_way_in_is_told_to_everybody(home: House) -> None:
    said = (await home.http.get("/api/v1/login")).json()
    assert said == {
        "gateway": "vedette",
        "issuers": [
            {
                "issuer": home.url, "client_id": "vedette-cli", "builtin": True, "audience": None,
                "scopes": ["openid", "email", "groups", "offline_access"],
            }
        ],
        "postgres": {"host": "127.0.0.1", "port": home.app.ports["postgres"]},
        "ssh": None,
    }  # fmt: skip


async def test_other_issuers_are_named_where_they_have_a_client(tmp_path: Path) -> None:
    issuers = [
        {"issuer": "https://idp.example.com", "audience": "vedette", "client": "vedette-login"},
        {"issuer": "https://machines.example.com", "audience": "vedette"},
    ]
    async with house(tmp_path, identity={"issuers": issuers}) as home:
        said = (await home.http.get("/api/v1/login")).json()
        assert [(each["issuer"], each["client_id"], each["builtin"]) for each in said["issuers"]] == [
            ("https://idp.example.com", "vedette-login", False),
            (home.url, "vedette-cli", True),
        ]


async def test_discovery_repeats_the_issuer_and_its_endpoints_are_there(home: House) -> None:
    said = (await home.http.get("/.well-known/openid-configuration")).json()
    assert said["issuer"] == home.url
    assert said == (await home.http.get("/.well-known/oauth-authorization-server")).json()
    assert said["code_challenge_methods_supported"] == ["S256"]
    for name, address in said.items():
        if name.endswith(("_endpoint", "_uri")):
            assert address.startswith(home.url)
            answer = await home.http.get(address)
            assert answer.status_code != 404, address


async def test_with_a_url_tokens_bear_it(tmp_path: Path) -> None:
    async with house(tmp_path, gateway={"url": "https://vedette.example.com"}) as home:
        said = (await home.http.get("/.well-known/openid-configuration")).json()
        login = (await home.http.get("/api/v1/login")).json()
        assert said["issuer"] == login["gateway"] == home.app.tokens.issuer == "https://vedette.example.com"
        assert login["postgres"]["host"] == "vedette.example.com"


async def test_where_ssh_is_and_its_keys_are_told_to_everybody(tmp_path: Path) -> None:
    async with house(tmp_path, gateway={"listen": {"postgres": 0, "web": 0, "ssh": 0}}) as home:
        said = (await home.http.get("/api/v1/login")).json()
        assert home.app.ssh is not None
        assert said["ssh"] == {
            "host": "127.0.0.1", "port": home.app.ports["ssh"], "host_keys": [home.app.ssh.host_line],
        }  # fmt: skip
        seen = await asyncio.to_thread(front, Web(), home.url)
        assert seen.ssh == Address("127.0.0.1", home.app.ports["ssh"])
        assert seen.host_keys == (home.app.ssh.host_line,)


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
async def test_another_system_verifies_our_tokens_by_discovery_alone(tmp_path: Path) -> None:
    """With a JOSE library and nothing of ours, over real HTTP. (It warns of "EdDSA", which RFC 9864 renames.)"""
    async with house(tmp_path, gateway={"url": "https://vedette.example.com"}) as home:
        secret = await home.account()
        answer = await home.token(grant_type="client_credentials", client_id="ci", client_secret=secret)
        keys = KeySet.import_key_set((await home.http.get("/oauth/jwks")).json())
        found = jwt.decode(answer.json()["access_token"], keys, algorithms=["EdDSA"])
        assert found.header["typ"] == "vedette+jwt"
        claims = found.claims
        assert (claims["iss"], claims["aud"], claims["sub"]) == (
            "https://vedette.example.com",
            "vedette",
            "ci",
        )
        assert (claims["client_id"], claims["kind"], claims["groups"]) == ("ci", "service", ["builders"])


async def test_nothing_here_is_for_pages_of_other_origins(home: House) -> None:
    answer = await home.http.get("/oauth/jwks", headers={"Origin": "https://evil.example"})
    assert isinstance(answer, httpx2.Response)
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    (key,) = answer.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
