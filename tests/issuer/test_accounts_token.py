"""Service accounts get their own tokens; wrong secrets get a code and a record."""

from __future__ import annotations

import base64
import time

import pytest

from tests.issuer.conftest import FORM, House
from vedette.model import Kind
from vedette.store.blocks import Block


async def test_a_service_account_gets_a_token_of_its_own(home: House) -> None:
    secret = await home.account("deploy", Kind.AGENT, ["ai-agents"])
    answer = await home.token(grant_type="client_credentials", client_id="deploy", client_secret=secret)
    said = answer.json()
    assert answer.status_code == 200, said
    assert (said["token_type"], said["expires_in"]) == ("Bearer", 3600)
    assert "refresh_token" not in said
    found = await home.app.identity.by_token(said["access_token"])
    assert (found.subject, found.kind, found.groups, found.actor) == (
        "deploy",
        Kind.AGENT,
        {"ai-agents"},
        None,
    )
    (record,) = home.journal("token.issued")
    assert (record["by"], record["client"], record["address"]) == ("vedette#deploy", "deploy", "127.0.0.1")
    assert secret not in str(record)


async def test_the_secret_goes_into_the_header_as_well(home: House) -> None:
    secret = await home.account()
    basic = {"Authorization": "Basic " + base64.b64encode(f"ci:{secret}".encode()).decode()}
    data = {"grant_type": "client_credentials", "ttl": "120"}
    answer = await home.http.post("/oauth/token", headers=basic, data=data)
    assert answer.json()["expires_in"] == 120
    answer = await home.http.post("/oauth/token", headers=basic, data=data | {"client_secret": secret})
    assert answer.json()["error"] == "invalid_request"
    wrong = {"Authorization": "Basic " + base64.b64encode(b"ci:wrong").decode()}
    answer = await home.http.post("/oauth/token", headers=wrong, data=data)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"client_secret": "vds_wrong"}, "invalid_client", "oauth.client"),
        ({"client_secret": ""}, "invalid_client", "oauth.client"),
        ({"client_id": "nobody"}, "invalid_client", "oauth.client"),
        ({"client_id": "' OR 1=1 --"}, "invalid_client", "oauth.client"),
        ({"scope": "openid root"}, "invalid_scope", "oauth.scope"),
        ({"ttl": "0"}, "invalid_request", "oauth.request"),
        ({"ttl": "-1"}, "invalid_request", "oauth.request"),
        ({"ttl": "1e9"}, "invalid_request", "oauth.request"),
        ({"grant_type": "password"}, "unsupported_grant_type", "oauth.grant_type"),
        ({"grant_type": ""}, "invalid_request", "oauth.request"),
        ({"client_id": "ci\n"}, "invalid_request", "oauth.request"),
        ({"client_id": "\u00e4"}, "invalid_request", "oauth.request"),
    ],
)
async def test_what_is_wrong_gets_one_code(
    home: House, change: dict[str, str], error: str, code: str
) -> None:
    secret = await home.account()
    good = {"grant_type": "client_credentials", "client_id": "ci", "client_secret": secret}
    answer = await home.token(**(good | change))
    assert answer.json()["error"] == error, answer.text
    assert home.refusals() == [code]
    assert secret not in answer.text
    assert home.journal("token.issued") == []


@pytest.mark.parametrize(
    "body",
    [
        b"grant_type=client_credentials&grant_type=client_credentials",
        b"grant_type=%ff",
        b"\xff",
        b"&".join(b"a%d=1" % number for number in range(100)),
        b"grant_type=client_credentials&client_id=" + b"a" * 9000,
        b"grant_type=client_credentials&client_id=%00",
    ],
)
async def test_forms_that_cannot_be_read(home: House, body: bytes) -> None:
    answer = await home.http.post("/oauth/token", content=body, headers=FORM)
    assert answer.json()["error"] in ("invalid_request", "invalid_client")


async def test_json_and_queries_are_no_forms(home: House) -> None:
    secret = await home.account()
    good = {"grant_type": "client_credentials", "client_id": "ci", "client_secret": secret}
    assert (await home.http.post("/oauth/token", json=good)).json()["error"] == "invalid_request"
    assert (await home.http.post("/oauth/token", params=good, headers=FORM)).json()[
        "error"
    ] == "invalid_request"
    assert (await home.http.get("/oauth/token", params=good)).status_code == 405


async def test_a_disabled_account_gets_nothing(home: House) -> None:
    secret = await home.account()
    await home.app.store.accounts.change("ci", disabled=time.time())
    answer = await home.token(grant_type="client_credentials", client_id="ci", client_secret=secret)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert home.refusals() == ["login.disabled"]


@pytest.mark.parametrize("name", ["vedette#deploy", "vedette#anna"], ids=["itself", "its owner"])
async def test_a_blocked_account_gets_no_token_on_record(home: House, name: str) -> None:
    secret = await home.account("deploy", Kind.AGENT, ["ai-agents"], owner="anna")
    block = Block(name, "vedette#ada", "odd queries", time.time())
    await home.app.store.blocks.put(block)
    home.app.blocks.add(block)
    answer = await home.token(grant_type="client_credentials", client_id="deploy", client_secret=secret)
    assert (answer.status_code, answer.json()["error"]) == (400, "access_denied")
    assert home.journal("token.issued") == []
    assert [each["code"] for each in home.journal("login.refused")] == ["identity.blocked"]
    await home.app.store.blocks.remove(name)
    home.app.blocks.remove(name)
    again = await home.token(grant_type="client_credentials", client_id="deploy", client_secret=secret)
    assert again.status_code == 200


async def test_an_account_gets_nothing_while_its_owner_is_disabled(home: House) -> None:
    """Whoever left may still know the secret."""
    await home.person("anna")
    secret = await home.account("deploy", Kind.AGENT, ["ai-agents"], owner="anna")
    form = {"grant_type": "client_credentials", "client_id": "deploy", "client_secret": secret}
    token = (await home.token(**form)).json()["access_token"]
    admin = home.app.tokens.issue("root", Kind.PERSON, ["admins"], 600, now=time.time()).text
    headers = {"Authorization": f"Bearer {admin}"}
    done = await home.http.post("/api/v1/people/anna/disable", json={"reason": "left"}, headers=headers)
    assert done.status_code == 200, done.text
    seen = await home.http.get("/api/v1/self", headers={"Authorization": f"Bearer {token}"})
    assert seen.json()["code"] == "identity.revoked"
    answer = await home.token(**form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert home.refusals() == ["login.disabled"]
    await home.http.post("/api/v1/people/anna/enable", headers=headers)
    assert (await home.token(**form)).status_code == 200
