"""Admins add, change and shut out people and accounts; whatever hung on them ends with it."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import pytest

from tests.issuer.conftest import PASSWORD, House
from tests.issuer.signing_in import Client, sign_in
from tests.issuer.test_lending import loan, stands
from vedette.identity.signing import SigningKeys
from vedette.model import Kind


class Admin:
    """Asks the API as an admin."""

    def __init__(self, home: House) -> None:
        self.home = home
        issued = home.app.tokens.issue("root", Kind.PERSON, ["admins"], 600, now=time.time())
        self.headers = {"Authorization": f"Bearer {issued.text}"}

    async def post(self, path: str, **body: Any) -> httpx2.Response:
        return await self.home.http.post(f"/api/v1{path}", json=body, headers=self.headers)

    async def get(self, path: str) -> Any:
        return (await self.home.http.get(f"/api/v1{path}", headers=self.headers)).json()


@pytest.fixture
def admin(home: House) -> Admin:
    return Admin(home)


async def test_a_person_from_first_to_last(home: House, admin: Admin) -> None:
    made = await admin.post(
        "/people", name="anna", groups=["staff"], email="a@example.com", password=PASSWORD
    )
    assert made.status_code == 201, made.text
    assert PASSWORD not in made.text
    assert made.json() | {"created": 0} == {
        "name": "anna", "email": "a@example.com", "groups": ["staff"], "password": True, "created": 0,
        "used": None, "disabled": None,
    }  # fmt: skip
    client = Client(home)
    said = (await client.redeem(await client.code())).json()
    lent = (await home.token(**loan(said["access_token"]))).json()["access_token"]
    (seen,) = (await admin.get("/people"))["items"]
    assert seen["used"] is not None
    done = await admin.post("/people/anna/disable", reason="left")
    assert done.json()["disabled"] is not None
    assert await stands(home, said["access_token"]) == "identity.revoked"
    assert await stands(home, lent) == "identity.revoked"
    form = {"grant_type": "refresh_token", "client_id": "vedette-cli", "refresh_token": said["refresh_token"]}
    assert (await home.token(**form)).json()["error"] == "invalid_grant"
    assert (await admin.post("/people/anna/enable")).json()["disabled"] is None
    # What was made void stays so.
    assert (await home.token(**form)).json()["error"] == "invalid_grant"
    assert await stands(home, lent) == "identity.revoked"
    changes = [(each["what"], each["name"], each["by"]) for each in home.journal("config.changed")]
    assert changes.count(("person", "anna", "vedette#root")) == 3
    assert PASSWORD not in str(home.journal("config.changed"))
    assert "argon2" not in str(home.journal("config.changed"))


async def test_a_lost_group_ends_what_carries_it_and_nothing_else(home: House, admin: Admin) -> None:
    await home.person("anna", ["analysts", "staff"])
    client = Client(home)
    said = (await client.redeem(await client.code())).json()
    with_both = said["access_token"]
    narrow = (await home.token(**loan(with_both, groups="staff"))).json()["access_token"]
    assert (await admin.post("/people/anna/groups", groups=["staff"])).status_code == 200
    assert await stands(home, with_both) == "identity.revoked"
    assert await stands(home, narrow) == ""
    form = {"grant_type": "refresh_token", "client_id": "vedette-cli", "refresh_token": said["refresh_token"]}
    again = (await home.token(**form)).json()["access_token"]
    assert (await home.app.identity.by_token(again)).groups == {"staff"}


async def test_a_new_password_ends_every_sign_in(home: House, admin: Admin) -> None:
    await home.person()
    client = Client(home)
    said = (await client.redeem(await client.code())).json()
    mine = {"Authorization": f"Bearer {said['access_token']}"}
    path, new = "/api/v1/people/anna/password", "quite another sentence"
    wrong = await home.http.post(path, json={"password": new, "current": "not this one!"}, headers=mine)
    assert (wrong.status_code, wrong.json()["code"]) == (403, "password.wrong")
    other = await home.http.post("/api/v1/people/bert/password", json={"password": new}, headers=mine)
    assert other.status_code == 403
    weak = await home.http.post(path, json={"password": "short", "current": PASSWORD}, headers=mine)
    assert (weak.status_code, weak.json()["code"]) == (422, "password.weak")
    done = await home.http.post(path, json={"password": new, "current": PASSWORD}, headers=mine)
    assert done.status_code == 200, done.text
    assert await stands(home, said["access_token"]) == "identity.revoked"
    assert await Client(home).code(password=new)
    assert "not their password" in (await sign_in(home, client.query())).text


async def test_a_lent_token_cannot_set_its_lenders_password(home: House) -> None:
    await home.person()
    text = home.app.tokens.issue("anna", Kind.PERSON, ["staff"], 600, "bert", now=time.time()).text
    answer = await home.http.post(
        "/api/v1/people/anna/password", json={"password": "x" * 20, "current": PASSWORD},
        headers={"Authorization": f"Bearer {text}"},
    )  # fmt: skip
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "Anna"}, 422),
        ({"name": "-anna"}, 422),
        ({"name": "a" * 64}, 422),
        ({"name": "local:root"}, 422),
        ({"name": "<b>"}, 422),
        ({"name": "anna\n"}, 422),
        ({"name": ""}, 422),
        ({"name": "anna", "groups": [""]}, 422),
        ({"name": "anna", "groups": ["a\u202eb"]}, 422),
        ({"name": "anna", "email": "a\nb"}, 422),
        ({"name": "anna", "password": "short"}, 422),
        ({"name": "anna", "password": "aaaaaaaaaaaaaaaa"}, 422),
        ({"name": "anna", "password": "my name is anna, really"}, 422),
        ({"name": "anna", "password": "\x00" * 20}, 422),
        ({"name": "anna", "admin": True}, 422),
        ({"name": "ci"}, 409),
        ({"name": "bert"}, 409),
    ],
)
async def test_people_that_cannot_be_added(home: House, admin: Admin, body: Any, status: int) -> None:
    await home.account("ci")
    await home.person("bert")
    answer = await admin.post("/people", **body)
    assert answer.status_code == status, answer.text
    assert home.journal("config.changed") == []


async def test_an_account_from_first_to_last(home: House, admin: Admin) -> None:
    await home.person("anna")
    made = (await admin.post("/accounts", name="robot", groups=["ai"], owner="anna")).json()
    secret = made["secret"]
    form = {"grant_type": "client_credentials", "client_id": "robot", "client_secret": secret}
    token = (await home.token(**form)).json()["access_token"]
    assert secret not in str(await admin.get("/accounts"))
    rotated = (await admin.post("/accounts/robot/rotate")).json()["secret"]
    assert await stands(home, token) == "identity.revoked"
    assert (await home.token(**form)).json()["error"] == "invalid_client"
    token = (await home.token(**(form | {"client_secret": rotated}))).json()["access_token"]
    assert (await admin.post("/accounts/robot/groups", groups=[])).json()["groups"] == []
    assert await stands(home, token) == "identity.revoked"
    token = (await home.token(**(form | {"client_secret": rotated}))).json()["access_token"]
    await admin.post("/accounts/robot/disable", reason="gone wild")
    assert await stands(home, token) == "identity.revoked"
    assert (await home.token(**(form | {"client_secret": rotated}))).json()["error"] == "invalid_client"
    await admin.post("/accounts/robot/enable")
    assert (await home.token(**(form | {"client_secret": rotated}))).status_code == 200
    told = str(home.journal("config.changed"))
    assert secret not in told
    assert rotated not in told


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "vedette-cli"}, 422),
        ({"name": "robot", "kind": "person"}, 422),
        ({"name": "robot", "owner": "nobody"}, 422),
        ({"name": "bert"}, 409),
        ({"name": "ci"}, 409),
    ],
)
async def test_accounts_that_cannot_be_made(home: House, admin: Admin, body: Any, status: int) -> None:
    await home.person("bert")
    await home.account("ci")
    assert (await admin.post("/accounts", **body)).status_code == status


async def test_keys_go_with_their_owner_and_say_when_they_were_used(home: House, admin: Admin) -> None:
    await home.person("anna")
    refused = await admin.post("/keys", name="k", subject="bot", owner="nobody")
    assert refused.status_code == 422
    made = (await admin.post("/keys", name="k", subject="bot", owner="anna")).json()
    assert await stands(home, made["key"]) == ""
    await home.app._uses.write()
    (seen,) = (await admin.get("/keys"))["items"]
    assert seen["owner"] == "anna"
    assert seen["used"] is not None
    await admin.post("/people/anna/disable")
    assert await stands(home, made["key"]) == "identity.revoked"


async def test_a_token_that_has_expired_is_ended_for_its_sessions_sake(home: House, admin: Admin) -> None:
    """A session outlives the token that opened it; shutting out its person must find it all the same."""
    await home.person("anna")
    then = time.time() - 7200
    old = home.app.tokens.issue("anna", Kind.PERSON, [], 60, now=then, owner="vedette#anna").record
    await home.app.store.tokens.add(old)
    ended: list[str] = []
    real = home.app.revocations.add
    home.app.revocations.add = lambda token: (ended.append(token), real(token))[1]  # type: ignore[method-assign]
    await admin.post("/people/anna/disable")
    assert ended == [old.id]


async def test_rotation_leaves_tokens_good_and_signs_with_another_key(home: House, admin: Admin) -> None:
    secret = await home.account()
    form = {"grant_type": "client_credentials", "client_id": "ci", "client_secret": secret}
    before = (await home.token(**form)).json()["access_token"]
    done = (await admin.post("/issuer/rotate")).json()
    after = (await home.token(**form)).json()["access_token"]
    assert await stands(home, before) == await stands(home, after) == ""
    keys = [each["kid"] for each in (await home.http.get("/oauth/jwks")).json()["keys"]]
    assert keys == done["verifies"]
    assert keys[0] == done["signs"]
    assert len(keys) == 2


def test_old_keys_go_once_their_last_token_is_over(tmp_path: Any) -> None:
    day = 86400.0
    first = SigningKeys.open(tmp_path, lambda: 0.0).signer.id
    second = SigningKeys.rotate(tmp_path, lambda: 10 * day, keep=None)
    third = SigningKeys.rotate(tmp_path, lambda: 40 * day, keep=None)
    assert third.find(first) is not None
    assert third.find(second.signer.id) is not None
    fourth = SigningKeys.rotate(tmp_path, lambda: 42 * day, keep=None)
    # It stopped signing on day 10, and no token lives 31 days.
    assert fourth.find(first) is None
    assert fourth.find(second.signer.id) is not None


async def test_what_an_owner_answers_for_says_so(home: House, admin: Admin) -> None:
    """By that, nobody approves what their own key or account asks for."""
    await home.person("anna")
    key = (await admin.post("/keys", name="k", subject="bot", owner="anna")).json()["key"]
    made = (await admin.post("/accounts", name="robot", owner="anna")).json()
    form = {"grant_type": "client_credentials", "client_id": "robot", "client_secret": made["secret"]}
    token = (await home.token(**form)).json()["access_token"]
    issued = (await admin.post("/tokens", subject="robot")).json()["token"]
    other = (await admin.post("/tokens", subject="nobodys")).json()["token"]
    owners = [(await home.app.identity.by_token(each)).owner for each in (key, token, issued, other)]
    assert owners == ["vedette#anna", "vedette#anna", "vedette#anna", ""]


@pytest.mark.parametrize("how", ["disable", "rotate"])
async def test_keys_in_the_name_of_an_account_go_with_it(home: House, admin: Admin, how: str) -> None:
    await home.person("anna")
    await admin.post("/accounts", name="robot", owner="anna")
    mine = (await admin.post("/keys", name="k1", subject="robot")).json()["key"]
    other = (await admin.post("/keys", name="k2", subject="bot")).json()["key"]
    assert await stands(home, mine) == ""
    assert (
        await admin.post(f"/accounts/robot/{how}", **({"reason": "r"} if how == "disable" else {}))
    ).is_success
    assert (await stands(home, mine), await stands(home, other)) == ("identity.revoked", "")
    (record,) = home.journal("key.revoked")
    assert record["by"] == "vedette#root"


async def test_keys_in_the_name_of_a_person_go_with_them(home: House, admin: Admin) -> None:
    await home.person("anna")
    mine = (await admin.post("/keys", name="k1", subject="anna", kind="person")).json()["key"]
    await admin.post("/people/anna/disable")
    assert await stands(home, mine) == "identity.revoked"


async def test_an_admin_sets_their_own_password_by_the_current_one(home: House, admin: Admin) -> None:
    """A stolen token of an admin's does not become the admin's sign-in."""
    await home.person("root", ["admins"])
    await home.person("anna")
    new = "quite another sentence"
    for current in ({}, {"current": "not this one!"}):
        refused = await admin.post("/people/root/password", password=new, **current)
        assert (refused.status_code, refused.json()["code"]) == (403, "password.wrong")
    assert (await admin.post("/people/anna/password", password=new)).status_code == 200
    assert (await admin.post("/people/root/password", password=new, current=PASSWORD)).status_code == 200


async def test_people_see_and_revoke_the_keys_that_are_theirs(home: House, admin: Admin) -> None:
    await home.person("anna")
    await home.person("bert")
    mine = (await admin.post("/keys", name="k1", subject="bot", owner="anna")).json()
    named = (await admin.post("/keys", name="k2", subject="anna", kind="person")).json()
    other = (await admin.post("/keys", name="k3", subject="bot", owner="bert")).json()
    # A subject of the same name that is no person here is somebody else's.
    await admin.post("/keys", name="k4", subject="anna", kind="service")
    said = (await (client := Client(home)).redeem(await client.code())).json()
    anna = {"Authorization": f"Bearer {said['access_token']}"}
    seen = (await home.http.get("/api/v1/keys", headers=anna)).json()
    assert {each["id"] for each in seen["items"]} == {mine["id"], named["id"]}

    async def revoke(name: str, headers: dict[str, str]) -> int:
        answer = await home.http.post(f"/api/v1/keys/{name}/revoke", json={}, headers=headers)
        return answer.status_code

    lent = (await home.token(**loan(said["access_token"]))).json()["access_token"]
    assert await revoke(mine["id"], {"Authorization": f"Bearer {lent}"}) == 403
    assert await revoke(other["id"], anna) == 404
    assert await revoke(mine["id"], anna) == 200
    assert await stands(home, mine["key"]) == "identity.revoked"
    assert await stands(home, other["key"]) == ""
    assert home.journal("key.revoked")[-1]["by"] == "vedette#anna"
