"""The tap sees what passes, and misbehaves only on request."""

from __future__ import annotations

from collections.abc import Callable

import asyncpg
import psycopg
import pytest

from tests.testbed.postgres import Postgres
from tests.testbed.tap import Tap, Wire, tapping

pytestmark = pytest.mark.live
Tapping = Callable[[str, int], Tap]


def _through(server: Postgres, tap: Tap, role: str = "by_scram") -> str:
    return server.dsn(role=role).replace(str(server.port), str(tap.port))


def test_both_directions_are_recorded(pg16: Postgres, tap: Tapping) -> None:
    wire = tap(pg16.host, pg16.port)
    with psycopg.connect(_through(pg16, wire)) as connection:
        assert connection.execute("SELECT 'needle-up', 40 + 2").fetchone() == ("needle-up", 42)
    wire.until(lambda tap: tap.wires[0].closed)
    assert b"needle-up" in wire.up
    assert b"needle-up" in wire.down
    assert wire.up.endswith(b"X\0\0\0\4")


def test_what_before_up_raises_fails_the_test(pg16: Postgres) -> None:
    def look(wire: Wire, data: bytes) -> None:
        assert b"forbidden" not in data

    with pytest.raises(AssertionError, match="before_up"), tapping(pg16.host, pg16.port) as wire:
        wire.before_up = look
        connection = psycopg.connect(_through(pg16, wire))
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 'forbidden'")
        connection.close()


async def test_a_stalled_wire_flows_again(pg16: Postgres, tap: Tapping) -> None:
    import asyncio

    wire = tap(pg16.host, pg16.port)
    connection = await asyncpg.connect(_through(pg16, wire))
    wire.stall("up")
    asked = asyncio.create_task(connection.fetchval("SELECT 'late'"))
    await asyncio.sleep(0)
    assert b"late" not in wire.up
    wire.flow()
    assert await asked == "late"
    await connection.close()


async def test_a_cut_ends_both_sides(pg16: Postgres, tap: Tapping) -> None:
    wire = tap(pg16.host, pg16.port)
    connection = await asyncpg.connect(_through(pg16, wire))
    wire.cut()
    with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
        await connection.fetchval("SELECT 1")
    await wire.reached(lambda tap: tap.wires[0].closed)
    connection.terminate()


def test_garbage_instead_of_a_server(pg16: Postgres, tap: Tapping) -> None:
    wire = tap(pg16.host, pg16.port)
    wire.answer(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(_through(pg16, wire))
