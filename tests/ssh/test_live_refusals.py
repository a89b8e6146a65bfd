"""What does not reach the host: refused, held, not let through; each on record, each said to the caller."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.testbed import processes, sshd
from tests.testbed.processes import LOOPBACK
from tests.testbed.ssh import EVERYTHING, Host, Stand, standing
from vedette.model import Kind, Principal

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]
DBA = Principal("dora", Kind.PERSON, frozenset({"dba"}))
RULES: list[dict[str, Any]] = [
    *EVERYTHING["rules"],
    {"deny": {"pattern": "forbidden"}, "name": "no-forbidden", "message": "not that word"},
    {"hold": {"pattern": "please"}, "approvers": {"groups": ["dba"]}, "within": "1m"},
]
POLICY = {"name": "tested", "who": {}, "where": {}, "rules": RULES}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


@pytest.fixture
async def stand(server: sshd.Sshd, tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path, [Host(server)], [POLICY]) as found:
        yield found


@contextlib.asynccontextmanager
async def caller(stand: Stand, **more: Any) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """asyncssh as a client, with a token for a password."""
    options = {
        "username": "bastion", "password": stand.token(), "known_hosts": None, "client_keys": None,
    } | more  # fmt: skip
    made = await asyncssh.connect(LOOPBACK, stand.port, config=None, agent_path=None, **options)
    async with made:
        yield made


async def pending(stand: Stand, count: int = 1) -> Any:
    """Those that wait, once there are *count* of them."""
    found: list[Any] = []
    async with asyncio.timeout(processes.PATIENCE_SECONDS):
        while True:
            found = await stand.app.desk.pending()
            if len(found) == count:
                return found
            await asyncio.sleep(0.005)


async def test_a_refused_command_never_runs(stand: Stand, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    done = await stand.ssh(f"touch {mark}; echo forbidden", key=stand.certified())
    assert (done.returncode, done.stdout) == (126, b"")
    assert done.stderr == b"vedette: not that word [policy.denied, rule tested/no-forbidden]\r\n"
    assert not mark.exists()
    (judged,) = stand.journal("action.judged")
    assert (judged["verdict"], judged["code"], judged["rule"]) == (
        "deny",
        "policy.denied",
        "tested/no-forbidden",
    )
    assert stand.journal("action.outcome") == []


async def test_the_connection_stays_usable(stand: Stand) -> None:
    async with caller(stand) as connection:
        assert (await connection.run("echo forbidden")).exit_status == 126
        assert (await connection.run("echo fine")).stdout == "fine\n"


@pytest.mark.parametrize("approve", [True, False])
async def test_a_held_command_waits_for_people(stand: Stand, approve: bool) -> None:
    key = stand.certified()
    running = asyncio.create_task(stand.ssh("cat; echo please", key=key, stdin=b"before\n"))
    (hold,) = await pending(stand)
    assert stand.journal("action.judged") == []
    await stand.app.desk.decide(hold.id, DBA, approve, "said so")
    done = await running
    assert f"waiting for approval {hold.id} by dba".encode() in done.stderr
    if approve:
        assert (done.returncode, done.stdout) == (0, b"before\nplease\n")
    else:
        assert (done.returncode, done.stdout) == (126, b"")
        assert b"approval.denied" in done.stderr
    (judged,) = stand.journal("action.judged")
    assert judged["verdict"] == ("allow" if approve else "deny")


@pytest.mark.parametrize("stdin", [b"", b"x" * 5_000_000], ids=["quiet", "talking"])
async def test_a_caller_that_leaves_withdraws_its_question(stand: Stand, stdin: bytes) -> None:
    words = stand.words("echo please", key=stand.certified())
    child = subprocess.Popen(  # noqa: ASYNC220
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=processes.environment(),
    )
    feeding = asyncio.to_thread(_feed, child, stdin)
    task = asyncio.create_task(feeding)
    (hold,) = await pending(stand)
    child.send_signal(signal.SIGINT)
    await task
    await stand.recorded("hold.withdrawn")
    await pending(stand, 0)
    (closed,) = await stand.recorded("session.closed")
    assert closed["reason"].startswith("caller")
    assert hold.id
    assert stand.journal("action.outcome") == []


def _feed(child: subprocess.Popen[bytes], data: bytes) -> None:
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(data)
        child.stdin.flush()
    child.wait(processes.PATIENCE_SECONDS)
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()


async def test_two_questions_on_one_connection_are_two(stand: Stand) -> None:
    async with caller(stand) as connection:
        first = await connection.create_process("echo please one")
        await pending(stand)
        # What nobody reads must not hide that the channel is closed behind it.
        first.stdin.write("x" * 100_000)
        second = asyncio.create_task(connection.run("echo please two"))
        await pending(stand, 2)
        assert (await connection.run("echo between")).stdout == "between\n"
        first.close()
        await stand.recorded("hold.withdrawn")
        (left,) = await pending(stand)
        await stand.app.desk.decide(left.id, DBA, True)
        assert (await second).stdout == "please two\n"


@pytest.mark.parametrize(
    ("words", "options", "kind"),
    [
        (["-s", "netconf"], [], "subsystem"),
        (["-N", "-R", "{folder}/socket:127.0.0.1:22"], ["ExitOnForwardFailure=yes"], "listen"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
async def test_what_is_not_let_through(
    stand: Stand, tmp_path: Path, words: list[str], options: list[str], kind: str
) -> None:
    flags = [word.format(folder=tmp_path) for word in words if word != "netconf"]
    last = [word for word in words if word == "netconf"]
    client = stand.words(*last, key=stand.certified(), options=options)
    client = ["LogLevel=INFO" if word == "LogLevel=ERROR" else word for word in client]
    done = await asyncio.to_thread(sshd.run, [client[0], *flags, *client[1:]])
    assert done.returncode in (126, 255)
    assert done.stdout == b""
    (judged,) = await stand.recorded("action.judged")
    assert (judged["verdict"], judged["form"], judged["code"]) == ("deny", kind, "ssh.unsupported")
    if kind != "listen":  # that is answered by a yes or a no alone (RFC 4254 section 7.1)
        assert b"ssh.unsupported" in done.stderr, done.stderr


async def test_a_unix_socket_is_no_way_round(server: sshd.Sshd, tmp_path: Path) -> None:
    """Leave to send things out is no leave to talk to what may rule the machine."""
    rules = [{"allow": {"effects": ["read", "export"]}}]
    async with standing(tmp_path, [Host(server)], [POLICY | {"rules": rules}]) as stand:
        async with caller(stand) as connection:
            with pytest.raises(asyncssh.ChannelOpenError, match=r"policy\.default"):
                await connection.open_unix_connection("/run/docker.sock")
            with pytest.raises(asyncssh.ChannelListenError):
                await connection.forward_remote_port("127.0.0.1", 0, "127.0.0.1", 22)
        one, two = await stand.recorded("action.judged", 2)
    assert (one["form"], one["text"]) == ("forward", "unix:/run/docker.sock")
    assert (two["form"], two["text"], two["verdict"]) == ("listen", "127.0.0.1:0", "deny")


async def test_the_agent_is_not_forwarded(stand: Stand) -> None:
    async with caller(stand) as connection:
        await connection.run("true")
        channel, _ = await connection.create_session(asyncssh.SSHClientSession, "sleep 0")
        assert not await channel._make_request(b"auth-agent-req@openssh.com")
        assert not await channel._make_request(
            b"x11-req", b"\0", _string(b"MIT-MAGIC-COOKIE-1"), _string(b"00" * 16), b"\0" * 4
        )
    kinds = [event["form"] for event in stand.journal("action.judged")]
    assert kinds == ["exec", "exec", "agent", "x11"]


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


async def test_only_plain_variables_go_on(stand: Stand) -> None:
    sent = {
        "LANG": "C.UTF-8",
        "LD_PRELOAD": "/tmp/x.so",
        "LC_ALL": "../../etc",
        "VEDETTE_X": "1",
        "PATH": "/tmp",
    }
    async with caller(stand) as connection:
        done = await connection.run("env", env=sent)
    lines = str(done.stdout).splitlines()
    assert "LANG=C.UTF-8" in lines
    assert not [line for line in lines if line.startswith(("LD_", "LC_", "VEDETTE_")) or line == "PATH=/tmp"]
    (judged,) = stand.journal("action.judged")
    assert ["env.LANG", "C.UTF-8"] in judged["state"]


async def test_variables_after_the_command_change_nothing(stand: Stand) -> None:
    async with caller(stand) as connection:
        process = await connection.create_process("echo please; env")
        (hold,) = await pending(stand)
        process.channel._send_request(b"env", _string(b"LANG"), _string(b"late"))
        await stand.app.desk.decide(hold.id, DBA, True)
        assert "late" not in str((await process.wait()).stdout)


async def test_a_flood_of_variables_is_dropped(stand: Stand) -> None:
    async with caller(stand) as connection:
        done = await connection.run(
            "env", env={f"LC_{'A' * (n % 30 + 1)}{chr(65 + n % 26)}": "x" for n in range(5000)}
        )
    assert done.exit_status == 0


async def test_a_flood_of_channels_is_stopped(stand: Stand) -> None:
    async with caller(stand) as connection:
        made = []
        with pytest.raises(asyncssh.ChannelOpenError, match="64 channels"):
            for _ in range(70):
                made.append(await connection.create_process("echo please"))
        assert len(made) == 64


@pytest.mark.parametrize("command", ["echo a\0b", "echo " + "x" * 200_000], ids=["null", "long"])
async def test_commands_that_cannot_be_judged(stand: Stand, command: str) -> None:
    async with caller(stand) as connection:
        done = await connection.run(command)
    assert done.exit_status == 126
    assert "protocol.unreadable" in str(done.stderr)
    (judged,) = stand.journal("action.judged")
    assert (judged["verdict"], judged["code"]) == ("deny", "protocol.unreadable")


async def test_without_a_record_nothing_runs(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"

    def full(kind: str, body: bytes) -> int:
        raise OSError("no space left")

    async with caller(stand) as connection:
        assert (await connection.run("true")).exit_status == 0
        with monkeypatch.context() as broken:
            broken.setattr(stand.app.journal, "append", full)
            done = await connection.run(f"touch {mark}")
        assert (done.exit_status, mark.exists()) == (126, False)
        assert "journal.unavailable" in str(done.stderr)


async def test_a_kill_ends_what_runs(stand: Stand, tmp_path: Path) -> None:
    async with caller(stand) as connection:
        process = await connection.create_process(f"echo runs; sleep 300; echo late > {tmp_path}/late")
        assert await process.stdout.readline() == "runs\n"
        (session,) = stand.app.live.sessions
        assert stand.app.live.kill(session, "enough")
        done = await process.wait()
        assert "session ended: enough" in str(done.stderr)
        await connection.wait_closed()
    (closed,) = await stand.recorded("session.closed")
    assert closed["reason"] == "killed: enough"


async def test_a_revoked_token_ends_its_session(stand: Stand) -> None:
    async with caller(stand) as connection:
        assert (await connection.run("echo in")).stdout == "in\n"
        (seat,) = stand.app.live.sessions.values()
        stand.app.revocations.add(seat.principal.credential)
        async with asyncio.timeout(processes.PATIENCE_SECONDS):
            await connection.wait_closed()
    (closed,) = await stand.recorded("session.closed")
    assert closed["reason"].startswith("revoked")


async def test_limits_count_lines_and_bytes(server: sshd.Sshd, tmp_path: Path) -> None:
    rules = [*EVERYTHING["rules"], {"limit": {"rows": 10, "per": "session"}, "name": "few"}]
    async with (
        standing(tmp_path, [Host(server)], [POLICY | {"rules": rules}]) as stand,
        caller(stand) as connection,
    ):
        assert (await connection.run("seq 6")).exit_status == 0
        done = await connection.run("seq 6")
        assert done.exit_status == 126
        assert "limit.reached, rule tested/few" in str(done.stderr)
        assert (await connection.run("true")).exit_status == 0


@pytest.mark.parametrize("hangs_up", [False, True])
async def test_a_kill_ends_what_ignores_it(stand: Stand, server: sshd.Sshd, hangs_up: bool) -> None:
    """For root, OpenSSH may pass no signal on, and says so: then it is its log that shows both."""
    refused = "session signalling requires privilege separation"
    before = server.said().count(refused)
    async with caller(stand) as connection:
        stubborn = "trap '' TERM HUP PIPE; echo $$; while :; do sleep 0.1; done"
        process = await connection.create_process(stubborn)
        number = int(await process.stdout.readline())
        (session,) = stand.app.live.sessions
        assert stand.app.live.kill(session, "enough")
        if hangs_up:
            connection.abort()
        try:
            async with asyncio.timeout(processes.PATIENCE_SECONDS):
                while _there(number) and server.said().count(refused) < before + 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        await connection.wait_closed()
    (closed,) = await stand.recorded("session.closed")
    assert closed["reason"] == "killed: enough"


def _there(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


async def test_nothing_begins_once_it_is_killed(stand: Stand) -> None:
    async with caller(stand) as connection:
        process = await connection.create_process("echo runs; sleep 5")
        assert await process.stdout.readline() == "runs\n"
        (engine,) = [stand.app.ssh.engine] if stand.app.ssh else []
        (session,) = engine.sessions.values()
        (name,) = stand.app.live.sessions
        assert stand.app.live.kill(name, "enough")
        with pytest.raises(asyncssh.ChannelOpenError, match="the session is over"):
            session.session(connection)  # type: ignore[arg-type]
        with pytest.raises(asyncssh.ChannelOpenError, match="the session is over"):
            await session.forwards.to_place("db.internal", 5432)
        await connection.wait_closed()
