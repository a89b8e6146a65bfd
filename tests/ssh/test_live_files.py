"""Files through the gateway: OpenSSH's sftp and scp, rsync's way, and a real sftp-server."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
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
DATA = bytes(range(256)) * 3000


def policy(folder: Path) -> dict[str, Any]:
    rules = [
        *EVERYTHING["rules"],
        {"deny": {"objects": [f"file:{folder}/secret*"]}, "name": "secrets", "message": "not that file"},
        {"deny": {"effects": ["delete"], "objects": ["file:*"]}, "name": "keep"},
        {
            "hold": {"effects": ["write"], "objects": [f"file:{folder}/held*"]},
            "approvers": {"groups": ["dba"]},
        },
    ]
    return {"name": "files", "who": {}, "where": {}, "rules": rules}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


@pytest.fixture
async def stand(server: sshd.Sshd, tmp_path: Path) -> AsyncIterator[Stand]:
    (tmp_path / "there").mkdir()
    async with standing(tmp_path, [Host(server)], [policy(tmp_path / "there")]) as found:
        yield found


@contextlib.asynccontextmanager
async def client(stand: Stand) -> AsyncIterator[asyncssh.SFTPClient]:
    made = await asyncssh.connect(
        LOOPBACK, stand.port, config=None, username="bastion", password=stand.token(), known_hosts=None,
        client_keys=None, agent_path=None,
    )  # fmt: skip
    async with made, made.start_sftp_client() as found:
        yield found


async def run(
    stand: Stand, program: str, *words: str, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    made = stand.words(*words, key=stand.certified(), program=program)
    if program == "scp":
        made = [made[0], "-q", *made[1:]]
    return await asyncio.to_thread(sshd.run, made, stdin=stdin)


async def test_sftp_of_openssh(stand: Stand) -> None:
    there, here = stand.folder / "there", stand.folder / "here"
    here.write_bytes(DATA)
    batch = f"put {here} {there}/file\nget {there}/file {here}.back\nls {there}\n".encode()
    done = await run(stand, "sftp", "-b", "-", f"bastion@{LOOPBACK}", stdin=batch)
    assert done.returncode == 0, done.stderr
    assert (there / "file").read_bytes() == (stand.folder / "here.back").read_bytes() == DATA
    texts = [event["text"] for event in stand.journal("action.judged")]
    assert "sftp" in texts
    assert f"write {there}/file" in texts
    assert f"read {there}/file" in texts
    digest = hashlib.sha256(DATA).hexdigest()
    tags = [event.get("tag", "") for event in await stand.recorded("action.outcome", len(texts))]
    assert f"wrote {len(DATA)} sha256 {digest}" in tags
    assert f"read {len(DATA)} sha256 {digest}" in tags


async def copied(stand: Stand, *flags: str) -> bool:
    there, here = stand.folder / "there", stand.folder / "here"
    here.write_bytes(DATA)
    up = await run(stand, "scp", *flags, str(here), f"bastion@{LOOPBACK}:{there}/up")
    down = await run(stand, "scp", *flags, f"bastion@{LOOPBACK}:{there}/up", str(here) + "2")
    assert (up.returncode, down.returncode) == (0, 0), up.stderr + down.stderr
    return (there / "up").read_bytes() == (stand.folder / "here2").read_bytes() == DATA


async def test_scp_of_openssh(stand: Stand) -> None:
    assert await copied(stand)


async def test_scp_as_it_was_is_a_command(server: sshd.Sshd, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    async with standing(tmp_path, [Host(server)]) as stand:
        assert await copied(stand, "-O")
        forms = {(event["form"], event["text"].split()[0]) for event in stand.journal("action.judged")}
        assert forms == {("exec", "scp")}


async def test_a_refused_file_is_not_read(stand: Stand) -> None:
    there = stand.folder / "there"
    (there / "secret-plan").write_text("the plan")
    (there / "plain").write_text("plain")
    async with client(stand) as files:
        with pytest.raises(asyncssh.SFTPPermissionDenied, match="not that file"):
            await files.open(f"{there}/secret-plan", "rb")
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await files.open(f"{there}/x/../secret-plan", "rb")
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await files.rename(f"{there}/plain", f"{there}/secret-other")
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await files.remove(f"{there}/plain")
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await files.symlink(f"{there}/secret-plan", f"{there}/link")
        async with files.open(f"{there}/plain", "rb") as file:
            assert await file.read() == b"plain"
    denied = [event for event in stand.journal("action.judged") if event["verdict"] == "deny"]
    assert [event["form"] for event in denied] == ["sftp"] * 5
    assert sorted(path.name for path in there.iterdir()) == ["plain", "secret-plan"]


@pytest.mark.parametrize("approve", [True, False])
async def test_an_upload_waits_for_people(stand: Stand, approve: bool) -> None:
    there = stand.folder / "there"
    async with client(stand) as files:

        async def upload() -> None:
            async with files.open(f"{there}/held-file", "wb") as file:
                await file.write(DATA)

        writing = asyncio.create_task(upload())
        async with asyncio.timeout(processes.PATIENCE_SECONDS):
            while not (held := await stand.app.desk.pending()):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert not (there / "held-file").exists()
        await stand.app.desk.decide(held[0].id, DBA, approve)
        if approve:
            await writing
            assert (there / "held-file").read_bytes() == DATA
        else:
            with pytest.raises(asyncssh.SFTPPermissionDenied, match=r"approval\.denied"):
                await writing
            assert not (there / "held-file").exists()


async def test_what_the_host_refuses_is_on_record_as_that(stand: Stand) -> None:
    async with client(stand) as files:
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await files.open("/nowhere/at/all", "rb")
        outcomes = await stand.recorded("action.outcome")
    assert "error" in [event["status"] for event in outcomes]


async def test_bytes_that_are_not_sftp_end_the_channel(stand: Stand) -> None:
    made = await asyncssh.connect(
        LOOPBACK, stand.port, config=None, username="bastion", password=stand.token(), known_hosts=None,
        client_keys=None, agent_path=None,
    )  # fmt: skip
    async with made:
        done = await made.create_process(subsystem="sftp", encoding=None)
        done.stdin.write(b"\xff" * 100)
        result = await done.wait()
        assert b"protocol.unreadable" in result.stderr
        assert (await made.run("echo fine")).stdout == "fine\n"
