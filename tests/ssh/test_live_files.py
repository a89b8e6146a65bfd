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
        shown = f"write {there}/held-file {len(DATA)} bytes sha256 {hashlib.sha256(DATA).hexdigest()}"
        assert held[0].text == shown
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


async def pending(stand: Stand) -> Any:
    async with asyncio.timeout(processes.PATIENCE_SECONDS):
        while not (held := await stand.app.desk.pending()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return held[0]


async def test_what_is_written_is_what_was_approved_with_its_time_and_mode(stand: Stand) -> None:
    there, here = stand.folder / "there", stand.folder / "here"
    here.write_bytes(DATA)
    here.chmod(0o640)
    writing = asyncio.create_task(run(stand, "scp", "-p", str(here), f"bastion@{LOOPBACK}:{there}/held-file"))
    hold = await pending(stand)
    assert f"{len(DATA)} bytes sha256 {hashlib.sha256(DATA).hexdigest()}" in hold.text
    here.write_bytes(b"changed while people think")
    assert not (there / "held-file").exists()
    await stand.app.desk.decide(hold.id, DBA, True)
    done = await writing
    assert done.returncode == 0, done.stderr
    assert b"waiting for approval" in done.stderr
    assert (there / "held-file").read_bytes() == DATA
    assert (there / "held-file").stat().st_mode & 0o777 == 0o640
    (judged,) = [e for e in stand.journal("action.judged") if "held-file" in e["text"] and e.get("approval")]
    assert judged["digest"] == hashlib.sha256(DATA).hexdigest()
    outcomes = await stand.recorded("action.outcome", 3)
    assert f"wrote {len(DATA)} sha256 {judged['digest']}" in [each.get("tag") for each in outcomes]


async def test_an_approval_is_for_these_bytes_only(server: sshd.Sshd, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    rules = [
        *EVERYTHING["rules"],
        {
            "hold": {"effects": ["write"], "objects": [f"file:{there}/*"]},
            "approvers": {"groups": ["dba"]},
            "mode": "ticket",
        },
    ]
    async with (
        standing(
            tmp_path, [Host(server)], [{"name": "files", "who": {}, "where": {}, "rules": rules}]
        ) as stand,
        client(stand) as files,
    ):

        async def put(data: bytes) -> None:
            async with files.open(f"{there}/file", "wb") as file:
                await file.write(data)

        with pytest.raises(asyncssh.SFTPPermissionDenied, match=r"approval\.required"):
            await put(b"this")
        await stand.app.desk.decide((await pending(stand)).id, DBA, True)
        with pytest.raises(asyncssh.SFTPPermissionDenied, match=r"approval\.required"):
            await put(b"that")
        assert not (there / "file").exists()
        await put(b"this")
        assert (there / "file").read_bytes() == b"this"


async def test_a_held_upload_is_bounded_and_read_by_nobody(stand: Stand) -> None:
    there = stand.folder / "there"
    async with client(stand) as files:
        file = await files.open(f"{there}/held-file", "wb")
        await file.write(b"x", 100)
        assert (await file.stat()).size == 101
        with pytest.raises(asyncssh.SFTPError, match="opened to write"):
            await file.read(10, 0)
        with pytest.raises(asyncssh.SFTPFailure, match=r"sftp\.upload"):
            await file.write(b"x", 33 << 20)
        with pytest.raises(asyncssh.SFTPFailure, match=r"sftp\.upload"):
            await file.close()
        assert not (there / "held-file").exists()
        assert await files.exists(there)
    assert await stand.app.desk.pending() == []


async def test_what_is_only_changed_in_part_is_asked_about_when_it_is_opened(stand: Stand) -> None:
    there = stand.folder / "there"
    (there / "held-file").write_bytes(b"before")
    async with client(stand) as files:
        opening = asyncio.create_task(files.open(f"{there}/held-file", "ab").__aenter__())
        hold = await pending(stand)
        assert hold.text == f"write {there}/held-file"
        await stand.app.desk.decide(hold.id, DBA, False)
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await opening
    assert (there / "held-file").read_bytes() == b"before"
