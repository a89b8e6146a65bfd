"""Programs that go to hosts over SSH, as they come: what they are told is where the gateway stands, and no more."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed import processes
from tests.testbed.ssh import HOST, Stand

ROOT = Path(__file__).parents[2]
#: Programs of other people's in an environment of their own: `make agents` prepares it.
TOOLS = ROOT / ".venv-tools" / "bin"
ALIAS = "gateway"


def missing(*programs: str) -> str:
    """Which of *programs* are not on this machine; empty where all are."""
    return ", ".join(each for each in programs if shutil.which(each) is None)


@dataclass(frozen=True, slots=True)
class Bench:
    """
    A user's home below *folder*, with an ssh_config in which ``gateway`` is the gateway.

    Programs find it by their PATH: `ssh`, `scp` and `sftp` there read that file, as the user's own would.
    """

    stand: Stand
    folder: Path

    @property
    def to(self) -> str:
        return f"{HOST}@{ALIAS}"

    def environment(self) -> dict[str, str]:
        names = {
            f"GIT_{who}_{what}": "test@example.com"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        return processes.environment(
            {
                "HOME": str(self.folder), "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", **names,
                "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C.UTF-8",
            }
        )  # fmt: skip

    async def run(
        self, *words: str, folder: Path | None = None, stdin: bytes = b"",
        patience: float = processes.PATIENCE_SECONDS, **more: str,
    ) -> Done:  # fmt: skip
        """*words* to their end, *patience* seconds at most. *more* goes to the environment."""

        def run() -> Done:
            done = subprocess.run(
                words, cwd=folder or self.folder, env=self.environment() | more, capture_output=True,
                input=stdin, check=False, timeout=patience,
            )  # fmt: skip
            return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

        return await asyncio.to_thread(run)

    async def works(self, *words: str, **more: Any) -> str:
        """What it writes, once it has ended well."""
        done = await self.run(*words, **more)
        assert done.status == 0, (words, done)
        return done.out


@dataclass(frozen=True, slots=True)
class Done:
    status: int
    out: str
    err: str


def bench(stand: Stand, folder: Path, key: Path, more: Mapping[str, str] | None = None) -> Bench:
    """A home for whoever holds *key* and its certificate. *more* are further lines for the gateway's host."""
    (folder / "bin").mkdir(parents=True)
    known = folder / "known_hosts"
    known.write_text(f"[{processes.LOOPBACK}]:{stand.port} {stand.host_line}\n")
    lines = {
        "HostName": processes.LOOPBACK, "Port": str(stand.port), "IdentityFile": str(key),
        "CertificateFile": f"{key}-cert.pub", "IdentitiesOnly": "yes", "IdentityAgent": "none", "BatchMode": "yes",
        "UserKnownHostsFile": str(known), "GlobalKnownHostsFile": "none", "LogLevel": "ERROR", **(more or {}),
    }  # fmt: skip
    config = folder / "config"
    config.write_text(f"Host {ALIAS}\n" + "".join(f"    {name} {value}\n" for name, value in lines.items()))
    for program in ("ssh", "scp", "sftp"):
        found = folder / "bin" / program
        real = shutil.which(program)
        found.write_text(f'#!/bin/sh\nexec {real} -F {shlex.quote(str(config))} "$@"\n')
        found.chmod(0o755)
    return Bench(stand, folder)
