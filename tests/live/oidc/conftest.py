"""The provider of provider.mjs, installed once into .cache and started for each test."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache" / "oidc-provider"


@dataclass
class Provider:
    """A running provider. *ask* gets a token for one of its resources."""

    issuer: str
    process: asyncio.subprocess.Process
    http: httpx2.AsyncClient

    async def ask(self, resource: str) -> str:
        form = {"grant_type": "client_credentials", "resource": resource}
        answer = await self.http.post(f"{self.issuer}/token", data=form, auth=("autogen", "only-for-tests"))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def rotate(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"rotate\n")
        assert "rotated" in await said(self.process)


async def said(process: asyncio.subprocess.Process) -> dict[str, object]:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        # In between, the provider gives advice in prose.
        while not (line := await process.stdout.readline()).startswith(b"{"):
            assert line, "the provider ended"
    found: dict[str, object] = json.loads(line)
    return found


async def installed() -> Path:
    """The folder with the provider and what it needs; installs on the first call."""
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE.parent / ".gitignore").write_text("*\n")
    for name in ("package.json", "provider.mjs"):
        shutil.copyfile(HERE / name, CACHE / name)
    if not (CACHE / "node_modules" / "oidc-provider").exists():
        command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=CACHE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode(errors="replace")
    return CACHE


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no Node.js here: oidc-provider needs node and npm")
    folder = await installed()
    process = await asyncio.create_subprocess_exec(
        "node",
        "provider.mjs",
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        issuer = str((await said(process))["issuer"])
        async with httpx2.AsyncClient(trust_env=False) as http:
            yield Provider(issuer, process, http)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        if process.returncode is None:
            process.terminate()
        await process.communicate()
