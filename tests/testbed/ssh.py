"""A gateway before a real sshd, and callers that come to it with OpenSSH's own client."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed import processes, sshd
from tests.testbed.gateway import hosted, write
from tests.testbed.processes import LOOPBACK
from vedette.app import App
from vedette.journal.read import read
from vedette.model import Kind

HOST = "bastion"
#: Lets everything through, also what could not be read: what is tested is the way, not the rules.
EVERYTHING: Mapping[str, Any] = {
    "name": "open",
    "who": {},
    "where": {},
    "rules": [
        {
            "allow": {
                "effects": [
                    *("read", "write", "delete", "destroy", "create", "alter"),
                    *("grant", "execute", "export", "configure", "unknown"),
                ]
            }
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Host:
    """An SSH resource as the configuration file describes it."""

    server: sshd.Sshd
    name: str = HOST
    host_key: str = ""
    user: str = ""
    port: int = 0
    labels: Mapping[str, str] | None = None
    #: In place of the key that opens the server.
    login: Mapping[str, Any] | None = None

    def section(self, folder: Path) -> dict[str, Any]:
        upstream = {
            "host": LOOPBACK,
            "port": self.port or self.server.port,
            "host_key": self.host_key or self.server.host_line,
        }
        way = self.login if self.login is not None else {"key": {"file": str(self.server.key)}}
        login = {"user": self.user or self.server.user, **way}
        return {"protocol": "ssh", "upstream": upstream, "login": login, "labels": dict(self.labels or {})}


@dataclass(frozen=True, slots=True)
class Stand:
    """A gateway that listens for SSH. *folder* is for what clients write."""

    app: App
    folder: Path

    @property
    def port(self) -> int:
        return self.app.ports["ssh"]

    @property
    def host_line(self) -> str:
        assert self.app.ssh is not None
        return self.app.ssh.host_line

    def token(self, subject: str = "agent-1", groups: Sequence[str] = ("ai-agents",)) -> str:
        return self.app.tokens.issue(subject, Kind.AGENT, groups, 600.0, now=time.time()).text

    def certified(self, subject: str = "agent-1", groups: Sequence[str] = ("ai-agents",)) -> Path:
        """A private key whose certificate stands beside it."""
        key = sshd.keygen(self.folder / f"key-{time.monotonic_ns()}")
        principal = self.app.tokens.verify(self.token(subject, groups), time.time())
        text = key.with_suffix(".pub").read_text()
        made = self.app.ssh_authority.issue(principal, text, now=time.time())
        key.with_name(key.name + "-cert.pub").write_text(made.text + "\n")
        return key

    def words(self, *words: str, key: Path, user: str = HOST, **more: Any) -> list[str]:
        """The words of an OpenSSH client that logs in with the certificate beside *key*."""
        return sshd.client(
            self.port, user, *words, identity=key, certificate=key.with_name(key.name + "-cert.pub"),
            known=self.host_line, folder=self.folder, **more,
        )  # fmt: skip

    async def ssh(
        self, *words: str, key: Path, stdin: bytes | None = None, **more: Any
    ) -> subprocess.CompletedProcess[bytes]:
        """Run OpenSSH's client to its end, while this loop serves it."""
        return await asyncio.to_thread(sshd.run, self.words(*words, key=key, **more), stdin=stdin)

    def journal(self, kind: str | None = None) -> list[dict[str, Any]]:
        self.app.journal.flush()
        return [e.body | {"kind": e.kind} for e in read(self.app.journal.folder) if kind in (None, e.kind)]

    async def recorded(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """The records of that kind, once there are *count*."""
        deadline = time.monotonic() + processes.PATIENCE_SECONDS
        while len(found := self.journal(kind)) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{count} times {kind}")
            await asyncio.sleep(0.005)
        return found


def configuration(
    folder: Path, hosts: Sequence[Any], policies: Sequence[Mapping[str, Any]] = (EVERYTHING,), **more: Any
) -> Path:
    """A vedette.yaml with an SSH listener."""
    gateway = {"listen": {"ssh": f"{LOOPBACK}:0"}} | more.pop("gateway", {})
    return write(folder, hosts, policies, gateway=gateway, **more)


@contextlib.asynccontextmanager
async def standing(
    folder: Path, hosts: Sequence[Any], policies: Sequence[Mapping[str, Any]] = (EVERYTHING,), **more: Any
) -> AsyncIterator[Stand]:
    async with hosted(configuration(folder, hosts, policies, **more)) as app:
        yield Stand(app, folder)
