"""Databases that are made anew whenever something has changed them, each behind a gateway's resource."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.refusals.plain import Lost, Plain
from tests.testbed.gateway import Upstream, hosted, token, write
from tests.testbed.postgres import TEMPLATE, Postgres
from vedette.app import App

HERE = Path(__file__).parent
# As docs/policy.md recommends it for agents that may change rows.
CAREFUL: Mapping[str, Any] = {
    "name": "careful",
    "who": {},
    "where": {},
    "rules": [
        {"allow": {"effects": ["read", "write", "delete"]}},
        {"deny": {"pack": "destructive-sql"}},
        {"deny": {"pack": "privilege-sql"}},
        {"deny": {"pack": "filesystem-sql"}},
        {"deny": {"when": "action.sql.unscoped"}, "message": "add a WHERE clause"},
    ],
}
HANDS = 4


def rows(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load((HERE / name).read_text())
    return loaded


def texts(row: Mapping[str, Any]) -> list[str]:
    sql = row["sql"]
    return [sql] if isinstance(sql, str) else list(sql)


@dataclass(slots=True)
class Bench:
    """One database that is made anew whenever a row has changed it, and the resource that leads there."""

    name: str
    server: Postgres
    app: App
    secret: str
    stale: bool = True
    has: str | None = None

    async def ready(self, setup: str | None = None, plant: str = "") -> None:
        """The database as it was made, with *plant* and *setup* run in it."""
        if self.stale:
            async with await self.operator() as operator:
                for text in (
                    f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)',
                    f'CREATE DATABASE "{self.name}" TEMPLATE {TEMPLATE}',
                ):
                    assert not (await operator.query(text)).errors
        if setup != self.has or (self.stale and (setup or plant)):
            assert self.stale or self.has is None, "what another row has set up is still there"
            async with await self.direct() as operator:
                for text in (plant if self.stale else "", setup or ""):
                    answer = await operator.query(text)
                    assert not answer.errors, answer.errors
        if self.stale or setup != self.has:
            self.app.engine.backends[self.name].keeper.invalidate()
        self.stale = False
        self.has = setup

    async def operator(self) -> Plain:
        """Past the gateway, beside the database."""
        return await Plain.connect(self.server.port, "postgres", "postgres")

    async def direct(self) -> Plain:
        """Past the gateway, in the database."""
        return await Plain.connect(self.server.port, self.name, "postgres")

    async def through(self) -> Plain:
        return await Plain.connect(self.app.ports["postgres"], self.name, "agent", self.secret)


@contextlib.asynccontextmanager
async def benches(
    server: Postgres, folder: Path, policy: Mapping[str, Any] = CAREFUL, count: int = HANDS
) -> AsyncIterator[list[Bench]]:
    names = [f"bench{number}" for number in range(count)]
    upstreams = [Upstream(server, name, "chief", name=name) for name in names]
    async with hosted(write(folder, upstreams, [policy])) as app:
        secret = token(app)
        yield [Bench(name, server, app, secret) for name in names]


async def shared_out(work: list[Any], hands: list[Bench], do: Any) -> dict[str, str]:
    """*do*(bench, row) for each row, on as many benches as there are; what went wrong, by row."""
    wrong: dict[str, str] = {}
    left = iter(work)

    async def hand(bench: Bench) -> None:
        for row in left:
            try:
                await do(bench, row)
            except (AssertionError, Lost, TimeoutError, OSError) as problem:
                wrong[row["id"]] = f"{type(problem).__name__}: {problem}"
                bench.stale = True

    await asyncio.gather(*(hand(bench) for bench in hands))
    return wrong
