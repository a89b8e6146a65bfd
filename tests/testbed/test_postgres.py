"""The test bed keeps its own promises, so that other tests may lean on it."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from tests.testbed import postgres, processes
from tests.testbed.postgres import Postgres

pytestmark = pytest.mark.live


def test_the_wheel_holds_both_versions() -> None:
    assert postgres.wheel(16) is not None
    assert postgres.wheel(18) is not None


@pytest.mark.parametrize("fixture", ["pg16", "pg18", "pg15_tls"])
@pytest.mark.parametrize("role", ["postgres", "by_trust", "by_password", "by_md5", "by_scram", "chief"])
def test_every_role_logs_in_by_its_method(request: pytest.FixtureRequest, fixture: str, role: str) -> None:
    server: Postgres = request.getfixturevalue(fixture)
    assert server.run("SELECT current_user, count(*) FROM pg_class WHERE false", role=role) == f"{role}|0"


@pytest.mark.parametrize("role", ["by_password", "by_md5", "by_scram"])
def test_a_wrong_password_is_refused(pg16: Postgres, role: str) -> None:
    wrong = pg16.dsn(role=role).replace(pg16.roles[role].password, "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


async def test_a_fresh_database_is_a_world_of_its_own(pg16: Postgres) -> None:
    first, second = pg16.fresh(), pg16.fresh()
    connection = await asyncpg.connect(pg16.dsn(first, "by_scram"))
    try:
        await connection.execute("DELETE FROM orders")
        assert await connection.fetchval("SELECT count(*) FROM audit.log") == 2
    finally:
        await connection.close()
    assert pg16.run("SELECT count(*) FROM orders", first) == "0"
    assert pg16.run("SELECT count(*) FROM orders", second) == "6"
    pg16.drop(first)
    pg16.drop(second)


@pytest.mark.parametrize(
    "options", ["sslmode=require channel_binding=require", "sslmode=verify-full", "sslmode=disable"]
)
def test_tls_in_its_variants(pg15_tls: Postgres, options: str) -> None:
    assert pg15_tls.tls is not None
    words: dict[str, Any] = dict(word.split("=") for word in options.split())
    with psycopg.connect(
        pg15_tls.dsn(role="by_scram").replace(pg15_tls.host, "localhost"),
        sslrootcert=str(pg15_tls.tls.root.certificate),
        **words,
    ) as connection:
        row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert row == (words["sslmode"] != "disable",)


def test_a_client_certificate_is_a_login_and_a_strangers_is_not(pg15_tls: Postgres) -> None:
    assert pg15_tls.tls is not None
    root = str(pg15_tls.tls.root.certificate)

    def login(pair: tuple[Path, Path]) -> object:
        with psycopg.connect(
            pg15_tls.dsn(role="by_cert"),
            sslmode="require",
            sslrootcert=root,
            sslcert=str(pair[0]),
            sslkey=str(pair[1]),
        ) as connection:
            return connection.execute("SELECT current_user").fetchone()

    own, stranger = pg15_tls.tls.client, pg15_tls.tls.stranger
    assert login((own.certificate, own.key)) == ("by_cert",)
    with pytest.raises(psycopg.OperationalError):
        login((stranger.certificate, stranger.key))


def test_the_server_ends_with_whoever_started_it() -> None:
    """kill -9 of the test run must leave nothing behind."""
    script = (
        "import sys, time\n"
        "from tests.testbed import postgres\n"
        "with postgres.serve(postgres.wheel(16), 'orphan') as server:\n"
        "    print(server.pid, server.folder.parent, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=processes.environment({"PYTHONPATH": os.pathsep.join(sys.path)}),
    ) as parent:
        assert parent.stdout is not None
        number, folder = parent.stdout.readline().decode().split(maxsplit=1)
        parent.kill()
        parent.wait()
    _gone(int(number))
    assert processes.folder() != Path(folder.strip())
    processes._sweep(Path(folder.strip()))
    assert not Path(folder.strip()).exists()


def _gone(number: int) -> None:
    """Returns once the process has ended (it is not our child, so the kernel is asked by a pidfd)."""
    try:
        handle = os.pidfd_open(number)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([handle], [], [], processes.PATIENCE_SECONDS)
        if not ready:
            os.kill(number, signal.SIGKILL)
        assert ready, "PostgreSQL outlived the process that started it"
    finally:
        os.close(handle)


async def test_ten_sessions_at_once(pg18: Postgres) -> None:
    connections = await asyncio.gather(*(asyncpg.connect(pg18.dsn(role="by_scram")) for _ in range(10)))
    try:
        answers = [await connection.fetchval("SELECT 1") for connection in connections]
    finally:
        await asyncio.gather(*(connection.close() for connection in connections))
    assert answers == [1] * 10
