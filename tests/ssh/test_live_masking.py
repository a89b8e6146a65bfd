"""Masks over SSH: what commands print through OpenSSH's client, the gateway and OpenSSH's sshd."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncssh
import pytest

from tests.testbed import sshd
from tests.testbed.processes import LOOPBACK
from tests.testbed.ssh import EVERYTHING, Host, Stand, standing

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]

CARD, MAIL = "4111 1111 1111 1111", "ada@example.com"
MASKED = {
    "name": "masked",
    "who": {},
    "where": {},
    "rules": [
        *EVERYTHING["rules"],
        {"mask": {"pack": "personal-data"}},
        {"mask": {"pack": "secrets", "as": "partial"}},
    ],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


@pytest.fixture
async def stand(server: sshd.Sshd, tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path, [Host(server)], [MASKED]) as found:
        yield found


async def test_both_streams_are_masked_and_counted(stand: Stand) -> None:
    done = await stand.ssh(f"echo '{CARD} and {MAIL}'; echo '{MAIL}' >&2; exit 3", key=stand.certified())
    assert (done.returncode, done.stdout, done.stderr) == (3, b"[credit_card] and [email]\n", b"[email]\n")
    (outcome,) = await stand.recorded("action.outcome")
    assert outcome["masks"] == {"credit_card": 1, "email": 2}
    (judged,) = stand.journal("action.judged")
    assert judged["masks"] == ["masked/mask-2", "masked/mask-3"] or len(judged["masks"]) == 2
    journal = b"".join(path.read_bytes() for path in stand.app.journal.folder.glob("*") if path.is_file())
    assert CARD.encode() not in journal
    assert MAIL.encode() not in journal


SPLIT = [
    "printf '4111 1111 '; sleep 0.2; echo '1111 1111'",
    "printf 4111; sleep 0.1; printf 1111; sleep 0.1; printf 1111; sleep 0.1; echo 1111",
    r"printf '4111\033[31m 1111\033[0m 1111\033[1m 1111\033[0m\n'",
    r"printf '4111\033]0;title\007 1111 1111 1111\n'",
    r"printf '4\0001\0001\0001\0001\0001\0001\0001\0001\0001\0001\0001\0001\0001\0001\0001\n'",
    "for d in 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1; do printf $d; done; echo",
    r"printf '４１１１ １１１１ １１１１ １１１１\n'",
    r"printf '4111\b\b\b\b4111 1111 1111 1111\n'",
    "echo 4111111111111111 | cat; echo 4111-1111-1111-1111 >&2",
    "head -c 40000 /dev/zero | tr '\\0' x; echo ' 4111 1111 1111 1111'",
]


@pytest.mark.parametrize("command", SPLIT)
async def test_however_it_is_cut_it_does_not_come_whole(stand: Stand, command: str) -> None:
    done = await stand.ssh(command, key=stand.certified())
    assert done.returncode == 0
    seen = bytes(byte for byte in done.stdout + done.stderr if byte in b"0123456789")
    assert b"111111111111111" not in seen
    assert "１１１１ １１１１ １１１１".encode() not in done.stdout
    (outcome,) = await stand.recorded("action.outcome")
    assert outcome["masks"]["credit_card"] >= 1


async def test_a_private_key_is_hidden_over_its_lines(stand: Stand) -> None:
    key = sshd.keygen(stand.folder / "made")
    done = await stand.ssh(f"echo before; cat {key}; echo after", key=stand.certified())
    assert done.stdout == b"before\n[private_key]\nafter\n"


async def test_a_prompt_comes_at_once_and_what_follows_it_too(stand: Stand) -> None:
    command = "printf 'Name: '; read name; printf \"Hello $name, \"; printf 'Password: '; read it; echo ok"
    done = await stand.ssh(command, key=stand.certified(), stdin=b"Ada\nsecret\n")
    assert done.stdout == b"Name: Hello Ada, Password: ok\n"


async def test_what_is_no_text_ends_the_command_with_a_reason(stand: Stand) -> None:
    done = await stand.ssh(f"echo {MAIL} | gzip -c", key=stand.certified())
    assert done.returncode == 255
    assert done.stdout == b""
    assert b"binary data" in done.stderr
    assert b"[masking.refused]" in done.stderr
    (outcome,) = await stand.recorded("action.outcome")
    assert outcome["status"] == "error"
    assert outcome["tag"].startswith("masking: ")


async def test_by_rule_what_is_no_text_is_masked_as_text(server: sshd.Sshd, tmp_path: Path) -> None:
    rules = [*EVERYTHING["rules"], {"mask": {"entities": ["email"], "binary": "text"}}]
    async with standing(tmp_path, [Host(server)], [MASKED | {"rules": rules}]) as stand:
        done = await stand.ssh(
            "printf '\\001\\002\\003\\004\\377 ada@example.com \\001\\002'", key=stand.certified()
        )
        assert done.stdout == b"\x01\x02\x03\x04\xff [email] \x01\x02"


async def test_much_output_comes_whole(stand: Stand) -> None:
    done = await stand.ssh("seq -f 'line %06.0f of text' 200000", key=stand.certified())
    assert done.stdout == b"".join(b"line %06d of text\n" % i for i in range(1, 200001))


async def test_many_values_close_together_come_masked_and_in_order(stand: Stand) -> None:
    command = f'for i in $(seq 3000); do echo "$i. {MAIL} {CARD}"; done'
    done = await stand.ssh(command, key=stand.certified())
    assert done.stdout == b"".join(b"%d. [email] [credit_card]\n" % i for i in range(1, 3001))


async def test_what_carries_bytes_that_nobody_reads_is_refused(stand: Stand) -> None:
    done = await stand.ssh("-W", "127.0.0.1:1", key=stand.certified())
    assert done.returncode != 0
    (judged,) = [event for event in stand.journal("action.judged") if event["form"] == "forward"]
    assert (judged["verdict"], judged["code"]) == ("deny", "masking.refused")


async def test_what_is_recorded_is_masked(stand: Stand) -> None:
    await stand.ssh(f"echo '{CARD}'; echo {MAIL} >&2", key=stand.certified())
    await stand.recorded("session.closed")
    kept = b"".join(path.read_bytes() for path in stand.folder.rglob("*.cast"))
    assert b"[credit_card]" in kept
    assert CARD.encode() not in kept
    assert MAIL.encode() not in kept


# --- files ------------------------------------------------------------------------------------------

TEXT = f"""name,card
Ada,{CARD}
Grace,4111111111111111
mail {MAIL} and 192.168.17.4
""".encode()


async def files(
    stand: Stand, program: str, *words: str, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    made = stand.words(*words, key=stand.certified(), program=program)
    if program == "scp":
        made = [made[0], "-q", *made[1:]]
    return await asyncio.to_thread(sshd.run, made, stdin=stdin)


@contextlib.asynccontextmanager
async def sftp(stand: Stand) -> AsyncIterator[asyncssh.SFTPClient]:
    made = await asyncssh.connect(
        LOOPBACK, stand.port, config=None, username="bastion", password=stand.token(), known_hosts=None,
        client_keys=None, agent_path=None,
    )  # fmt: skip
    async with made, made.start_sftp_client() as found:
        yield found


@pytest.fixture
def there(stand: Stand) -> Path:
    folder = stand.folder / "there"
    folder.mkdir()
    (folder / "text").write_bytes(TEXT)
    (folder / "zipped").write_bytes(b"\x1f\x8b\x08\0" + bytes(range(256)))
    return folder


def hidden(data: bytes) -> bool:
    return (
        len(data) == len(TEXT)
        and data.startswith(b"name,card\nAda,[credit_card]******\n")
        and MAIL.encode() not in data
    )


async def test_sftp_of_openssh_gets_a_masked_copy_as_long_as_the_file(stand: Stand, there: Path) -> None:
    batch = f"get {there}/text {stand.folder}/copy\nls -l {there}\n".encode()
    done = await files(stand, "sftp", "-b", "-", f"bastion@{LOOPBACK}", stdin=batch)
    assert done.returncode == 0, done.stderr
    copy = (stand.folder / "copy").read_bytes()
    assert hidden(copy)
    outcomes = {each.get("tag", ""): each for each in await stand.recorded("action.outcome", 4)}
    (read,) = [each for tag, each in outcomes.items() if tag.startswith("read ")]
    assert read["tag"] == f"read {len(TEXT)} sha256 {hashlib.sha256(copy).hexdigest()}"
    assert read["masks"] == {"credit_card": 2, "email": 1, "ip_address": 1}


@pytest.mark.parametrize("old", [False, True])
async def test_scp_gets_a_masked_copy(stand: Stand, there: Path, old: bool) -> None:
    way = ("-O",) if old else ()
    done = await files(stand, "scp", *way, f"bastion@{LOOPBACK}:{there}/text", str(stand.folder / "copy"))
    copy = stand.folder / "copy"
    if old:
        # It says how long a file is before it sends it.
        assert done.returncode != 0
        assert b"use sftp, or scp without -O" in done.stderr
        assert not copy.exists()
    else:
        assert done.returncode == 0, done.stderr
        assert hidden(copy.read_bytes())


async def test_reads_from_anywhere_in_a_file_are_masked(stand: Stand, there: Path) -> None:
    async with sftp(stand) as client:
        assert hidden(await (await client.open(f"{there}/text", "rb")).read())
        async with client.open(f"{there}/text", "rb") as file:
            place = TEXT.index(CARD.encode()) + 5
            await file.seek(place)
            assert b"1111" not in (await file.read(14))
            assert (await file.stat()).size == len(TEXT)
            await file.seek(len(TEXT))
            assert await file.read(10) == b""


async def test_what_cannot_be_masked_is_not_opened(stand: Stand, there: Path) -> None:
    (there / "large").write_bytes(b"x" * (16 * 1024 * 1024 + 1))
    async with sftp(stand) as client:
        for name, said in (("zipped", "binary data"), ("large", "over 16777216 bytes")):
            with pytest.raises(asyncssh.SFTPError, match=said):
                await client.open(f"{there}/{name}", "rb")
        for mode in ("r+b", "a+b", "w+b"):
            with pytest.raises(asyncssh.SFTPError, match="not read and written at once"):
                await client.open(f"{there}/text", mode)
        assert hidden(await (await client.open(f"{there}/text", "rb")).read()), "the channel goes on"
    assert (there / "text").read_bytes() == TEXT


async def test_what_is_sent_up_stays_as_it_is(stand: Stand, there: Path) -> None:
    (stand.folder / "mine").write_bytes(TEXT)
    done = await files(stand, "scp", str(stand.folder / "mine"), f"bastion@{LOOPBACK}:{there}/new")
    assert done.returncode == 0, done.stderr
    assert (there / "new").read_bytes() == TEXT
    async with sftp(stand) as client, client.open(f"{there}/new", "ab") as file:
        await file.write(b"more")
    assert (there / "new").read_bytes() == TEXT + b"more"


async def test_names_and_the_hosts_words_are_masked_too(stand: Stand, there: Path) -> None:
    (there / f"of-{MAIL}.txt").write_bytes(b"x")
    (there / "link").symlink_to(f"/home/{MAIL}")
    async with sftp(stand) as client:
        names = await client.listdir(str(there))
        assert MAIL not in "".join(map(str, names))
        assert MAIL not in str(await client.readlink(f"{there}/link"))


async def test_a_file_that_changes_is_shown_as_it_was_when_it_was_opened(stand: Stand, there: Path) -> None:
    async with sftp(stand) as client, client.open(f"{there}/text", "rb") as file:
        (there / "text").write_bytes(b"changed: 4111111111111111 and more than there was before" * 10)
        assert hidden(await file.read())


async def test_a_large_file_is_masked_with_many_reads_on_their_way(stand: Stand, there: Path) -> None:
    lines = b"".join(
        b"%07d of %s\n" % (i, MAIL.encode() if i % 997 == 0 else b"nothing") for i in range(200_000)
    )
    (there / "big").write_bytes(lines)
    done = await files(stand, "scp", f"bastion@{LOOPBACK}:{there}/big", str(stand.folder / "copy"))
    assert done.returncode == 0, done.stderr
    assert (stand.folder / "copy").read_bytes() == lines.replace(MAIL.encode(), b"[email]********")
