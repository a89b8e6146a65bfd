"""Commands through the gateway: OpenSSH's client, the gateway, OpenSSH's sshd."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.testbed import sshd
from tests.testbed.ssh import Host, Stand, standing

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


@pytest.fixture
async def stand(server: sshd.Sshd, tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path, [Host(server)]) as found:
        yield found


async def test_a_command_runs_and_is_on_record(stand: Stand) -> None:
    done = await stand.ssh("echo out; echo err >&2; exit 7", key=stand.certified())
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"err\n")
    (opened,) = stand.journal("session.opened")
    assert (opened["protocol"], opened["resource"], opened["application"]) == (
        "ssh",
        "bastion",
        "certificate",
    )
    (judged,) = stand.journal("action.judged")
    command = "echo out; echo err >&2; exit 7"
    assert (judged["verdict"], judged["form"], judged["text"]) == ("allow", "exec", command)
    assert judged["digest"] == hashlib.sha256(command.encode()).hexdigest()
    (outcome,) = await stand.recorded("action.outcome")
    assert (outcome["status"], outcome["tag"], outcome["bytes"]) == ("error", "exit 7", 8)
    (closed,) = await stand.recorded("session.closed")
    assert closed["reason"] == "caller"
    assert (closed["actions"], closed["bytes_down"]) == (1, 8)


async def test_input_output_and_its_end(stand: Stand) -> None:
    data = bytes(range(256)) * 8192
    done = await stand.ssh("cat", key=stand.certified(), stdin=data)
    assert done.returncode == 0
    assert done.stdout == data


async def test_much_output_comes_whole(stand: Stand) -> None:
    done = await stand.ssh(
        "head -c 40000000 /dev/zero | sha256sum; head -c 40000000 /dev/zero", key=stand.certified()
    )
    first, _, rest = done.stdout.partition(b"\n")
    assert len(rest) == 40_000_000
    assert first.split()[0].decode() == hashlib.sha256(rest).hexdigest()


async def test_a_signal_that_ends_a_command(stand: Stand) -> None:
    done = await stand.ssh("kill -9 $$", key=stand.certified())
    assert done.returncode == 255
    (outcome,) = await stand.recorded("action.outcome")
    assert outcome["tag"] == "signal KILL"


@pytest.mark.parametrize("user", ["bastion", "{login}%bastion"])
async def test_the_user_name_names_the_host(stand: Stand, server: sshd.Sshd, user: str) -> None:
    done = await stand.ssh("echo in", key=stand.certified(), user=user.format(login=server.user))
    assert done.stdout == b"in\n", done.stderr


@pytest.mark.parametrize(
    ("user", "code"),
    [("nowhere", "login.resource"), ("other%bastion", "login.login")],
)
async def test_a_host_that_is_not_there(stand: Stand, user: str, code: str) -> None:
    done = await stand.ssh("echo in", key=stand.certified(), user=user)
    assert (done.returncode, done.stdout) == (255, b"")
    assert code.encode() in done.stderr
    (refused,) = stand.journal("session.refused")
    assert (refused["code"], refused["claimed"]) == (code, user)
    assert refused["who"]["principal"] == "vedette#agent-1"


async def test_many_commands_over_one_connection(stand: Stand, tmp_path: Path) -> None:
    key, path = stand.certified(), tmp_path / "m"
    options = [f"ControlPath={path}", "ControlMaster=auto", "ControlPersist=yes"]
    first = await stand.ssh("echo 0", key=key, options=options)
    assert first.stdout == b"0\n"
    rest = await asyncio.gather(
        *(stand.ssh(f"echo {n}; exit {n}", key=key, options=options) for n in range(1, 9))
    )
    assert [(done.returncode, done.stdout) for done in rest] == [(n, f"{n}\n".encode()) for n in range(1, 9)]
    assert len(stand.journal("session.opened")) == 1
    assert len(stand.journal("action.judged")) == 9
    await stand.ssh("-O", "exit", key=key, options=options)
    await stand.recorded("session.closed")
