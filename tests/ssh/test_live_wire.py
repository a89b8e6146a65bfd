"""What passes through besides commands: new keys under way, signals, keep-alives, many channels, slow readers."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.ssh.test_promises import FakeHost
from tests.testbed import processes, sshd
from tests.testbed.processes import LOOPBACK
from tests.testbed.ssh import Host, Stand, standing
from vedette.protocols.ssh.wire import WINDOW

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    # The host wants new keys after each megabyte.
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s", more=["RekeyLimit 1M"]) as found:
        yield found


@pytest.fixture
async def stand(server: sshd.Sshd, tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path, [Host(server)]) as found:
        yield found


@contextlib.asynccontextmanager
async def caller(stand: Stand, **more: Any) -> AsyncIterator[asyncssh.SSHClientConnection]:
    options = {
        "username": "bastion", "password": stand.token(), "known_hosts": None, "client_keys": None,
    } | more  # fmt: skip
    made = await asyncssh.connect(LOOPBACK, stand.port, config=None, agent_path=None, **options)
    async with made:
        yield made


async def test_new_keys_on_both_sides_lose_nothing(stand: Stand) -> None:
    data = os.urandom(8 * MEGABYTE)
    done = await stand.ssh("cat", key=stand.certified(), stdin=data, options=["RekeyLimit=1M"])
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


async def test_the_gateway_may_want_new_keys_first(stand: Stand) -> None:
    """Any moment will do for either side (RFC 4253 section 9): also with a command under way."""
    data = os.urandom(4 * MEGABYTE)
    async with caller(stand) as connection:
        process = await connection.create_process("cat", encoding=None)
        await stand.recorded("action.judged")
        (session,) = stand.app.ssh.engine.sessions.values()  # type: ignore[union-attr]
        (ours,) = {down.channel.get_connection() for down in session._downs}

        async def send() -> None:
            for at in range(0, len(data), 65536):
                process.stdin.write(data[at : at + 65536])
                if at % MEGABYTE == 0:
                    ours._rekey_bytes_sent = ours._rekey_bytes
                    session.host._rekey_bytes_sent = session.host._rekey_bytes
                await process.stdin.drain()
            process.stdin.write_eof()

        sending = asyncio.create_task(send())
        assert await process.stdout.read() == data
        await sending


async def test_a_connection_that_breaks_while_keys_change(stand: Stand) -> None:
    async with caller(stand) as connection:
        await connection.create_process("sleep 60")
        await stand.recorded("action.judged")
        connection._send_kexinit()
        connection.abort()
    (closed,) = await stand.recorded("session.closed")
    assert closed["reason"].startswith("caller")
    async with caller(stand) as connection:
        assert (await connection.run("echo fine")).stdout == "fine\n"


async def test_keep_alives_are_answered(stand: Stand) -> None:
    """OpenSSH hangs up on who does not answer them (ServerAliveCountMax)."""
    options = ["ServerAliveInterval=1", "ServerAliveCountMax=1"]
    done = await stand.ssh("sleep 4; echo still there", key=stand.certified(), options=options)
    assert done.stdout == b"still there\n", done.stderr


async def test_many_channels_at_once(stand: Stand) -> None:
    async with caller(stand) as connection:
        words = [f"echo {n}; echo e{n} >&2; exit {n}" for n in range(40)]
        done = await asyncio.gather(*(connection.run(word) for word in words))
    assert [(each.stdout, each.stderr, each.exit_status) for each in done] == [
        (f"{n}\n", f"e{n}\n", n) for n in range(40)
    ]
    assert len(stand.journal("session.opened")) == 1


async def still(value: Any) -> int:
    """*value()*, once it has stopped changing."""
    last, same = value(), 0
    async with asyncio.timeout(processes.PATIENCE_SECONDS):
        while same < 20 or not last:
            await asyncio.sleep(0.02)
            same = same + 1 if value() == last else 0
            last = value()
    return int(last)


async def test_a_reader_that_does_not_read_holds_the_host_back(stand: Stand) -> None:
    """A gigabyte is on its way; what has come so far fits into windows, and waits in nobody's memory."""
    async with caller(stand) as connection:
        process = await connection.create_process("head -c 1000000000 /dev/zero", encoding=None, window=65536)
        process.channel.pause_reading()
        await stand.recorded("action.judged")
        (session,) = stand.app.ssh.engine.sessions.values()  # type: ignore[union-attr]
        assert await still(lambda: session._received) < 4 * WINDOW
        process.channel.resume_reading()
        assert len(await process.stdout.read(10 * MEGABYTE)) > 0
        process.channel.abort()


async def test_a_host_that_does_not_read_holds_the_caller_back(stand: Stand) -> None:
    async with caller(stand) as connection:
        process = await connection.create_process("sleep 300", encoding=None)
        await stand.recorded("action.judged")
        (session,) = stand.app.ssh.engine.sessions.values()  # type: ignore[union-attr]
        block = bytes(MEGABYTE)

        async def send() -> None:
            for _ in range(1000):
                process.stdin.write(block)
                await process.stdin.drain()

        sending = asyncio.create_task(send())
        try:
            assert await still(lambda: session._sent) < 8 * WINDOW
        finally:
            sending.cancel()
        assert not sending.done()
        process.channel.abort()


class Signalled(FakeHost):
    """Waits for a signal, and ends by another one."""

    def __init__(self) -> None:
        super().__init__()
        self.signals: list[str] = []

    async def run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        process.stdout.write(b"ready\n")
        try:
            await process.stdin.read()
        except asyncssh.SignalReceived as signal:
            self.signals.append(signal.signal)
            process.exit_with_signal("SEGV", True, "said the host", "en")
        except asyncssh.BreakReceived:
            self.signals.append("BREAK")
            process.exit(1)


async def test_signals_go_up_and_how_it_ended_comes_down(tmp_path: Path) -> None:
    """Also who dumped core, and in what words (RFC 4254 section 6.10)."""
    fake = Signalled()
    listener = await asyncssh.listen(
        LOOPBACK, 0, server_factory=lambda: fake, server_host_keys=[fake.key], process_factory=fake.run,
        encoding=None, public_key_auth=False, kbdint_auth=False,
    )  # fmt: skip
    fake.port = listener.sockets[0].getsockname()[1]
    try:
        async with standing(tmp_path, [fake]) as stand, caller(stand) as connection:
            process = await connection.create_process("wait")
            assert await process.stdout.readline() == "ready\n"
            process.send_signal("USR1")
            done = await process.wait()
            assert fake.signals == ["USR1"]
            assert done.exit_signal == ("SEGV", True, "said the host", "en")
            (outcome,) = await stand.recorded("action.outcome")
            assert outcome["tag"] == "signal SEGV"
    finally:
        listener.close()
        for connection in fake.connections:
            connection.abort()
        await listener.wait_closed()


# --- what should not be sent -------------------------------------------------------------------------


async def ends(stand: Stand, connection: asyncssh.SSHClientConnection) -> None:
    """This connection is over, and others go on."""
    async with asyncio.timeout(processes.PATIENCE_SECONDS):
        await connection.wait_closed()
    async with caller(stand) as other:
        assert (await other.run("echo fine")).stdout == "fine\n"


async def test_ten_megabytes_of_a_command(stand: Stand) -> None:
    async with caller(stand) as connection:
        with pytest.raises((asyncssh.Error, ConnectionError)):
            await connection.run("echo " + "x" * (10 * MEGABYTE))
        await ends(stand, connection)
    assert all(
        each["verdict"] != "allow" or "xxx" not in each["text"] for each in stand.journal("action.judged")
    )


async def test_a_packet_that_claims_to_be_huge(stand: Stand) -> None:
    async with caller(stand) as connection:
        await connection.run("true")
        transport = connection._transport
        assert transport is not None
        transport.write(b"\xff" * 4096)
        await ends(stand, connection)


#: SSH_MSG_GLOBAL_REQUEST, CHANNEL_OPEN, CHANNEL_REQUEST, CHANNEL_DATA, and what only servers send.
EARLY = [
    (80, b"\0\0\0\x0dtcpip-forward\1\0\0\0\0\0\0\0\x16"), (90, b"\0\0\0\x07session\0\0\0\0\0\x20\0\0\0\0\x80\0"),
    (98, b"\0\0\0\0\0\0\0\x04exec\1\0\0\0\x02id"), (94, b"\0\0\0\0\0\0\0\x04data"), (52, b""), (6, b"\0\0\0\x0cssh-userauth"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "body"), EARLY, ids=lambda value: str(value)[:3])
async def test_requests_before_the_login(stand: Stand, number: int, body: bytes) -> None:
    """Whoever is nobody yet gets nothing, and USERAUTH_SUCCESS is not for callers to say."""

    class Early(asyncssh.SSHClient):
        connection: asyncssh.SSHClientConnection

        def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
            self.connection = conn

        def password_auth_requested(self) -> str | None:
            self.connection._auth_complete = True  # or it would wait with these until it is in
            self.connection.send_packet(number, body)
            self.connection._auth_complete = False
            return None

    with pytest.raises((asyncssh.Error, ConnectionError)):
        async with caller(stand, client_factory=Early, password=None, preferred_auth="password"):
            pass
    assert stand.journal("session.opened") == []
    assert stand.journal("action.judged") == []
    async with caller(stand) as other:
        assert (await other.run("echo fine")).stdout == "fine\n"


async def test_a_flood_of_tries_stops_nobody_else(stand: Stand) -> None:
    async def wrong(number: int) -> None:
        with contextlib.suppress(asyncssh.Error, ConnectionError, OSError):
            async with caller(stand, password=f"wrong {number}"):
                raise AssertionError("it was let in")

    async with caller(stand) as connection:
        await asyncio.gather(*(wrong(number) for number in range(40)))
        assert (await connection.run("echo fine")).stdout == "fine\n"
    assert len(stand.journal("session.opened")) == 1


@pytest.mark.parametrize(
    "request_", [b"no-such-request@example.com", b"hostkeys-prove-00@openssh.com", b"x" * 30_000]
)
async def test_global_requests_that_are_none(stand: Stand, request_: bytes) -> None:
    async with caller(stand) as connection:
        kind, _ = await connection._make_global_request(request_)
        assert kind == 82  # SSH_MSG_REQUEST_FAILURE
        assert (await connection.run("echo fine")).stdout == "fine\n"
