"""The real kubectl, with a configuration and a home of its own."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.testbed.processes import PATIENCE_SECONDS

KUBECTL = shutil.which("kubectl")
#: From this one on WebSockets are tried first, and what is applied is checked by the server.
OLDEST = 30


@functools.cache
def usable() -> str:
    """Why there is no kubectl to test with; empty where there is."""
    if KUBECTL is None:
        return "kubectl is not installed"
    words = [KUBECTL, "version", "--client", "-o", "json"]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS).stdout
    minor = int("".join(filter(str.isdigit, json.loads(said)["clientVersion"]["minor"])))
    return "" if minor >= OLDEST else f"kubectl 1.{minor} is older than 1.{OLDEST}"


async def end(child: asyncio.subprocess.Process) -> None:
    """Kill it, and whatever it has started: some a kubectl is a program that starts the real one."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()


@dataclass(frozen=True, slots=True)
class Done:
    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Kubectl:
    """*folder* is its home; the configuration stands in it."""

    folder: Path

    @classmethod
    def to(cls, folder: Path, server: str, ca: Path, user: dict[str, Any]) -> Kubectl:
        """With one cluster at *server*, as *user* (``{"token": ...}``)."""
        folder.mkdir(exist_ok=True)
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": str(ca)}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        }  # fmt: skip
        (folder / "config").write_text(json.dumps(config))
        return cls(folder)

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        return kept | {"HOME": str(self.folder), "KUBECONFIG": str(self.folder / "config"), "LANG": "C.UTF-8"}

    async def start(self, *words: str, **more: Any) -> asyncio.subprocess.Process:
        if why := usable():
            pytest.skip(why)
        assert KUBECTL is not None
        pipe = asyncio.subprocess.PIPE
        streams = {"stdin": asyncio.subprocess.DEVNULL, "stdout": pipe, "stderr": pipe} | more
        return await asyncio.create_subprocess_exec(
            KUBECTL, *words, env=self.environment(), cwd=self.folder, **{"start_new_session": True} | streams
        )

    async def __call__(self, *words: str, given: bytes | None = None) -> Done:
        """Run it to its end, with *given* on its standard input."""
        more = {"stdin": asyncio.subprocess.PIPE} if given is not None else {}
        child = await self.start(*words, **more)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                out, err = await child.communicate(given)
        finally:
            await end(child)
        assert child.returncode is not None
        return Done(child.returncode, out.decode(), err.decode())
