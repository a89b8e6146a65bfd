"""Two things at once at the issuer: whichever comes first, nobody keeps what they should not have."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.issuer.conftest import PASSWORD, House
from tests.issuer.signing_in import Client
from tests.issuer.test_device_flow import begin, browser, open_page, poll, say
from tests.issuer.test_lending import loan
from tests.issuer.test_people_api import Admin, stands
from vedette.identity.keys import create
from vedette.model import Kind
from vedette.store.tidy import tidy
from vedette.store.tokens import OUTLIVED_SECONDS

REFRESH = {"grant_type": "refresh_token", "client_id": "vedette-cli"}


class Gate:
    """Holds a coroutine function up, once, until it is opened."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def __call__(self, *words: Any, **more: Any) -> Any:
        if not self.reached.is_set():
            self.reached.set()
            await self.open.wait()
        return await self._real(*words, **more)


async def test_a_code_that_comes_back_before_its_tokens_are_made(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await home.person()
    client = Client(home)
    code = await client.code()
    gate = Gate(home.app.store.people.get)
    monkeypatch.setattr(home.app.store.people, "get", gate)
    first = asyncio.create_task(client.redeem(code))
    await gate.reached.wait()
    assert (await client.redeem(code)).json()["error"] == "invalid_grant"
    gate.open.set()
    said = (await first).json()
    assert said["error"] == "invalid_grant", said


async def test_a_refresh_token_used_by_two_at_once(home: House) -> None:
    await home.person()
    client = Client(home)
    said = (await client.redeem(await client.code())).json()
    form = REFRESH | {"refresh_token": said["refresh_token"]}
    answers = [each.json() for each in await asyncio.gather(*(home.token(**form) for _ in range(4)))]
    assert sum("access_token" in each for each in answers) <= 1
    for each in answers:
        if "access_token" in each:
            assert await stands(home, each["access_token"]) == "identity.revoked"
    assert await stands(home, said["access_token"]) == "identity.revoked"


async def test_who_is_shut_out_while_signing_in(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await home.person()
    admin, client = Admin(home), Client(home)
    code = await client.code()
    gate = Gate(home.app.store.tokens.add)
    monkeypatch.setattr(home.app.store.tokens, "add", gate)
    first = asyncio.create_task(client.redeem(code))
    await gate.reached.wait()
    assert (await admin.post("/people/anna/disable")).status_code == 200
    gate.open.set()
    assert (await first).json()["error"] == "invalid_grant"
    rows = await home.app.store.tokens.find()
    assert all(row.revoked for row in rows if row.record.subject == "anna")


async def test_who_is_shut_out_while_lending(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await home.person()
    admin, client = Admin(home), Client(home)
    mine = (await client.redeem(await client.code())).json()["access_token"]
    gate = Gate(home.app.store.tokens.add)
    monkeypatch.setattr(home.app.store.tokens, "add", gate)
    first = asyncio.create_task(home.token(**loan(mine)))
    await gate.reached.wait()
    assert (await admin.post("/people/anna/disable")).status_code == 200
    gate.open.set()
    assert "error" in (await first).json()
    assert all(row.revoked for row in await home.app.store.tokens.find() if row.record.actor == "anna")


async def test_an_account_whose_secret_changes_while_it_logs_in(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = await home.account()
    admin = Admin(home)
    gate = Gate(home.app.store.tokens.add)
    monkeypatch.setattr(home.app.store.tokens, "add", gate)
    form = {"grant_type": "client_credentials", "client_id": "ci", "client_secret": secret}
    first = asyncio.create_task(home.token(**form))
    await gate.reached.wait()
    assert (await admin.post("/accounts/ci/rotate")).status_code == 200
    gate.open.set()
    assert (await first).json()["error"] == "invalid_client"
    assert all(row.revoked for row in await home.app.store.tokens.find() if row.record.subject == "ci")


async def test_a_new_password_ends_what_was_under_way(home: House) -> None:
    """A thief who typed the old password just before has a code, and a page that asks yes or no."""
    await home.person()
    admin, thief = Admin(home), Client(home)
    code = await thief.code()
    device = await begin(home)
    async with browser(home) as http:
        page = (await open_page(home, http, device["user_code"], PASSWORD)).text
        changed = await admin.post("/people/anna/password", password="quite another sentence")
        assert changed.status_code == 200
        assert (await thief.redeem(code)).json()["error"] == "invalid_grant"
        await say(home, http, page, "yes")
    assert (await poll(home, device["device_code"])).json()["error"] == "invalid_grant"


async def test_signing_out_and_theft_end_what_was_lent(home: House) -> None:
    await home.person()
    client = Client(home)
    said = (await client.redeem(await client.code())).json()
    lent = (await home.token(**loan(said["access_token"]))).json()["access_token"]
    data = {"token": said["refresh_token"], "client_id": "vedette-cli"}
    await home.http.post("/oauth/revoke", data=data)
    assert await stands(home, said["access_token"]) == "identity.revoked"
    assert await stands(home, lent) == "identity.revoked"
    other = Client(home)
    said = (await other.redeem(await other.code())).json()
    stolen = (await home.token(**loan(said["access_token"], "robber"))).json()["access_token"]
    for _ in range(2):
        await home.token(**REFRESH, refresh_token=said["refresh_token"])
    assert await stands(home, stolen) == "identity.revoked"


async def test_an_api_key_does_not_lend(home: House) -> None:
    secret, record = create("k", "anna", Kind.PERSON, ["staff"], None, now=time.time())
    await home.app.store.keys.add(record)
    answer = await home.token(**loan(secret.reveal()))
    assert answer.json()["error"] == "invalid_request"
    assert "does not lend" in answer.json()["error_description"]


async def test_what_is_over_for_good_is_dropped(home: House) -> None:
    await home.person()
    client = Client(home)
    await client.redeem(await client.code())
    store, now = home.app.store, time.time()
    await tidy(store.tokens, store.grants, now)
    assert len(await store.tokens.find()) == 1
    await tidy(store.tokens, store.grants, now + OUTLIVED_SECONDS + 8 * 86400)
    assert await store.tokens.find() == []
