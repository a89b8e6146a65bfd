"""A whole gateway on loopback, real HTTP to it, and no database behind it: logins are all that happens."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.testbed.gateway import hosted
from vedette.app import App
from vedette.issuer.desk import IssuerDesk
from vedette.issuer.texts import digest, fresh
from vedette.journal.read import read
from vedette.model import Kind
from vedette.store.accounts import Account
from vedette.store.people import Person

PASSWORD = "a long walk in the rain"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class House:
    """The gateway, and a client of it."""

    app: App
    http: httpx2.AsyncClient
    desks: list[IssuerDesk]

    @property
    def url(self) -> str:
        return str(self.http.base_url).rstrip("/")

    @property
    def desk(self) -> IssuerDesk:
        """What the issuer keeps in memory: to move its clock."""
        return self.desks[0]

    async def account(
        self,
        name: str = "ci",
        kind: Kind = Kind.SERVICE,
        groups: Sequence[str] = ("builders",),
        owner: str = "",
    ) -> str:
        secret = fresh("vds_")
        now = time.time()
        await self.app.store.accounts.add(
            Account(name, kind, frozenset(groups), digest(secret), now, now, owner)
        )
        return secret

    async def person(self, name: str = "anna", groups: Sequence[str] = ("analysts", "staff")) -> None:
        verifier = await _verifier()
        await self.app.store.people.add(
            Person(name, frozenset(groups), time.time(), f"{name}@example.com", verifier, time.time())
        )

    async def token(self, **form: Any) -> httpx2.Response:
        return await self.http.post("/oauth/token", data=form)

    def journal(self, kind: str) -> list[dict[str, Any]]:
        self.app.journal.flush()
        return [entry.body for entry in read(self.app.journal.folder) if entry.kind == kind]

    def refusals(self) -> list[str]:
        """The issuer's own; a bad token shown to the API is on record as well."""
        return [body["code"] for body in self.journal("login.refused") if body["how"] != "api"]


_known: list[str] = []


async def _verifier() -> str:
    """Argon2 takes its time; once is enough for all people of the tests."""
    if not _known:
        from vedette.issuer.passwords import Passwords

        _known.append(await Passwords().hash(PASSWORD))
    return _known[0]


def settings(folder: Path, **sections: Mapping[str, Any]) -> Path:
    document: dict[str, Any] = {
        "gateway": {
            "listen": {"postgres": 0, "web": 0}, "data": "data", "admins": {"groups": ["admins"]},
        } | dict(sections.get("gateway", {})),
        "identity": dict(sections.get("identity", {})),
        "resources": {
            name: {
                "protocol": "postgres", "login": {"user": "app"},
                "upstream": {"host": "127.0.0.1", "port": 1, "database": "app", "tls": "disable"},
            }
            for name in ("appdb", "payments")
        },
        "policies": [{"name": "all", "rules": [{"allow": {"effects": ["read"]}}]}],
    }  # fmt: skip
    if "policies" in sections:
        document["policies"] = sections["policies"]
    gateway = document["gateway"]
    document["gateway"] = {name: value for name, value in gateway.items() if value is not None}
    file = folder / "vedette.yaml"
    file.write_text(json.dumps(document))
    return file


@asynccontextmanager
async def house(folder: Path, **sections: Any) -> AsyncIterator[House]:
    desks: list[IssuerDesk] = []

    def desk() -> IssuerDesk:
        desks.append(IssuerDesk())
        return desks[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vedette.api.oauth.IssuerDesk", desk)
        async with _house(folder, desks, **sections) as found:
            yield found


@asynccontextmanager
async def _house(folder: Path, desks: list[IssuerDesk], **sections: Any) -> AsyncIterator[House]:
    async with hosted(settings(folder, **sections)) as app:
        base = f"http://127.0.0.1:{app.ports['web']}"
        async with httpx2.AsyncClient(base_url=base, trust_env=False, timeout=30) as http:
            yield House(app, http, desks)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as found:
        yield found


def field(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, page
    return found[1]
