"""What a browser and a native client do together, over real HTTP."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from tests.issuer.conftest import PASSWORD, House
from tests.issuer.conftest import field as hidden
from vedette.issuer.pkce import challenge_of

REDIRECT = "http://127.0.0.1:49152/callback"
SCOPE = "openid email groups offline_access"


@dataclass
class Client:
    """A native client that asks once: its verifier, state and nonce."""

    house: House
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def query(self, **changes: Any) -> dict[str, Any]:
        asked = {
            "response_type": "code", "client_id": "vedette-cli", "redirect_uri": REDIRECT, "scope": SCOPE,
            "state": self.state, "nonce": "n-1", "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
        } | changes  # fmt: skip
        return {name: value for name, value in asked.items() if value is not None}

    async def code(self, **person: str) -> str:
        answer = await sign_in(self.house, self.query(), **person)
        assert answer.status_code == 303, answer.text
        told = back(answer)
        assert told["state"] == self.state
        assert told["iss"] == self.house.url
        return told["code"]

    async def redeem(self, code: str, **changes: Any) -> httpx2.Response:
        form = {
            "grant_type": "authorization_code", "client_id": "vedette-cli", "code": code,
            "redirect_uri": REDIRECT, "code_verifier": self.verifier,
        } | changes  # fmt: skip
        return await self.house.token(**{name: value for name, value in form.items() if value is not None})


def back(answer: httpx2.Response) -> dict[str, str]:
    """What the browser is sent back with."""
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def sign_in(
    house: House, query: dict[str, Any], name: str = "anna", password: str = PASSWORD, **more: str
) -> httpx2.Response:
    """A browser opens the page and submits it."""
    async with browser(house) as http:
        page = await http.get("/oauth/authorize", params=query)
        assert page.status_code == 200, page.text
        form = query | {"form": hidden(page.text, "form"), "name": name, "password": password} | more
        return await http.post("/oauth/authorize", data=form, headers={"Origin": house.url})


def browser(house: House) -> httpx2.AsyncClient:
    """With cookies of its own."""
    return httpx2.AsyncClient(base_url=house.url, trust_env=False, timeout=30)
