"""Callers at the whole gateway's door: its own authority, API keys bound to the channel, OAUTHBEARER."""

from __future__ import annotations

import asyncio
import ssl
import struct

import psycopg
import pytest

from tests.live.gateways import Live, living
from tests.refusals.plain import fields, message
from tests.testbed.gateway import RESOURCE
from vedette.identity.keys import create
from vedette.model import Kind

pytestmark = pytest.mark.live


def _authority(live: Live) -> str:
    found = sorted((live.folder / "vedette-data").rglob("ca.*rt*")) or sorted(
        (live.folder / "vedette-data").rglob("*ca*.pem")
    )
    assert found, [str(path) for path in (live.folder / "vedette-data").rglob("*")]
    return str(found[0])


async def _key(live: Live) -> tuple[str, str]:
    secret, record = create("robot", "robot", Kind.AGENT, ("ai-agents",), None, now=1.0)
    await live.app.store.keys.add(record)
    return record.prefix, secret.reveal()


@pytest.mark.parametrize("negotiation", ["postgres", "direct"])
async def test_verify_full_with_the_authority_from_the_data_folder(pg16, database, tmp_path, negotiation):
    async with living(pg16, database, tmp_path) as live:
        there = await psycopg.AsyncConnection.connect(
            host="localhost", port=live.port, user="agent", password=live.token(), dbname=RESOURCE,
            sslmode="verify-full", sslrootcert=_authority(live), sslnegotiation=negotiation,
        )  # fmt: skip
        assert await (await there.execute("SELECT 1")).fetchone() == (1,)
        await there.close()


async def test_psql_of_the_distribution_with_a_key_bound_to_the_channel(pg15_tls, pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        user, secret = await _key(live)
        where = f"host=localhost port={live.port} dbname={RESOURCE} user={user} sslmode=verify-full"
        where += f" sslrootcert={_authority(live)} channel_binding=require"
        for password, expected in ((secret, 0), ("wrong", 2)):
            child = await asyncio.create_subprocess_exec(
                str(pg15_tls.bin / "psql"), "-XAtq", "-d", where, "-c", "SELECT 'in'",
                env={"PGPASSWORD": password, "PATH": "/usr/bin:/bin"},
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, err = await child.communicate()
            assert child.returncode == expected, err
            assert (out == b"in\n") == (expected == 0)
        opened = live.journal("session.opened")
        assert [event["tls"] for event in opened] == ["tls"]


async def test_a_key_by_scram_without_tls(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        user, secret = await _key(live)
        async with await psycopg.AsyncConnection.connect(
            host="127.0.0.1", port=live.port, user=user, password=secret, dbname=RESOURCE, sslmode="disable"
        ) as there:
            assert await (await there.execute("SELECT 1")).fetchone() == (1,)


async def _bearer(live: Live, token: str) -> list[tuple[str, bytes]]:
    """What a client of RFC 7628 hears, over direct TLS (sslnegotiation=direct, ALPN postgresql)."""
    trusting = ssl.create_default_context(cafile=_authority(live))
    trusting.set_alpn_protocols(["postgresql"])
    reader, writer = await asyncio.open_connection("localhost", live.port, ssl=trusting)
    words = b"user\0oauth\0database\0" + RESOURCE.encode() + b"\0\0"
    writer.write(struct.pack("!ii", 8 + len(words), 196608) + words)
    said = f"n,,\x01auth=Bearer {token}\x01\x01".encode()
    found = []
    async with asyncio.timeout(30):
        while True:
            tag = (await reader.readexactly(1)).decode()
            body = await reader.readexactly(struct.unpack("!i", await reader.readexactly(4))[0] - 4)
            found.append((tag, body))
            if tag == "R" and body[:4] == struct.pack("!i", 10):
                writer.write(message("p", b"OAUTHBEARER\0" + struct.pack("!i", len(said)) + said))
            elif tag == "R" and body[:4] == struct.pack("!i", 11):
                writer.write(message("p", b"\x01"))
            elif tag in "EZ":
                break
    writer.close()
    await writer.wait_closed()
    return found


async def test_oauthbearer_by_a_scripted_client(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        heard = await _bearer(live, live.token())
        assert b"OAUTHBEARER\0" in heard[0][1]
        assert heard[-1][0] == "Z"
        heard = await _bearer(live, "e30.e30.c2lnbmF0dXJl")
        assert heard[-1][0] == "E"
        assert fields(heard[-1][1])["C"].startswith("28")
