"""The gateway as the test bed starts it: both ways, with an unmodified driver and a token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import asyncpg
import psycopg
import pytest

from tests.testbed import gateway as gateways
from tests.testbed.fixtures import Starter
from tests.testbed.gateway import Upstream
from tests.testbed.postgres import Postgres
from tests.testbed.tap import Tap

pytestmark = pytest.mark.live


def test_a_process_serves_stops_and_leaves_nothing_out(
    pg16: Postgres, database: str, gateway: Starter, tap: Callable[[str, int], Tap]
) -> None:
    wire = tap(pg16.host, pg16.port)
    running = gateway(Upstream(pg16, database, port=wire.port))
    with psycopg.connect(running.dsn(running.token()), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM customers").fetchone() == (5,)
    assert b"SELECT count(*) FROM customers" in wire.up
    assert running.stop() == 0
    assert running.command("verify", check=False).returncode == 0


def test_a_key_logs_in_by_scram(pg16: Postgres, database: str, gateway: Starter) -> None:
    running = gateway(Upstream(pg16, database))
    key = running.key("reporting")
    with psycopg.connect(running.dsn(key, user="reporting", require_auth="scram-sha-256")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_after_kill_9_it_starts_again_on_the_same_folder(
    pg16: Postgres, database: str, tmp_path: Path
) -> None:
    file = gateways.write(tmp_path, [Upstream(pg16, database)])
    with gateways.serving(file) as first:
        token = first.token()
        with psycopg.connect(first.dsn(token), autocommit=True) as connection:
            connection.execute("SELECT 'before'")
            first.kill()
    with gateways.serving(file) as second:
        with psycopg.connect(second.dsn(token)) as connection:
            assert connection.execute("SELECT 'after'").fetchone() == ("after",)
        assert second.stop() == 0
        assert second.command("verify", check=False).returncode == 0


async def test_the_same_gateway_inside_this_loop(pg16: Postgres, database: str, tmp_path: Path) -> None:
    file = gateways.write(tmp_path, [Upstream(pg16, database)])
    async with gateways.hosted(file) as app:
        connection = await asyncpg.connect(gateways.address(app, gateways.token(app)))
        assert await connection.fetchval("SELECT $1::int + 1", 41) == 42
        await connection.close()


@pytest.mark.parametrize("role", ["by_tls", "by_cert"])
def test_tls_on_both_sides(pg15_tls: Postgres, gateway: Starter, role: str) -> None:
    name = pg15_tls.fresh()
    running = gateway(Upstream(pg15_tls, name, role, tls="verify-full"))
    with psycopg.connect(running.dsn(running.token(), sslmode="require")) as connection:
        assert connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone() == (
            True,
        )
        assert connection.pgconn.ssl_in_use
