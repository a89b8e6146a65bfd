"""The client library before the real gateway and PostgreSQL, with psql and drivers that know nothing of it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from tests.live.gateways import Live, living
from tests.testbed.gateway import RESOURCE
from vedette.client import Client
from vedette.client.credential import Fixed
from vedette.client.held import Address
from vedette.client.porter import Porter
from vedette.client.postgres import Door

pytestmark = pytest.mark.live


class Counting:
    """Tokens of the live gateway, each of them new."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.given: list[str] = []
        self.expires: float | None = None

    def token(self) -> str:
        self.given.append(self._live.token())
        return self.given[-1]


def client(live: Live, folder: Path, *, tls: bool = True) -> tuple[Client, Counting]:
    tokens = Counting(live)
    ca = str(live.folder / "vedette-data" / "tls" / "ca.pem") if tls else None
    there = Address("localhost", live.port)
    url = f"http://127.0.0.1:{live.app.ports['web']}"
    return Client(url, tokens, ca=ca, postgres=there, base=folder / "runs"), tokens


def shown(pid: int) -> bytes:
    """What others may get to see of a process."""
    return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline"))


async def said(child: asyncio.subprocess.Process) -> str:
    out, err = await child.communicate()
    assert child.returncode == 0, err.decode()
    return out.decode()


@pytest.mark.parametrize("tls", [True, False])
async def test_drivers_come_in_by_the_dsn(pg16, database, tmp_path, tls):
    async with living(pg16, database, tmp_path) as live:
        there, _ = client(live, tmp_path, tls=tls)
        dsn = await asyncio.to_thread(there.dsn, RESOURCE)
        assert ("verify-full" in dsn) == tls
        mine = await asyncpg.connect(dsn)
        assert await mine.fetchval("SELECT 1") == 1
        await mine.close()
        other = await psycopg.AsyncConnection.connect(dsn)
        assert await (await other.execute("SELECT 2")).fetchone() == (2,)
        await other.close()
        assert {event.get("tls") for event in live.journal("session.opened")} == {"tls" if tls else None}


SCRIPT = """
import asyncio, asyncpg, os, psycopg
async def main():
    mine = await asyncpg.connect()
    assert await mine.fetchval("SELECT 40 + 2") == 42
    await mine.close()
    mine = await asyncpg.connect(os.environ["DATABASE_URL"])
    print(await mine.fetchval("SHOW application_name"))
    await mine.close()
asyncio.run(main())
with psycopg.connect() as there:
    print(there.execute("SHOW application_name").fetchone()[0])
with psycopg.connect(os.environ["DATABASE_URL"]) as there:
    print(there.execute("SELECT 'in'").fetchone()[0])
"""


async def test_an_unmodified_script_runs_in_a_run(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        there, _ = client(live, tmp_path)
        with there.run("autogen", RESOURCE) as run:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", SCRIPT, env=run.environment(), stdout=-1, stderr=-1
            )
            lines = (await said(child)).split()
        assert lines == [f"autogen/{run.id}", f"autogen/{run.id}", "in"]
        opened = live.journal("session.opened")
        assert [event.get("application") for event in opened][1:] == [f"autogen/{run.id}"] * 3
        assert {event["tls"] for event in opened} == {"tls"}


async def test_psql_runs_in_a_run_and_a_renewed_token_reaches_it(pg16, pg15_tls, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        there, tokens = client(live, tmp_path)
        with there.run("autogen", RESOURCE) as run:
            words = [str(pg15_tls.bin / "psql"), "-XAtqw", "-c", "SELECT 'in'"]
            for _ in range(2):
                child = await asyncio.create_subprocess_exec(
                    *words, env=run.environment(), stdout=-1, stderr=-1
                )
                assert await said(child) == "in\n"
                # A file that was changed in between is what the next connection reads.
                run._write(tokens.token())
            assert tokens.given[-1] in run.passwords.read_text()
            opened = live.journal("session.opened")
            assert len({event["who"]["credential"] for event in opened}) == 2


async def test_a_run_shows_its_token_to_nobody(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        there, tokens = client(live, tmp_path)
        with there.run("autogen", RESOURCE) as run:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()",
                env=run.environment({**os.environ, "VEDETTE_TOKEN": "parents", "PGPASSWORD": "parents"}),
                stdin=-1, stdout=-1,
            )  # fmt: skip
            assert child.stdout is not None
            await child.stdout.readline()
            seen = shown(child.pid)
            for secret in [*tokens.given, "parents"]:
                assert secret.encode() not in seen
            assert (run.folder.stat().st_mode & 0o777, run.passwords.stat().st_mode & 0o777) == (0o700, 0o600)
            assert tokens.given[0] in run.passwords.read_text()
            await child.communicate(b"")
        assert not run.folder.exists()


class Ways:
    """A porter before the live gateway."""

    def __init__(self, live: Live, tokens: Any, *, tls: bool = True) -> None:
        ca = str(live.folder / "vedette-data" / "tls" / "ca.pem")
        where = Address("localhost", live.port)
        door = Door(where, "agent", "verify-full", ca) if tls else Door(where, "agent", "disable")
        self.porter = Porter(door, RESOURCE, tokens.token)


@pytest.mark.parametrize("tls", [True, False])
async def test_a_port_adds_the_token_for_every_connection(pg16, database, tmp_path, tls):
    async with living(pg16, database, tmp_path) as live:
        tokens = Counting(live)
        with Ways(live, tokens, tls=tls).porter as porter:
            dsn = porter.door.dsn(RESOURCE, porter.password)
            mine = await asyncpg.connect(dsn)
            assert await mine.fetchval("SELECT 1") == 1
            async with await psycopg.AsyncConnection.connect(dsn) as other:
                await other.execute("CREATE TABLE t (a text)")
                async with other.cursor() as cursor, cursor.copy("COPY t FROM STDIN") as copy:
                    for _ in range(200):
                        await copy.write(b"x" * 10_000 + b"\n")
                assert await (await other.execute("SELECT sum(length(a)) FROM t")).fetchone() == (2_000_000,)
            await mine.close()
            assert len(tokens.given) == 2
            with pytest.raises(asyncpg.InvalidPasswordError, match="this port was opened with"):
                await asyncpg.connect(dsn, password="guessed")
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(dsn, password=tokens.given[0])
            with pytest.raises(asyncpg.InvalidCatalogNameError, match="appdb only"):
                await asyncpg.connect(dsn, database="another")
            assert len(tokens.given) == 2
        with pytest.raises(OSError):
            await asyncpg.connect(dsn)


def until_it_sleeps(live: Live) -> None:
    active = "SELECT query FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
    while "pg_sleep(300)" not in live.direct(active):
        pass


async def test_a_cancel_goes_through_the_port(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        with Ways(live, Counting(live)).porter as porter:
            mine = await asyncpg.connect(porter.door.dsn(RESOURCE, porter.password))
            waiting = asyncio.create_task(mine.fetchval("SELECT pg_sleep(300)"))
            await asyncio.to_thread(until_it_sleeps, live)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert await mine.fetchval("SELECT 1") == 1
            await mine.close()


async def test_what_the_gateway_says_reaches_the_caller(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        bad = Ways(live, Fixed("e30.e30.c2lnbmF0dXJl")).porter
        with bad as porter, pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="vedette:"):
            await asyncpg.connect(porter.door.dsn(RESOURCE, porter.password))
        door = Door(Address("localhost", live.port), "agent", "verify-full", None)
        untrusted = Porter(door, RESOURCE, live.token)
        with untrusted as porter, pytest.raises(asyncpg.PostgresError, match="not to be trusted"):
            await asyncpg.connect(porter.door.dsn(RESOURCE, porter.password))
