"""What is typed comes back on the page that asks again: as text, whatever it is."""

from __future__ import annotations

from html import escape

import pytest

from tests.issuer.conftest import House, field
from tests.issuer.signing_in import REDIRECT, Client, browser, sign_in
from vedette.issuer.clients import Client as Known

HOSTILE = [
    '"><script>alert(1)</script>', "' autofocus onfocus=alert(1) x='", "</style><img src=x onerror=alert(1)>",
    "\u202eanna", "a\x00b", "&lt;b&gt;", "x" * 5000, "{{7*7}}", "anna\r\nSet-Cookie: a=b",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_name_is_text_when_it_is_shown_again(home: House, name: str) -> None:
    answer = await sign_in(home, Client(home).query(), name=name, password="wrong")
    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers or "a=b" not in answer.headers["set-cookie"]
    assert f'value="{escape(name[:63])}"' in answer.text
    assert "<script" not in answer.text
    assert "<img" not in answer.text
    async with browser(home) as http:
        page = await http.get("/device")
        form = {"form": field(page.text, "form"), "user_code": name[:50], "name": name, "password": "wrong"}
        again = await http.post("/device", data=form, headers={"Origin": home.url})
        assert f'value="{escape(name[:63])}"' in again.text
        assert 'id="user_code" name="user_code" type="text" autocomplete="off" value=""' in again.text


@pytest.mark.parametrize("email", HOSTILE, ids=range(len(HOSTILE)))
async def test_an_address_is_text_when_it_is_shown_again(home: House, email: str) -> None:
    assert home.app.setup_link is not None
    async with browser(home) as http:
        page = await http.get(home.app.setup_link)
        form = {
            "form": field(page.text, "form"), "link": field(page.text, "link"), "name": "ada", "email": email,
            "password": "one long password", "again": "another long password",
        }  # fmt: skip
        answer = await http.post("/setup", data=form, headers={"Origin": home.url})
    assert "The two passwords differ." in answer.text
    assert f'value="{escape(email)}"' in answer.text
    assert "<script" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}, {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_cancel_too_must_come_from_our_own_page(home: House, headers: dict[str, str]) -> None:
    """Else any page could end somebody's login, or learn of one."""
    query = Client(home).query()
    async with browser(home) as http:
        page = await http.get("/oauth/authorize", params=query)
        form = query | {"form": field(page.text, "form"), "answer": "no"}
        told = {"Origin": home.url} | headers if headers else {}
        refused = await http.post("/oauth/authorize", data=form, headers=told)
        assert refused.status_code == 400
        assert "location" not in refused.headers
        answer = await http.post("/oauth/authorize", data=form, headers={"Origin": home.url})
        assert answer.headers["location"].startswith(f"{REDIRECT}?error=access_denied&")


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:80@evil.example/callback", "http://127.0.0.1:8080.evil.example/callback",
        "http://127.0.0.1:99999/callback", "http://127.0.0.1:08080/callback", "http://127.0.0.1/callback",
        "http://127.0.0.1:8080/callback/../x", "http://127.0.0.1:8080/callback?x=1",
        "http://127.0.0.1:8080/callback#x", "http://127.0.0.1:8080/callback\n", "HTTP://127.0.0.1:8080/callback",
        "https://127.0.0.1:8080/callback", "http://127.1:8080/callback", "http://localhost:8080/callback",
        "http://[::1%25eth0]:8080/callback", "http://[::ffff:127.0.0.1]:8080/callback",
        "http://127.0.0.1:\u0668\u0660/callback", "http://127.0.0.2:8080/callback", "//127.0.0.1:8080/callback",
    ],
)  # fmt: skip
def test_a_native_client_is_nowhere_but_on_loopback(address: str) -> None:
    assert not Known("vedette-cli", native=True).returns_to(address)
