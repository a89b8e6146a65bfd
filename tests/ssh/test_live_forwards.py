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


# --- the other way round, and to sockets ------------------------------------------------------------


def listening(port: int, host: str = LOOPBACK) -> dict[str, Any]:
    return {"effects": ["export", "configure"], "objects": [f"listen:{host}:{port}"]}


async def there_and_back(port: int, data: bytes) -> bytes | None:
    """What *data* comes back as, None where nobody takes it."""
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
    except ConnectionError:
        return None
    try:
        writer.write(data)
        writer.write_eof()
        return await reader.read(-1)
    except ConnectionError:
        return None
    finally:
        writer.close()


async def test_a_remote_forward_that_a_rule_allows(server: sshd.Sshd, tmp_path: Path, echo: Echo) -> None:
    """What comes to the host's port goes to the caller, until it leaves."""
    port = processes.free_port()
    async with standing(tmp_path, [Host(server)], [policy({"allow": listening(port)})]) as stand:
        words = stand.words(key=stand.certified(), options=["ExitOnForwardFailure=yes"])
        child = await asyncio.create_subprocess_exec(
            words[0], "-N", "-R", f"{LOOPBACK}:{port}:{LOOPBACK}:{echo.port}", *words[1:],
            stdin=asyncio.subprocess.DEVNULL, stdout=-1, stderr=-1,
        )  # fmt: skip
        try:
            async with asyncio.timeout(processes.PATIENCE_SECONDS):
                # The host listens a moment before it has said so to the gateway.
                while (back := await there_and_back(port, b"hello " * 50_000)) is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                assert back == b"HELLO " * 50_000
        finally:
            child.terminate()
            await child.wait()
        (judged,) = stand.journal("action.judged")
        assert (judged["form"], judged["text"], judged["verdict"]) == (
            "listen",
            f"{LOOPBACK}:{port}",
            "allow",
        )
        (outcome,) = await stand.recorded("action.outcome")
        assert outcome["action"] == judged["action"]
        (closed,) = await stand.recorded("session.closed")
        assert closed["bytes_up"] >= 300_000
        async with asyncio.timeout(processes.PATIENCE_SECONDS):
            while processes.listening(port):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("place", ["", "0.0.0.0", "localhost", LOOPBACK])
async def test_a_remote_forward_that_no_rule_allows(server: sshd.Sshd, tmp_path: Path, place: str) -> None:
    port = processes.free_port()
    rules = policy({"allow": listening(port, "10.0.0.1")}, {"allow": {"effects": ["export"]}})
    async with standing(tmp_path, [Host(server)], [rules]) as stand, caller(stand) as connection:
        with pytest.raises(asyncssh.ChannelListenError):
            await connection.forward_remote_port(place, port, LOOPBACK, 1)
        (judged,) = stand.journal("action.judged")
        assert (judged["form"], judged["verdict"]) == ("listen", "deny")
        assert not processes.listening(port)


async def test_so_many_places_are_listened_on_and_no_more(server: sshd.Sshd, tmp_path: Path) -> None:
    rules = policy({"allow": {"effects": ["export", "configure"], "objects": ["listen:*"]}})
    async with standing(tmp_path, [Host(server)], [rules]) as stand, caller(stand) as connection:
        made = [await connection.forward_remote_port(LOOPBACK, 0, LOOPBACK, 1) for _ in range(8)]
        with pytest.raises(asyncssh.ChannelListenError):
            await connection.forward_remote_port(LOOPBACK, 0, LOOPBACK, 1)
        made[0].close()
        await stand.recorded("action.outcome")
        (await connection.forward_remote_port(LOOPBACK, 0, LOOPBACK, 1)).close()


@pytest.fixture
async def sockets(tmp_path: Path) -> AsyncIterator[Path]:
    """A Unix socket that echoes in capitals."""
    path = tmp_path / "s"
    listener = await asyncio.start_unix_server(Echo().serve, path)
    yield path
    listener.close()


async def test_a_socket_that_a_rule_allows(server: sshd.Sshd, tmp_path: Path, sockets: Path) -> None:
    rules = policy({"allow": {"effects": ["export", "configure"], "objects": [f"unix:{sockets}"]}})
    async with standing(tmp_path, [Host(server)], [rules]) as stand, caller(stand) as connection:
        reader, writer = await connection.open_unix_connection(str(sockets))
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"HELLO"
        writer.close()
        (judged,) = stand.journal("action.judged")
        assert judged["text"] == f"unix:{sockets}"
        await stand.recorded("action.outcome")


@pytest.mark.parametrize(
    "place", ["{folder}/../{name}/s", "{folder}//s", "s", "/var/run/docker.sock", "/" + "x" * 200]
)
async def test_a_socket_that_no_rule_allows(
    server: sshd.Sshd, tmp_path: Path, sockets: Path, place: str
) -> None:
    rules = policy({"allow": {"effects": ["export", "configure"], "objects": [f"unix:{sockets}"]}})
    async with standing(tmp_path, [Host(server)], [rules]) as stand, caller(stand) as connection:
        with pytest.raises(asyncssh.ChannelOpenError, match="vedette"):
            await connection.open_unix_connection(place.format(folder=tmp_path, name=tmp_path.name))
        (judged,) = stand.journal("action.judged")
        assert judged["verdict"] == "deny"


async def test_a_dynamic_forward_goes_by_destination(server: sshd.Sshd, tmp_path: Path, echo: Echo) -> None:
    local = processes.free_port()
    async with standing(tmp_path, [Host(server)], [policy({"allow": to(echo.port)})]) as stand:
        words = stand.words(key=stand.certified(), options=["ExitOnForwardFailure=yes"])
        child = await asyncio.create_subprocess_exec(
            words[0], "-N", "-D", f"{LOOPBACK}:{local}", *words[1:],
            stdin=asyncio.subprocess.DEVNULL, stdout=-1, stderr=-1,
        )  # fmt: skip
        try:
            async with asyncio.timeout(processes.PATIENCE_SECONDS):
                while not processes.listening(local):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                assert await socks(local, LOOPBACK, echo.port) == b"HI"
                assert await socks(local, "localhost", echo.port) == b""
        finally:
            child.kill()
            await child.wait()
        assert [each["verdict"] for each in stand.journal("action.judged")] == ["allow", "deny"]


async def socks(port: int, host: str, to: int) -> bytes:
    """What comes back from *host* through a SOCKS 5 proxy (RFC 1928); empty where there is no way."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(b"\5\1\0")
        await reader.readexactly(2)
        name = host.encode()
        writer.write(b"\5\1\0\3" + bytes([len(name)]) + name + to.to_bytes(2, "big"))
        try:
            answer = await reader.readexactly(10)
        except asyncio.IncompleteReadError:
            return b""
        if answer[1]:
            return b""
        writer.write(b"hi")
        return await reader.readexactly(2)
    finally:
        writer.close()
