"""Signing in a program that has no browser, and guessing, hurrying and replaying there."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.issuer.conftest import PASSWORD, House, field
from tests.issuer.signing_in import browser

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


async def begin(home: House, **more: str) -> dict[str, Any]:
    form = {"client_id": "vedette-cli", "scope": "openid offline_access"} | more
    answer = await home.http.post("/oauth/device_authorization", data=form)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def poll(home: House, code: str) -> httpx2.Response:
    return await home.token(grant_type=GRANT, client_id="vedette-cli", device_code=code)


async def open_page(
    home: House, http: httpx2.AsyncClient, user_code: str, password: str = PASSWORD, name: str = "anna"
) -> httpx2.Response:
    page = await http.get("/device", params={"user_code": user_code})
    form = {"form": field(page.text, "form"), "user_code": user_code, "name": name, "password": password}
    return await http.post("/device", data=form, headers={"Origin": home.url})


async def say(home: House, http: httpx2.AsyncClient, page: str, word: str) -> httpx2.Response:
    form = {"form": field(page, "form"), "ticket": field(page, "ticket"), "answer": word}
    return await http.post("/device", data=form, headers={"Origin": home.url})


async def approve(home: House, user_code: str, word: str = "yes") -> str:
    async with browser(home) as http:
        page = await open_page(home, http, user_code)
        assert page.status_code == 200, page.text
        return (await say(home, http, page.text, word)).text


class Clock:
    """The issuer's, moved by hand."""

    def __init__(self, home: House, patch: pytest.MonkeyPatch) -> None:
        self.now = home.desk.clock()
        patch.setattr(home.desk, "clock", lambda: self.now)


async def test_a_device_is_let_in_by_its_person(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(home, monkeypatch)
    await home.person()
    said = await begin(home)
    assert said["verification_uri"] == f"{home.url}/device"
    assert (await poll(home, said["device_code"])).json()["error"] == "authorization_pending"
    assert "signed in" in await approve(home, said["user_code"].lower().replace("-", " "))
    clock.now += 5
    answer = await poll(home, said["device_code"])
    assert answer.status_code == 200, answer.text
    assert (await home.app.identity.by_token(answer.json()["access_token"])).subject == "anna"
    assert home.refusals() == []


async def test_polling_too_fast_slows_down(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(home, monkeypatch)
    said = await begin(home)
    assert (await poll(home, said["device_code"])).json()["error"] == "authorization_pending"
    assert (await poll(home, said["device_code"])).json()["error"] == "slow_down"
    clock.now += 6
    assert (await poll(home, said["device_code"])).json()["error"] == "slow_down"
    clock.now += 15
    assert (await poll(home, said["device_code"])).json()["error"] == "authorization_pending"


async def test_a_device_code_works_once(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(home, monkeypatch)
    await home.person()
    said = await begin(home)
    await approve(home, said["user_code"])
    first = (await poll(home, said["device_code"])).json()
    clock.now += 5
    assert (await poll(home, said["device_code"])).json()["error"] == "invalid_grant"
    mine = {"Authorization": f"Bearer {first['access_token']}"}
    assert (await home.http.get("/api/v1/self", headers=mine)).json()["code"] == "identity.revoked"
    assert home.refusals() == ["oauth.device_replayed"]


async def test_a_no_is_final(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(home, monkeypatch)
    await home.person()
    said = await begin(home)
    assert "told no" in await approve(home, said["user_code"], "no")
    assert (await poll(home, said["device_code"])).json()["error"] == "access_denied"
    clock.now += 5
    assert (await poll(home, said["device_code"])).json()["error"] == "expired_token"


async def test_codes_are_over_after_ten_minutes(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(home, monkeypatch)
    await home.person()
    said = await begin(home)
    clock.now += 601
    assert (await poll(home, said["device_code"])).json()["error"] == "expired_token"
    async with browser(home) as http:
        page = await open_page(home, http, said["user_code"])
        assert "No device waits" in page.text


async def test_another_client_or_browser_gets_nothing(home: House) -> None:
    await home.person()
    said = await begin(home)
    answer = await home.token(grant_type=GRANT, client_id="other", device_code=said["device_code"])
    assert answer.json()["error"] == "invalid_client"
    async with browser(home) as http, browser(home) as thief:
        page = (await open_page(home, http, said["user_code"])).text
        own = (await thief.get("/device")).text
        form = {"form": field(own, "form"), "ticket": field(page, "ticket"), "answer": "yes"}
        answer = await thief.post("/device", data=form, headers={"Origin": home.url})
        assert answer.status_code == 400
        # The ticket is used up by the attempt.
        assert (await say(home, http, page, "yes")).status_code == 400
    assert (await poll(home, said["device_code"])).json()["error"] == "authorization_pending"


async def test_codes_are_not_told_to_who_has_no_password(home: House) -> None:
    await home.person()
    said = await begin(home)
    async with browser(home) as http:
        right = await open_page(home, http, said["user_code"], "wrong password 1")
        wrong = await open_page(home, http, "BBBB-BBBB", "wrong password 2")
    assert right.status_code == wrong.status_code == 400
    assert "No such person, or not their password" in right.text
    assert "No such person, or not their password" in wrong.text


async def test_guessing_codes_is_slow(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(home, monkeypatch)
    await home.person()
    async with browser(home) as http:
        seen = [(await open_page(home, http, f"BBBB-BBB{letter}")).status_code for letter in "BCDFGHJ"]
    assert seen[0] == 400
    assert seen[-1] == 429
    assert home.refusals().count("oauth.user_code") <= 6


async def test_waiting_devices_are_bounded_by_network(home: House) -> None:
    answers = [
        (await home.http.post("/oauth/device_authorization", data={"client_id": "vedette-cli"})).status_code
        for _ in range(52)
    ]
    assert answers[:50] == [200] * 50
    assert answers[50:] == [503, 503]


@pytest.mark.parametrize("form", [{}, {"client_id": "nobody"}, {"client_id": "vedette-cli", "scope": "root"}])
async def test_what_cannot_begin(home: House, form: dict[str, str]) -> None:
    answer = await home.http.post("/oauth/device_authorization", data=form)
    assert answer.json()["error"] in ("invalid_request", "invalid_client", "invalid_scope")


async def test_a_code_of_ones_own_makes_up_for_no_wrong_guesses(home: House) -> None:
    """Whoever guesses codes may have one waiting, and type it in between."""
    await home.person()
    mine = (await begin(home))["user_code"]
    async with browser(home) as http:
        for wrong in ("BBBB-BBBB", "CCCC-CCCC", "DDDD-DDDD", "FFFF-FFFF"):
            assert "No device waits" in (await open_page(home, http, wrong)).text
            assert "Is " in (await open_page(home, http, mine)).text
        assert "No device waits" in (await open_page(home, http, "GGGG-GGGG")).text
        assert (await open_page(home, http, "HHHH-HHHH")).status_code == 429
