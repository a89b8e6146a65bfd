"""npm's oidc-provider (OpenID certified) on loopback: installed once into .cache, a process per test."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import html
import json
import os
import re
import secrets
import shutil
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx2
import pytest

from tests.testbed.certificates import Authority

HERE = Path(__file__).parent / "provider"
CACHE = HERE.parents[2] / ".cache" / "oidc-provider"
PUBLIC = "vedette-cli"
REDIRECT = "http://127.0.0.1:51004/callback"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"

_FORM = re.compile(r"<form[^>]*action=\"([^\"]+)\"[^>]*>(.*?)</form>", re.DOTALL)
_INPUT = re.compile(r"<input[^>]*>")
_ATTRIBUTE = re.compile(r"(name|value)=\"([^\"]*)\"")


@dataclass(frozen=True, slots=True)
class Granted:
    """What the token endpoint gave. None shows itself."""

    access: str = field(repr=False)
    id: str = field(repr=False)
    refresh: str = field(repr=False)


@dataclass
class Provider:
    """A running provider. *ca* is its authority, None where it speaks plain http."""

    issuer: str
    process: asyncio.subprocess.Process
    http: httpx2.AsyncClient
    ca: Path | None = None

    def settings(self, **more: object) -> dict[str, object]:
        """The entry in ``identity.issuers`` that trusts it."""
        trust: dict[str, object] = {"ca": str(self.ca)} if self.ca else {"loopback_http": True}
        agents = {"claim": "gty", "equals": "client-credentials"}
        return {"issuer": self.issuer, "audience": "vedette", "agents": agents} | trust | more

    # --- orders -------------------------------------------------------------------------

    async def order(self, words: str) -> dict[str, object]:
        assert self.process.stdin is not None
        self.process.stdin.write(words.encode() + b"\n")
        return await said(self.process)

    async def rotate(self) -> None:
        """New keys; the old ones are gone."""
        assert "rotated" in await self.order("rotate")

    async def put(self, name: str, *groups: str) -> None:
        """*name* is in *groups*, and in no others."""
        assert (await self.order(f"groups {name} {','.join(groups)}"))["groups"] == list(groups)

    # --- grants -------------------------------------------------------------------------

    async def ask(self, resource: str = "urn:rs") -> str:
        """An agent's token by client credentials (RFC 6749 section 4.4)."""
        form = {"grant_type": "client_credentials", "resource": resource}
        answer = await self.http.post(f"{self.issuer}/token", data=form, auth=("autogen", "only-for-tests"))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def sign_in(self, name: str) -> Granted:
        """A person's tokens by code and PKCE (RFC 7636), following the provider's own pages."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        state = secrets.token_urlsafe(8)
        query = {
            "client_id": PUBLIC, "response_type": "code", "redirect_uri": REDIRECT, "state": state,
            "scope": "openid email groups offline_access", "prompt": "consent", "resource": "urn:rs",
            "code_challenge": challenge, "code_challenge_method": "S256", "nonce": "n",
        }  # fmt: skip
        back = await self.browse(f"{self.issuer}/auth?{urlencode(query)}", name)
        told = parse_qs(urlsplit(back).query)
        assert told["state"] == [state], back
        assert told["iss"] == [self.issuer], back
        form = {"grant_type": "authorization_code", "code": told["code"][0], "redirect_uri": REDIRECT}
        return granted(await self.token(form | {"code_verifier": verifier}))

    async def refresh(self, token: str) -> Granted:
        return granted(await self.token({"grant_type": "refresh_token", "refresh_token": token}))

    async def device(self) -> dict[str, str]:
        """What a device shows its person (RFC 8628 section 3.2)."""
        form = {"client_id": PUBLIC, "scope": "openid email groups offline_access", "resource": "urn:rs"}
        answer = await self.http.post(f"{self.issuer}/device/auth", data=form)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def poll(self, code: str) -> httpx2.Response:
        return await self.token({"grant_type": DEVICE, "device_code": code})

    async def token(self, form: Mapping[str, str]) -> httpx2.Response:
        return await self.http.post(f"{self.issuer}/token", data={"client_id": PUBLIC, **form})

    async def browse(self, url: str, name: str) -> str:
        """Fill in every form as *name* would, until the provider sends us elsewhere or has no more."""
        async with httpx2.AsyncClient(verify=_verify(self.ca), trust_env=False, timeout=60) as browser:
            answer = await browser.get(url)
            for _ in range(20):
                if answer.is_redirect:
                    url = urljoin(url, answer.headers["location"])
                    if not url.startswith(self.issuer):
                        return url
                    answer = await browser.get(url)
                    continue
                assert answer.status_code == 200, answer.text
                found = _FORM.search(answer.text)
                if found is None:
                    return url
                form = _fields(found[2]) | {"login": name, "password": "any"}
                url = urljoin(url, html.unescape(found[1]))
                answer = await browser.post(url, data=form)
        raise AssertionError("the provider's pages do not end")


def granted(answer: httpx2.Response) -> Granted:
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return Granted(found["access_token"], found.get("id_token", ""), found.get("refresh_token", ""))


def _fields(form: str) -> dict[str, str]:
    """The inputs of a form that have a value already."""
    found = [dict(_ATTRIBUTE.findall(each)) for each in _INPUT.findall(form)]
    return {
        each["name"]: html.unescape(each["value"]) for each in found if "name" in each and "value" in each
    }


def _verify(ca: Path | None) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=str(ca)) if ca else True


async def said(process: asyncio.subprocess.Process) -> dict[str, object]:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        # In between, the provider gives advice in prose.
        while not (line := await process.stdout.readline()).startswith(b"{"):
            assert line, "the provider ended"
    found: dict[str, object] = json.loads(line)
    return found


async def installed() -> Path:
    """
    The folder with the provider and what it needs, exactly as locked; installs on the first call.

    Skips the test where there is no Node.js. Runs no script of any package.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no Node.js here: oidc-provider needs node and npm")
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE.parent / ".gitignore").write_text("*\n")
    lock = (HERE / "package-lock.json").read_bytes()
    stamp = CACHE / "installed.json"
    shutil.copyfile(HERE / "provider.mjs", CACHE / "provider.mjs")
    if not stamp.exists() or stamp.read_bytes() != lock:
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(HERE / name, CACHE / name)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=CACHE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode(errors="replace")
        stamp.write_bytes(lock)
    return CACHE


@contextlib.asynccontextmanager
async def providing(authority: Authority | None = None) -> AsyncIterator[Provider]:
    """A provider that listens; over https where *authority* is given."""
    folder = await installed()
    secure: dict[str, str] = {}
    if authority is not None:
        server = authority.server
        secure = {"PROVIDER_CERT": str(server.certificate), "PROVIDER_KEY": str(server.key)}
    process = await asyncio.create_subprocess_exec(
        "node", "provider.mjs", cwd=folder, env={**os.environ, **secure},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    ca = authority.root.certificate if authority is not None else None
    try:
        issuer = str((await said(process))["issuer"])
        async with httpx2.AsyncClient(verify=_verify(ca), trust_env=False, timeout=60) as http:
            yield Provider(issuer, process, http, ca)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        if process.returncode is None:
            process.terminate()
        await process.communicate()
