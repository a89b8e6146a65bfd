"""Debian's glewlwyd on loopback: an OpenID provider in C that shares no line with npm's oidc-provider.

Configured over its own administration's API, as its manual says (OIDC.md, API.md in the package).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx2
import pytest
from joserfc.jwk import ECKey, RSAKey

from tests.testbed.processes import LOOPBACK, PATIENCE_SECONDS, environment, free_port

TABLES = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
MODULES = Path("/usr/lib/glewlwyd")
AUDIENCE = "https://vedette.example.com"
AGENT, AGENT_SECRET = "autogen", "only-for-tests"
PERSON, PASSWORD = "anna", "a long walk in the rain"
CLIENT = "vedette-login"
_CONFIG = """
port={port}
bind_address="{host}"
external_url="http://{host}:{port}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="WARNING"
cookie_secure=0
session_key="GLEWLWYD_TEST"
session_expiration=86400
admin_scope="g_admin"
profile_scope="g_profile"
admin_session_authentication="cookie"
profile_session_authentication="cookie"
user_module_path="{modules}/user"
client_module_path="{modules}/client"
user_auth_scheme_module_path="{modules}/scheme"
plugin_module_path="{modules}/plugin"
hash_algorithm="SHA512"
database={{ type="sqlite3" path="{folder}/provider.db" }};
"""


@dataclass
class Glewlwyd:
    """A running provider; *admin* is signed in as its administrator."""

    url: str
    admin: httpx2.AsyncClient

    @property
    def issuer(self) -> str:
        return f"{self.url}/api/oidc"

    def settings(self, **more: object) -> dict[str, object]:
        """The entry in ``identity.issuers`` that trusts it."""
        agents = {"claim": "client_id", "equals": AGENT}
        return {"issuer": self.issuer, "audience": AUDIENCE, "agents": agents, "loopback_http": True} | more

    async def agent(self, **more: str) -> str:
        """A token by client credentials."""
        form = {"grant_type": "client_credentials", "scope": "vedette", "resource": AUDIENCE} | more
        form = {name: value for name, value in form.items() if value}
        answer = await self.admin.post("/oidc/token", data=form, auth=(AGENT, AGENT_SECRET))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def come_back(self, url: str, redirect: str) -> str:
        """
        Sign PERSON in at *url*, as the provider's pages do by their API, and say where the browser is sent.

        Glewlwyd compares ports, too, so *redirect* is made known first.
        """
        await self._put("/client/" + CLIENT, client(redirect))
        async with httpx2.AsyncClient(base_url=f"{self.url}/api", trust_env=False, timeout=60) as browser:
            signed_in = await browser.post("/auth/", json={"username": PERSON, "password": PASSWORD})
            assert signed_in.status_code == 200, signed_in.text
            granted = await browser.put(f"/auth/grant/{CLIENT}", json={"scope": "openid vedette"})
            assert granted.status_code == 200, granted.text
            answer = await browser.get(f"{url}&g_continue")
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])

    async def set_up(self, default: str) -> None:
        """Keys (of which *default* signs), a scope with its audience, an agent, and a person.

        The person is in one group: it joins several to one text, which is one name and never taken apart.
        """
        await self._post("/auth/", {"username": "admin", "password": "password"})
        await self._post(
            "/mod/plugin/", {"module": "oidc", "name": "oidc", "parameters": self._plugin(default)}
        )
        await self._post("/scope/", {"name": "vedette", "display_name": "v", "description": "v"})
        users = (await self.admin.get("/mod/user/database")).json()
        users["parameters"]["data-format"]["groups"] = {"multiple": True, "read": True, "write": True}
        await self._put("/mod/user/database", users)
        await self._put("/mod/user/database/reset/", {})
        person = {"username": PERSON, "password": PASSWORD, "email": "anna@example.com", "enabled": True}
        await self._post("/user/", person | {"scope": ["openid", "vedette"], "groups": ["analysts"]})
        agent = {"client_id": AGENT, "client_secret": AGENT_SECRET, "confidential": True, "enabled": True}
        agent |= {"token_endpoint_auth_method": ["client_secret_basic"], "scope": ["vedette"]}
        await self._post("/client/", agent | {"authorization_type": ["client_credentials"]})
        await self._post("/client/", client(f"http://{LOOPBACK}/callback"))

    def _plugin(self, default: str) -> dict[str, object]:
        groups = {"user-parameter": "groups", "token-parameter": "groups", "token-changed": False}
        return {
            "iss": self.issuer, "jwks-private": json.dumps({"keys": keys()}), "default-kid": default,
            "jwks-show": True, "access-token-duration": 600, "refresh-token-duration": 3600,
            "code-duration": 60, "allow-non-oidc": True, "auth-type-code-enabled": True,
            "auth-type-client-enabled": True, "auth-type-refresh-enabled": True, "pkce-allowed": True,
            "pkce-method-plain-allowed": False, "oauth-as-iss-id": True, "resource-allowed": True,
            "resource-scope": {"vedette": [AUDIENCE]}, "additional-parameters": [groups],
        }  # fmt: skip

    async def _post(self, path: str, body: object) -> None:
        answer = await self.admin.post(path, json=body)
        assert answer.status_code == 200, (path, answer.text)

    async def _put(self, path: str, body: object) -> None:
        answer = await self.admin.put(path, json=body)
        assert answer.status_code == 200, (path, answer.text)


def client(redirect: str) -> dict[str, object]:
    """The public client that people sign in with."""
    return {
        "client_id": CLIENT, "confidential": False, "enabled": True, "redirect_uri": [redirect],
        "token_endpoint_auth_method": ["none"], "authorization_type": ["code", "refresh_token"],
    }  # fmt: skip


@cache
def keys() -> list[dict[str, object]]:
    """One of each kind; their ids are their algorithms."""
    elliptic = ECKey.generate_key("P-256", {"kid": "ES256", "alg": "ES256", "use": "sig"})
    rsa = RSAKey.generate_key(2048, {"kid": "RS256", "alg": "RS256", "use": "sig"})
    return [dict(each.as_dict(private=True)) for each in (elliptic, rsa)]


@contextlib.asynccontextmanager
async def glewlwyd(folder: Path, default: str) -> AsyncIterator[Glewlwyd]:
    """A provider that listens, its files in *folder*; skips the test where it is not installed."""
    program = shutil.which("glewlwyd")
    if program is None:
        pytest.skip("no glewlwyd here: Debian's package of an OpenID provider")
    await asyncio.to_thread(folder.mkdir)
    port = free_port()
    await asyncio.to_thread(_prepare, folder, port)
    child = await asyncio.create_subprocess_exec(
        program, "-c", str(folder / "provider.conf"), env=environment(),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://{LOOPBACK}:{port}"
        async with httpx2.AsyncClient(base_url=f"{url}/api", trust_env=False, timeout=60) as admin:
            await _listens(admin, child)
            found = Glewlwyd(url, admin)
            await found.set_up(default)
            yield found
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


def _prepare(folder: Path, port: int) -> None:
    with contextlib.closing(sqlite3.connect(folder / "provider.db")) as database:
        database.executescript(TABLES.read_text())
    text = _CONFIG.format(port=port, host=LOOPBACK, modules=MODULES, folder=folder)
    (folder / "provider.conf").write_text(text)


async def _listens(admin: httpx2.AsyncClient, child: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            assert child.returncode is None, "the provider ended"
            with contextlib.suppress(httpx2.TransportError):
                await admin.get("/")
                return
            await asyncio.sleep(0.02)
