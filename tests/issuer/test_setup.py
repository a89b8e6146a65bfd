"""The first person: by a link that works once. No default password."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.issuer.conftest import PASSWORD, House, field, house
from tests.issuer.signing_in import Client, browser
from vedette.issuer.texts import digest
from vedette.store import StoreError
from vedette.store.people import Person


def link(home: House) -> str:
    found = home.app.setup_link
    assert found is not None
    return urlsplit(found).query.removeprefix("link=")


async def fill_in(home: House, http: httpx2.AsyncClient, secret: str, **changes: str) -> httpx2.Response:
    page = await http.get("/setup", params={"link": secret})
    if page.status_code != 200:
        return page
    form = {
        "form": field(page.text, "form"), "link": secret, "name": "ada", "email": "ada@example.com",
        "password": PASSWORD, "again": PASSWORD,
    } | changes  # fmt: skip
    return await http.post("/setup", data=form, headers={"Origin": home.url})


async def test_the_first_admin_is_made_once(home: House) -> None:
    secret = link(home)
    assert home.app.setup_link == f"{home.url}/setup?link={secret}"
    async with browser(home) as http:
        done = await fill_in(home, http, secret)
        assert done.status_code == 200, done.text
        again = await fill_in(home, http, secret, name="eve")
        assert "This link is over" in again.text
    client = Client(home)
    token = (await client.redeem(await client.code(name="ada"))).json()["access_token"]
    mine = {"Authorization": f"Bearer {token}"}
    assert (await home.http.get("/api/v1/self", headers=mine)).json()["role"] == "admin"
    assert [each.name for each in await home.app.store.people.all()] == ["ada"]
    (change,) = home.journal("config.changed")
    assert (change["by"], change["name"]) == ("set-up link", "ada")
    assert secret not in str(home.journal("config.changed"))


async def test_the_first_admin_has_a_name_of_their_own(home: House) -> None:
    secret = link(home)
    await home.account("ada")
    async with browser(home) as http:
        taken = await fill_in(home, http, secret)
        assert (taken.status_code, "named ada already" in taken.text) == (400, True)
        person = Person("ada", frozenset(), time.time())
        with pytest.raises(StoreError, match="an account named ada"):
            await home.app.store.people.first(person, digest(secret), time.time())
        # The link is as good as before.
        assert (await fill_in(home, http, secret, name="eve")).status_code == 200


async def test_two_at_once_make_one(home: House) -> None:
    async with browser(home) as http, browser(home) as other:
        both = await asyncio.gather(
            fill_in(home, http, link(home)), fill_in(home, other, link(home), name="eve")
        )
    assert sorted(each.status_code for each in both) == [200, 400]
    assert len(await home.app.store.people.all()) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"again": "something else!"}, "differ"),
        ({"password": "short", "again": "short"}, "at least 12"),
        ({"name": "<script>alert(1)</script>"}, "A name has"),
    ],
)
async def test_mistakes_can_be_corrected(home: House, changes: dict[str, str], words: str) -> None:
    async with browser(home) as http:
        answer = await fill_in(home, http, link(home), **changes)
        assert words in answer.text
        assert "<script" not in answer.text
        assert (await fill_in(home, http, link(home))).status_code == 200


@pytest.mark.parametrize("secret", ["", "vdl_x", "' OR '1'='1"])
async def test_links_that_are_none(home: House, secret: str) -> None:
    async with browser(home) as http:
        assert "This link is over" in (await fill_in(home, http, secret)).text
    assert home.refusals() == ["login.setup"]


async def test_a_link_lasts_a_day_by_either_direction_of_the_clock(home: House) -> None:
    from vedette.issuer.texts import digest

    key, now = digest(link(home)), time.time()
    links = home.app.store.setup_links
    assert await links.good(key, now + 1)
    assert not await links.good(key, now + 86401)
    assert not await links.good(key, now - 3600)


async def test_a_restart_makes_the_link_before_void(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        first = link(home)
    async with house(tmp_path) as home, browser(home) as http:
        assert "This link is over" in (await fill_in(home, http, first)).text
        assert (await fill_in(home, http, link(home))).status_code == 200
    async with house(tmp_path) as home:
        assert home.app.setup_link is None


async def test_no_link_where_people_come_from_elsewhere_or_nobody_could_be_an_admin(tmp_path: Path) -> None:
    issuers = [{"issuer": "https://idp.example.com", "audience": "vedette"}]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with house(tmp_path / "one", identity={"issuers": issuers}) as home:
        assert home.app.setup_link is None
    async with house(tmp_path / "two", gateway={"admins": None}) as home:
        assert home.app.setup_link is None
