"""The gateway in the test's own loop, before a fresh database: what most live tests need."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed.gateway import RESOURCE, Upstream, hosted, write
from tests.testbed.postgres import Postgres
from vedette.app import App
from vedette.journal.read import read
from vedette.model import Kind

ALL = ["read", "write", "delete", "destroy", "create", "alter", "grant", "execute", "export", "configure"]


def policy(*rules: Mapping[str, Any], **rest: Any) -> dict[str, Any]:
    return {"name": "test", "who": {}, "where": {}, "rules": list(rules)} | rest


@dataclass(frozen=True, slots=True)
class Live:
    """A running gateway and the server behind it."""

    app: App
    server: Postgres
    database: str
    folder: Path

    @property
    def port(self) -> int:
        return self.app.ports["postgres"]

    def token(
        self, subject: str = "agent-1", *, kind: Kind = Kind.AGENT, groups: Sequence[str] = ("ai-agents",)
    ) -> str:
        return self.app.tokens.issue(subject, kind, groups, 600, now=time.time()).text

    def dsn(self, token: str | None = None, **options: str) -> str:
        query = "&".join(f"{k}={v}" for k, v in ({"sslmode": "disable"} | options).items())
        return f"postgresql://agent:{token or self.token()}@127.0.0.1:{self.port}/{RESOURCE}?{query}"

    def keywords(self, token: str | None = None) -> dict[str, Any]:
        """For asyncpg."""
        return {
            "host": "127.0.0.1", "port": self.port, "user": "agent", "database": RESOURCE,
            "password": token or self.token(), "ssl": False,
        }  # fmt: skip

    def direct(self, text: str) -> str:
        """What the server itself says, past the gateway, as its superuser."""
        return self.server.run(text, self.database)

    def journal(self, kind: str | None = None) -> list[dict[str, Any]]:
        self.app.journal.flush()
        return [e.body | {"kind": e.kind} for e in read(self.app.journal.folder) if kind in (None, e.kind)]

    async def run(
        self, *words: str, text: str = "", env: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        """A program of the server's version: exit status, output, errors."""
        child = await asyncio.create_subprocess_exec(
            str(self.server.bin / words[0]), *words[1:],
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"} | dict(env or {}),
        )  # fmt: skip
        async with asyncio.timeout(60):
            out, err = await child.communicate(text.encode())
        return child.returncode or 0, out.decode(), err.decode()


@contextlib.asynccontextmanager
async def living(
    server: Postgres,
    database: str,
    folder: Path,
    *rules: Mapping[str, Any],
    role: str = "chief",
    port: int | None = None,
    policies: Sequence[Mapping[str, Any]] | None = None,
    upstream: Mapping[str, Any] | None = None,
    **sections: Mapping[str, Any],
) -> AsyncIterator[Live]:
    """A gateway whose policy has *rules*, or that permits all that could be read; *upstream* as in `Upstream`."""
    there = Upstream(server, database, role, port=port, **(upstream or {}))
    chosen = policies or [policy(*(rules or ({"allow": {"effects": ALL}},)))]
    async with hosted(write(folder, [there], chosen, **sections)) as app:
        yield Live(app, server, database, folder)
