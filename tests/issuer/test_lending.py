"""A person lends an agent less than it has, for a while; nobody gets more than it lent."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.issuer.conftest import House, house
from tests.issuer.signing_in import Client, back, sign_in
from vedette.api.oauth_desk import Counter
from vedette.identity.tokens import Issued, TokenRecord
from vedette.model import Kind

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"


def own(home: House, subject: str = "anna", kind: Kind = Kind.PERSON, **more: Any) -> str:
    return home.app.tokens.issue(subject, kind, ["analysts", "staff"], 600, now=time.time(), **more).text


def loan(token: str, agent: str = "autogen", **more: Any) -> dict[str, Any]:
    return {
        "grant_type": EXCHANGE, "client_id": "vedette-cli", "subject_token": token,
        "subject_token_type": ACCESS, "requested_subject": agent,
    } | more  # fmt: skip


async def stands(home: House, token: str) -> str:
    """The code that a token is refused with, empty where it is good."""
    answer = await home.http.get("/api/v1/self", headers={"Authorization": f"Bearer {token}"})
    return "" if answer.status_code == 200 else str(answer.json()["code"])


async def test_a_person_lends_an_agent_less_than_it_has(home: House) -> None:
    answer = await home.token(**loan(own(home), groups="analysts", resources="appdb", ttl="120"))
    said = answer.json()
    assert answer.status_code == 200, said
    assert said["issued_token_type"] == ACCESS
    assert said["expires_in"] == 120
    found = await home.app.identity.by_token(said["access_token"])
    assert (found.subject, found.kind, found.actor) == ("autogen", Kind.AGENT, "anna")
    assert (found.groups, found.resources) == ({"analysts"}, {"appdb"})
    (record,) = home.journal("token.issued")
    assert (record["by"], record["subject"], record["actor"]) == ("vedette#anna", "autogen", "anna")
    assert record["resources"] == ["appdb"]
    (change,) = home.journal("config.changed")
    assert (change["what"], change["by"], change["name"]) == ("delegation", "vedette#anna", said["id"])


async def test_audience_is_another_name_for_resources(home: House) -> None:
    answer = await home.token(**loan(own(home), audience=["appdb", "payments"]))
    assert answer.json()["resources"] == ["appdb", "payments"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"groups": "admins"}, "invalid_request"),
        ({"groups": "analysts admins"}, "invalid_request"),
        ({"resources": "nowhere"}, "invalid_target"),
        ({"resources": "appdb nowhere"}, "invalid_target"),
        ({"requested_subject": ""}, "invalid_request"),
        ({"requested_subject": "local:root"}, "invalid_request"),
        ({"requested_subject": "Root"}, "invalid_request"),
        ({"requested_subject": "a b"}, "invalid_request"),
        ({"requested_subject": "vdt_abcdefgh"}, "invalid_request"),
        ({"subject_token": "x.y.z"}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"subject_token_type": ""}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"ttl": "forever"}, "invalid_request"),
    ],
)
async def test_nobody_lends_what_is_not_theirs(home: House, change: dict[str, str], error: str) -> None:
    answer = await home.token(**loan(own(home)) | change)
    assert answer.json()["error"] == error, answer.text
    assert home.journal("token.issued") == []
    assert len(home.refusals()) == 1


async def test_agents_do_not_lend_on(home: House) -> None:
    lent = (await home.token(**loan(own(home)))).json()["access_token"]
    assert (await home.token(**loan(lent, "other"))).json()["error"] == "invalid_request"
    agent = own(home, "bot", Kind.AGENT)
    assert (await home.token(**loan(agent, "other"))).json()["error"] == "invalid_request"
    acting = own(home, "ci", Kind.SERVICE, actor="anna")
    assert (await home.token(**loan(acting, "other"))).json()["error"] == "invalid_request"


async def test_a_loan_of_some_resources_cannot_grow(home: House) -> None:
    narrow = own(home, resources=["appdb"])
    said = (await home.token(**loan(narrow))).json()
    assert said["resources"] == ["appdb"]
    assert (await home.token(**loan(narrow, resources="payments"))).json()["error"] == "invalid_target"


async def test_names_that_are_somebodys_cannot_be_lent_to(home: House) -> None:
    await home.person("bert")
    await home.account("ci")
    await home.account("robot", Kind.AGENT, owner="somebody")
    own(home, "bot", Kind.AGENT)
    issued = home.app.tokens.issue("bot", Kind.AGENT, [], 600, now=time.time())
    await home.app.store.tokens.add(issued.record)
    for taken in ("bert", "ci", "robot", "bot"):
        answer = await home.token(**loan(own(home), taken))
        assert answer.json()["error"] == "invalid_request", taken
    await home.account("mine", Kind.AGENT, owner="anna")
    assert (await home.token(**loan(own(home), "mine"))).status_code == 200


async def test_a_name_that_a_policy_trusts_cannot_be_borrowed(tmp_path: Path) -> None:
    rules = [{"allow": {"effects": ["read"]}}]
    policies = [
        {"name": "everybody", "who": {"subjects": ["*"]}, "rules": rules},
        {"name": "by-name", "who": {"subjects": ["deployer"]}, "rules": rules},
        {"name": "with-group", "who": {"subjects": ["writer"], "groups": ["analysts"]}, "rules": rules},
    ]
    async with house(tmp_path, policies=policies) as home:
        assert (await home.token(**loan(own(home), "deployer"))).json()["error"] == "invalid_request"
        assert (await home.token(**loan(own(home), "writer"))).status_code == 200
        assert (await home.token(**loan(own(home), "other"))).status_code == 200


async def test_a_loan_lasts_half_a_day_at_most(home: House) -> None:
    await home.person()
    client = Client(home)
    mine = (await client.redeem(await client.code(), ttl="120")).json()["access_token"]
    # The sign-in goes on, so that the lender could have another token at any time.
    assert (await home.token(**loan(mine))).json()["expires_in"] == 3600
    assert (await home.token(**loan(mine, ttl="99999999"))).json()["expires_in"] == 12 * 3600


async def test_a_loan_does_not_outlast_what_proves_the_lender(home: House) -> None:
    said = (await home.token(**loan(own(home), ttl="99999999"))).json()
    assert 590 <= said["expires_in"] <= 600
    # Without a refresh token there is no other token to be had.
    await home.person()
    client = Client(home)
    answer = await sign_in(home, client.query(scope="openid"))
    mine = (await client.redeem(back(answer)["code"], ttl="120")).json()["access_token"]
    assert 110 <= (await home.token(**loan(mine))).json()["expires_in"] <= 120


async def test_revoking_a_token_ends_what_was_lent_by_it(home: House) -> None:
    await home.person()
    client = Client(home)
    first, second, third = [
        (await client.redeem(await client.code())).json()["access_token"] for _ in range(3)
    ]
    lent = [(await home.token(**loan(each))).json()["access_token"] for each in (first, second, third)]
    await home.http.post("/oauth/revoke", data={"token": first, "client_id": "vedette-cli"})
    name = (await home.app.identity.by_token(second)).credential
    done = await home.http.post(
        f"/api/v1/tokens/{name}/revoke", json={}, headers={"Authorization": f"Bearer {second}"}
    )
    assert done.status_code == 200, done.text
    assert [await stands(home, each) for each in lent] == ["identity.revoked", "identity.revoked", ""]
    assert len(home.journal("token.revoked")) == 4


async def test_a_token_revoked_while_it_lends_has_lent_nothing(home: House) -> None:
    """Whoever revokes it may look for its loans before this one is there."""
    mine = own(home)
    store, name = home.app.store.tokens, (await home.app.identity.by_token(mine)).credential
    real = store.add

    async def add(record: TokenRecord, note: str = "") -> None:
        home.app.revocations.add(name)
        await real(record, note)

    store.add = add  # type: ignore[method-assign]
    assert (await home.token(**loan(mine))).json()["error"] == "invalid_request"
    (row,) = await store.find()
    assert row.revoked is not None


async def test_only_people_lend(home: House) -> None:
    answer = await home.token(**loan(own(home, "ci", Kind.SERVICE)))
    assert answer.json()["error"] == "invalid_request"


async def test_what_is_not_lent_goes_along_to_bind(home: House) -> None:
    """Groups left out and the lender's address: rules on them must hold for the loan, over SSH as well."""
    await home.person("anna", ["analysts", "contractors"])
    said = (await home.token(**loan(own(home), groups="analysts"))).json()
    found = await home.app.identity.by_token(said["access_token"])
    assert (found.groups, found.actor_groups) == ({"analysts"}, {"staff", "contractors"})
    assert (found.email, found.actor_email) == (None, "anna@example.com")
    key = Ed25519PrivateKey.generate().public_key()
    line = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    now = time.time()
    made = home.app.ssh_authority.issue(found, line, now=now)
    again = home.app.ssh_authority.principal(base64.b64decode(made.text.split()[1]), now)
    assert again == found
    whole = (await home.token(**loan(own(home)))).json()["access_token"]
    assert (await home.app.identity.by_token(whole)).actor_groups == {"contractors"}


@pytest.mark.parametrize("how", ["account", "key"])
async def test_nobody_lies_in_wait_under_a_name_that_is_taken_later(home: House, how: str) -> None:
    squatted = (await home.token(**loan(own(home), agent="etl"))).json()["access_token"]
    other = (await home.token(**loan(own(home), agent="reporter"))).json()["access_token"]
    admin = home.app.tokens.issue("root", Kind.PERSON, ["admins"], 600, now=time.time()).text
    path, body = (
        ("accounts", {"name": "etl"}) if how == "account" else ("keys", {"name": "k", "subject": "etl"})
    )
    headers = {"Authorization": f"Bearer {admin}"}
    made = await home.http.post(f"/api/v1/{path}", json=body, headers=headers)
    assert made.status_code == 201, made.text
    assert await stands(home, squatted) == "identity.revoked"
    assert await stands(home, other) == ""
    assert home.journal("token.revoked")[-1]["by"] == "vedette#root"


async def test_an_owners_loan_of_its_account_outlives_another_key_of_it(home: House) -> None:
    await home.person("anna", ["analysts", "staff"])
    await home.account("robot", Kind.AGENT, ["ai-agents"], owner="anna")
    lent = (await home.token(**loan(own(home), agent="robot"))).json()["access_token"]
    admin = home.app.tokens.issue("root", Kind.PERSON, ["admins"], 600, now=time.time()).text
    headers = {"Authorization": f"Bearer {admin}"}
    made = await home.http.post("/api/v1/keys", json={"name": "k", "subject": "robot"}, headers=headers)
    assert made.status_code == 201, made.text
    assert await stands(home, lent) == ""


async def test_a_name_that_is_taken_while_it_is_lent(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    mint = Counter.mint

    async def slowly(self: Counter, *given: Any, **more: Any) -> Issued:
        issued = await mint(self, *given, **more)
        await home.account("etl", Kind.AGENT)
        return issued

    monkeypatch.setattr(Counter, "mint", slowly)
    answer = await home.token(**loan(own(home), agent="etl"))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    row = await home.app.store.tokens.get(home.journal("token.issued")[-1]["token"])
    assert row is not None
    assert row.revoked is not None
