"""What the gateway promises on every protocol, for SSH: a host that remembers what it heard, and can misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.testbed import processes
from tests.testbed.processes import LOOPBACK
from tests.testbed.ssh import EVERYTHING, Stand, standing
from vedette.model import Kind, Principal

SECRET = "upstream-secret-7391"
DBA = Principal("dora", Kind.PERSON, frozenset({"dba"}))
RULES = [
    *EVERYTHING["rules"],
    {"deny": {"pattern": "refused_mark"}},
    {"hold": {"pattern": "held_mark"}, "approvers": {"groups": ["dba"]}},
]
POLICY = {"name": "tested", "who": {}, "where": {}, "rules": RULES}


class FakeHost(asyncssh.SSHServer):
    """Takes one password, and runs nothing: it echoes the command, or what is sent to ``cat``."""

    name = "bastion"

    def __init__(self) -> None:
        self.port = 0
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.heard: list[str] = []
        self.connections: list[asyncssh.SSHServerConnection] = []
        self.before: Callable[[str], None] = lambda command: None
        self.lie = False

    def section(self, folder: Path) -> Mapping[str, Any]:
        secret = folder / "host.password"
        secret.touch(0o600)
        secret.write_text(SECRET)
        key = self.key.export_public_key().decode().strip()
        upstream = {"host": LOOPBACK, "port": self.port, "host_key": key}
        return {
            "protocol": "ssh",
            "upstream": upstream,
            "login": {"user": "app", "password": {"file": str(secret)}},
        }

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == SECRET and not self.lie

    async def run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        command = process.command or ""
        self.before(command)
        self.heard.append(command)
        if command == "cat":
            async for line in process.stdin:
                process.stdout.write(line)
        elif command == "sleep":
            await asyncio.Event().wait()
        else:
            process.stdout.write(command.encode())
        process.exit(0)


@contextlib.asynccontextmanager
async def fake_host() -> AsyncIterator[FakeHost]:
    fake = FakeHost()
    server = await asyncssh.listen(
        LOOPBACK, 0, server_factory=lambda: fake, server_host_keys=[fake.key], process_factory=fake.run, encoding=None,
        public_key_auth=False, kbdint_auth=False,
    )  # fmt: skip
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        for connection in fake.connections:
            connection.abort()
        await server.wait_closed()


@pytest.fixture
async def fake() -> AsyncIterator[FakeHost]:
    async with fake_host() as made:
        yield made


@pytest.fixture
async def stand(fake: FakeHost, tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path, [fake], [POLICY]) as found:
        yield found


@contextlib.asynccontextmanager
async def caller(stand: Stand, subject: str = "agent-1") -> AsyncIterator[asyncssh.SSHClientConnection]:
    made = await asyncssh.connect(
        LOOPBACK, stand.port, config=None, username="bastion", password=stand.token(subject), known_hosts=None,
        client_keys=None, agent_path=None,
    )  # fmt: skip
    try:
        yield made
    finally:
        made.abort()
        await made.wait_closed()


async def test_2_the_record_exists_before_the_host_hears(stand: Stand, fake: FakeHost) -> None:
    unrecorded = []

    def look(command: str) -> None:
        digest = hashlib.sha256(command.encode()).hexdigest()
        if digest not in {e["digest"] for e in stand.journal("action.judged") if e["verdict"] == "allow"}:
            unrecorded.append(command)

    fake.before = look
    async with caller(stand) as connection:
        for command in ("one", "refused_mark", "twö", "three"):
            await connection.run(command)
    assert fake.heard == ["one", "twö", "three"]
    assert unrecorded == []


async def test_4_the_upstream_secret_appears_nowhere(
    stand: Stand, fake: FakeHost, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(1)
    async with caller(stand) as connection:
        seen = [await connection.run("one"), await connection.run("refused_mark")]
    fake.lie = True
    async with caller(stand) as connection:
        last = await connection.run("two")
    assert "upstream.login" in str(last.stderr)
    out, err = capfd.readouterr()
    kept = [path.read_bytes() for path in stand.app.folder.path.rglob("*") if path.is_file()]
    for place in (
        caplog.text,
        out,
        err,
        str(seen),
        str(last),
        *(content.decode("latin-1") for content in kept),
    ):
        assert SECRET not in place


@pytest.mark.parametrize("side", ["caller", "host"])
async def test_5_unreadable_bytes_end_the_session_on_record(stand: Stand, fake: FakeHost, side: str) -> None:
    async with caller(stand, "canary") as canary:
        assert (await canary.run("one")).stdout == "one"
        async with caller(stand) as connection:
            assert (await connection.run("two")).stdout == "two"
            talker = connection if side == "caller" else fake.connections[-1]
            talker._transport.write(b"\x01\xff" * 40_000)
            async with asyncio.timeout(processes.PATIENCE_SECONDS):
                await connection.wait_closed()
        (closed,) = await stand.recorded("session.closed")
        assert closed["reason"].startswith("protocol: " + ("caller" if side == "caller" else "upstream"))
        assert (await canary.run("three")).stdout == "three", "the others go on"


@pytest.mark.parametrize("side", ["caller", "upstream"])
async def test_6_when_either_side_vanishes_the_other_is_closed_on_record(
    stand: Stand, fake: FakeHost, side: str
) -> None:
    async with caller(stand) as connection:
        assert (await connection.run("one")).stdout == "one"
        process = await connection.create_process("sleep")
        while "sleep" not in fake.heard:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        (connection if side == "caller" else fake.connections[-1]).abort()
        async with asyncio.timeout(processes.PATIENCE_SECONDS):
            await process.wait_closed()
            await connection.wait_closed()
            await fake.connections[-1].wait_closed()
    (closed,) = await stand.recorded("session.closed")
    assert closed["reason"].startswith(side)
    last = (await stand.recorded("action.outcome", 2))[-1]
    assert last["status"] == ("cancelled" if side == "caller" else "lost")
    assert not stand.app.live.sessions


async def test_7_while_a_person_is_asked_the_caller_is_not_read_and_then_goes_on(
    stand: Stand, fake: FakeHost
) -> None:
    async with caller(stand) as connection:
        process = await connection.create_process("held_mark", encoding=None)
        async with asyncio.timeout(processes.PATIENCE_SECONDS):
            while not (held := await stand.app.desk.pending()):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        for _ in range(4096):
            process.stdin.write(bytes(65536))
        for _ in range(200):
            await asyncio.sleep(0)
        assert process.channel.get_write_buffer_size() > 200 << 20, "the gateway stops reading"
        assert fake.heard == []
        await stand.app.desk.decide(held[0].id, DBA, True)
        assert await process.stdout.read() == b"held_mark"
        assert fake.heard == ["held_mark"]


async def test_8_an_approval_is_for_one_command_of_one_caller(stand: Stand, fake: FakeHost) -> None:
    async with caller(stand, "agent-1") as one, caller(stand, "agent-2") as other:
        first = asyncio.create_task(one.run("held_mark 1"))
        async with asyncio.timeout(processes.PATIENCE_SECONDS):
            while not (held := await stand.app.desk.pending()):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        second = await other.create_process("held_mark 1")
        await stand.app.desk.decide(held[0].id, DBA, True)
        assert (await first).stdout == "held_mark 1"
        async with asyncio.timeout(processes.PATIENCE_SECONDS):
            while len(held := await stand.app.desk.pending()) != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert held[0].principal == "vedette#agent-2"
        second.close()
    assert fake.heard == ["held_mark 1"]


async def test_nothing_of_a_command_is_logged(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with caller(stand) as connection:
        await connection.run("echo commandmark", env={"LANG": "C.envmark"})
    gateway = [record for record in caplog.records if not record.name.startswith("asyncio")]
    assert not [
        record
        for record in gateway
        if "commandmark" in record.getMessage() or "envmark" in record.getMessage()
    ]
