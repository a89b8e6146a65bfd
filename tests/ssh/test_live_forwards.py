"""Forwards to where a rule lets them: through OpenSSH's client and a real sshd."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.testbed import processes, sshd
from tests.testbed.processes import LOOPBACK
from tests.testbed.ssh import Host, Stand, standing
from vedette.model import Kind, Principal

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]
DBA = Principal("dora", Kind.PERSON, frozenset({"dba"}))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


class Echo:
    """Somewhere to forward to: gives back what it gets, in capitals."""

    def __init__(self) -> None:
        self.port = 0
        self.visits = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data.upper())
                await writer.drain()
            writer.close()
            await writer.wait_closed()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    made = Echo()
    listener = await asyncio.start_server(made.serve, LOOPBACK, 0)
    made.port = listener.sockets[0].getsockname()[1]
    yield made
    listener.close()


def policy(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"name": "tested", "who": {}, "where": {}, "rules": [{"allow": {"effects": ["read"]}}, *rules]}


def to(port: int) -> dict[str, Any]:
    return {"effects": ["export"], "objects": [f"host:{LOOPBACK}:{port}"]}


@contextlib.asynccontextmanager
async def caller(stand: Stand) -> AsyncIterator[asyncssh.SSHClientConnection]:
    made = await asyncssh.connect(
        LOOPBACK, stand.port, config=None, username="bastion", password=stand.token(), known_hosts=None,
        client_keys=None, agent_path=None,
    )  # fmt: skip
    async with made:
        yield made


async def test_a_forward_that_a_rule_allows(server: sshd.Sshd, tmp_path: Path, echo: Echo) -> None:
    async with standing(tmp_path, [Host(server)], [policy({"allow": to(echo.port)})]) as stand:
        client = stand.words(key=stand.certified())
        words = [client[0], "-W", f"{LOOPBACK}:{echo.port}", *client[1:]]
        done = await asyncio.to_thread(sshd.run, words, stdin=b"hello " * 50_000)
        assert done.stdout == b"HELLO " * 50_000, done.stderr
        (judged,) = stand.journal("action.judged")
        assert (judged["form"], judged["text"]) == ("forward", f"{LOOPBACK}:{echo.port}")
        (outcome,) = await stand.recorded("action.outcome")
        assert (outcome.get("status", "ok"), outcome["bytes"]) == ("ok", 300_000)
        (closed,) = await stand.recorded("session.closed")
        assert closed["bytes_up"] == closed["bytes_down"] == 300_000


@pytest.mark.parametrize(
    "place", ["localhost", "127.0.0.1.", "0x7f.1", "2130706433", "::ffff:7f00:1", LOOPBACK]
)
async def test_a_forward_that_no_rule_allows(
    server: sshd.Sshd, tmp_path: Path, echo: Echo, place: str
) -> None:
    rules = policy({"allow": to(echo.port)}, {"deny": to(echo.port + 1)})
    async with standing(tmp_path, [Host(server)], [rules]) as stand, caller(stand) as connection:
        port = echo.port if place == "localhost" else echo.port + 1
        with pytest.raises(asyncssh.ChannelOpenError, match=r"policy\.(denied|default)"):
            await connection.open_connection(place, port)
        assert echo.visits == 0
        (judged,) = stand.journal("action.judged")
        assert judged["verdict"] == "deny"


@pytest.mark.parametrize("place", ["a b", "", "x" * 300, "host:1"])
async def test_places_that_are_none(server: sshd.Sshd, tmp_path: Path, place: str) -> None:
    rules = policy({"allow": {"effects": ["export"]}})
    async with standing(tmp_path, [Host(server)], [rules]) as stand, caller(stand) as connection:
        with pytest.raises(asyncssh.ChannelOpenError, match=r"ssh\.unsupported"):
            await connection.open_connection(place, 80)


async def test_a_place_that_does_not_answer(server: sshd.Sshd, tmp_path: Path) -> None:
    port = processes.free_port()
    async with standing(tmp_path, [Host(server)], [policy({"allow": to(port)})]) as stand:
        async with caller(stand) as connection:
            with pytest.raises(asyncssh.ChannelOpenError, match="could not connect"):
                await connection.open_connection(LOOPBACK, port)
        (outcome,) = await stand.recorded("action.outcome")
        assert (outcome["status"], outcome["tag"]) == ("error", "not connected")


async def test_a_forward_waits_for_people(server: sshd.Sshd, tmp_path: Path, echo: Echo) -> None:
    rules = policy({"allow": to(echo.port)}, {"hold": to(echo.port), "approvers": {"groups": ["dba"]}})
    async with standing(tmp_path, [Host(server)], [rules]) as stand, caller(stand) as connection:
        opening = asyncio.create_task(connection.open_connection(LOOPBACK, echo.port))
        async with asyncio.timeout(processes.PATIENCE_SECONDS):
            while not (held := await stand.app.desk.pending()):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert echo.visits == 0
        await stand.app.desk.decide(held[0].id, DBA, True)
        reader, writer = await opening
        writer.write(b"in")
        assert await reader.readexactly(2) == b"IN"
        writer.close()


async def test_who_leaves_while_people_are_asked_is_withdrawn(
    server: sshd.Sshd, tmp_path: Path, echo: Echo
) -> None:
    rules = policy({"hold": to(echo.port), "approvers": {"groups": ["dba"]}})
    async with standing(tmp_path, [Host(server)], [rules]) as stand:
        async with caller(stand) as connection:
            opening = asyncio.create_task(connection.open_connection(LOOPBACK, echo.port))
            async with asyncio.timeout(processes.PATIENCE_SECONDS):
                while not await stand.app.desk.pending():  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            connection.abort()
            with pytest.raises(asyncssh.ChannelOpenError):
                await opening
        await stand.recorded("hold.withdrawn")
        assert echo.visits == 0


async def test_limits_hold_for_forwards(server: sshd.Sshd, tmp_path: Path, echo: Echo) -> None:
    rules = policy({"allow": to(echo.port)}, {"limit": {"bytes": "10KB", "per": "session"}})
    async with standing(tmp_path, [Host(server)], [rules]) as stand, caller(stand) as connection:
        reader, writer = await connection.open_connection(LOOPBACK, echo.port)
        writer.write(b"x" * 100_000)
        assert len(await reader.read()) <= 10_240
        (outcome,) = await stand.recorded("action.outcome")
        assert outcome["tag"].startswith("limit tested/")
        writer.close()
