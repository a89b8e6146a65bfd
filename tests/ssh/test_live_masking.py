"""Masks over SSH: what commands print through OpenSSH's client, the gateway and OpenSSH's sshd."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.testbed import sshd
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
