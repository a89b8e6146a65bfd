"""At the door: what lets a caller in, what does not, and what the gateway makes of the host's own key."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.testbed import processes, sshd
from tests.testbed.processes import LOOPBACK
from tests.testbed.ssh import Host, Stand, standing
from vedette.identity.ssh_ca import SshAuthority
from vedette.model import Kind
from vedette.protocols.ssh import algorithms

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


class Client(asyncssh.SSHClient):
    """Answers every prompt with *answer*, and remembers what the gateway says."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.banners: list[str] = []
        self.prompts: list[str] = []

    def auth_banner_received(self, msg: str, lang: str) -> None:
        self.banners.append(msg)

    def kbdint_auth_requested(self) -> str:
        return ""

    def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> list[str]:
        self.prompts += [prompt for prompt, _ in prompts]
        return [self.answer] * len(prompts)


@contextlib.asynccontextmanager
async def login(stand: Stand, **options: Any) -> AsyncIterator[asyncssh.SSHClientConnection]:
    wish = {"username": "bastion", "known_hosts": None, "client_keys": None, "agent_path": None} | options
    made = await asyncssh.connect(LOOPBACK, stand.port, config=None, **wish)
    async with made:
        yield made


async def code(stand: Stand) -> str:
    return str((await stand.recorded("session.refused"))[-1]["code"])


async def test_a_token_as_password(stand: Stand) -> None:
    async with login(stand, password=stand.token(), preferred_auth="password") as connection:
        assert (await connection.run("echo in")).stdout == "in\n"
    (opened,) = stand.journal("session.opened")
    assert opened["application"] == "password"
    assert opened["tls"] in algorithms.CIPHERS


async def test_a_token_at_the_prompt(stand: Stand) -> None:
    client = Client(stand.token())
    async with login(
        stand, client_factory=lambda: client, preferred_auth="keyboard-interactive"
    ) as connection:
        assert (await connection.run("echo in")).stdout == "in\n"
    assert client.prompts == ["Vedette token, or Enter to sign in with a browser: "]


async def test_the_token_is_nowhere(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    token = stand.token()
    async with login(stand, password=token) as connection:
        await connection.run("echo secretcommand")
    with pytest.raises(asyncssh.PermissionDenied):
        async with login(stand, password="x" + token):
            pass
    assert token not in caplog.text
    kept = [path.read_bytes() for path in stand.app.folder.path.rglob("*") if path.is_file()]
    assert not [1 for content in kept if token.encode() in content]


@pytest.mark.parametrize(
    ("password", "refused"),
    [("nonsense", "identity.malformed"), ("vdt_aaaaaaaa_" + "a" * 32, "identity.key"), ("x" * 20_000, "identity.malformed")],
    ids=["nonsense", "key", "huge"],
)  # fmt: skip
async def test_what_is_no_token(stand: Stand, password: str, refused: str) -> None:
    client = Client("")
    with pytest.raises(asyncssh.PermissionDenied):
        async with login(stand, password=password, client_factory=lambda: client, preferred_auth="password"):
            pass
    assert await code(stand) == refused
    assert refused in "".join(client.banners)
    assert stand.journal("session.opened") == []


async def test_a_token_for_other_resources(stand: Stand) -> None:
    principal = stand.app.tokens.verify(stand.token(), time.time())
    lent = dataclasses.replace(principal, resources=frozenset({"elsewhere"}))
    key = sshd.keygen(stand.folder / "lent")
    made = stand.app.ssh_authority.issue(lent, key.with_suffix(".pub").read_text(), now=time.time())
    key.with_name("lent-cert.pub").write_text(made.text)
    done = await stand.ssh("echo in", key=key)
    assert b"login.lent" in done.stderr
    assert await code(stand) == "login.lent"


async def other(stand: Stand, name: str, what: str) -> Path:
    """A key with a certificate that is almost right."""
    issued = stand.app.tokens.issue("agent-1", Kind.AGENT, (), 600.0, now=time.time())
    principal = stand.app.tokens.verify(issued.text, time.time())
    key = sshd.keygen(stand.folder / name)
    text = key.with_suffix(".pub").read_text()
    authority = SshAuthority.generate() if what == "forged" else stand.app.ssh_authority
    made = authority.issue(principal, text, now=time.time() - (4000 if what == "expired" else 0))
    if what == "revoked":
        await stand.app.store.tokens.add(issued.record, "")
        await stand.app.store.tokens.revoke(issued.record.id, time.time())
        stand.app.revocations.add(issued.record.id)
    key.with_name(key.name + "-cert.pub").write_text(made.text)
    return key


@pytest.mark.parametrize(
    ("what", "refused"),
    [("forged", "identity.issuer"), ("expired", "identity.expired"), ("revoked", "identity.revoked")],
)
async def test_a_certificate_that_is_not_good(stand: Stand, what: str, refused: str) -> None:
    done = await stand.ssh("echo in", key=await other(stand, "other", what))
    assert (done.returncode, done.stdout) == (255, b"")
    assert await code(stand) == refused
    assert stand.journal("session.opened") == []


async def test_a_certificate_without_its_key(stand: Stand) -> None:
    """CVE-2023-43660's family: shown is not proven."""
    stolen, own = stand.certified(), sshd.keygen(stand.folder / "own")
    certificate = stolen.with_name(stolen.name + "-cert.pub")
    private = asyncssh.read_private_key(own)
    claimed = asyncssh.read_certificate(certificate)
    pair = asyncssh.load_keypairs([private])[0]
    pair.public_data = claimed.public_data
    with pytest.raises(asyncssh.PermissionDenied):
        async with login(stand, client_keys=[pair]):
            pass
    assert stand.journal("session.opened") == []


async def test_plain_keys_are_not_taken(stand: Stand, server: sshd.Sshd) -> None:
    with pytest.raises(asyncssh.PermissionDenied):
        async with login(stand, client_keys=[str(server.key)]):
            pass
    assert stand.journal("session.opened") == []


async def test_offered_for_one_and_proven_for_nothing(stand: Stand) -> None:
    """A good certificate that is only offered must not lend its principal to another login."""
    key = stand.certified("admin")
    good = asyncssh.load_keypairs([str(key)])
    assert len(good) == 2, "with and without its certificate"
    async with login(stand, client_keys=None, password=stand.token("agent-2")) as connection:
        await connection.run("true")
    (opened,) = stand.journal("session.opened")
    assert opened["who"]["principal"] == "vedette#agent-2"


async def test_tries_are_counted(stand: Stand) -> None:
    tries = 0

    class Stubborn(asyncssh.SSHClient):
        def password_auth_requested(self) -> str:
            nonlocal tries
            tries += 1
            return f"wrong {tries}"

    with pytest.raises((asyncssh.DisconnectError, asyncssh.ConnectionLost)) as ended:
        async with login(stand, client_factory=Stubborn, preferred_auth="password"):
            pass
    assert tries == 7
    assert "login.tries" in str(ended.value)
    assert len(stand.journal("session.refused")) == 6


@pytest.mark.parametrize("user", ["", "a b", "%bastion", "bastion%", "../x", "x" * 300, "bästion"])
async def test_names_that_are_none(stand: Stand, user: str) -> None:
    with pytest.raises((asyncssh.Error, OSError)):
        async with login(stand, username=user, password=stand.token()):
            pass
    assert stand.journal("session.opened") == []


async def test_a_host_with_another_key_is_refused(server: sshd.Sshd, tmp_path: Path) -> None:
    other_key = sshd.keygen(tmp_path / "otherkey").with_suffix(".pub").read_text().strip()
    async with standing(tmp_path, [Host(server, host_key=other_key)]) as stand:
        done = await stand.ssh("echo in", key=stand.certified())
        assert (done.returncode, done.stdout) == (255, b"")
        assert b"upstream.host_key" in done.stderr
        assert await code(stand) == "upstream.host_key"
    assert "Accepted" not in server.said().rsplit("Connection from", 1)[1]


async def test_a_host_that_does_not_answer(server: sshd.Sshd, tmp_path: Path) -> None:
    async with standing(tmp_path, [Host(server, port=processes.free_port())]) as stand:
        done = await stand.ssh("echo in", key=stand.certified())
        assert b"upstream.unreachable" in done.stderr


async def test_a_host_that_does_not_take_the_login(server: sshd.Sshd, tmp_path: Path) -> None:
    async with standing(tmp_path, [Host(server, user="nobody-there")]) as stand:
        done = await stand.ssh("echo in", key=stand.certified())
        assert b"upstream.login" in done.stderr


@pytest.mark.parametrize(
    "offer",
    [
        {"encryption_algs": ["chacha20-poly1305@openssh.com"]},
        {"encryption_algs": ["aes128-cbc"]},
        {"encryption_algs": ["aes128-ctr"], "mac_algs": ["hmac-sha2-256-etm@openssh.com"]},
        {"encryption_algs": ["aes128-ctr"], "mac_algs": ["hmac-sha1"]},
        {"kex_algs": ["diffie-hellman-group14-sha1"]},
    ],
    ids=str,
)
async def test_algorithms_that_are_not_spoken(stand: Stand, offer: dict[str, Any]) -> None:
    with pytest.raises(asyncssh.KeyExchangeFailed):
        async with login(stand, password=stand.token(), **offer):
            pass


@pytest.mark.parametrize(
    "junk",
    [b"GET / HTTP/1.1\r\n\r\n", b"SSH-1.5-old\r\n", b"\0" * 5000, b"SSH-2.0-x\r\n" + b"\xff" * 4000, b"x" * 70_000 + b"\n"],
    ids=["http", "ssh1", "null", "packet", "line"],
)  # fmt: skip
async def test_junk_at_the_door_ends_there(stand: Stand, junk: bytes) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, stand.port)
    writer.write(junk)
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(processes.PATIENCE_SECONDS):
            await reader.read(-1)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    async with login(stand, password=stand.token()) as connection:
        assert (await connection.run("echo fine")).stdout == "fine\n"


async def test_a_slow_caller_is_let_go(server: sshd.Sshd, tmp_path: Path) -> None:
    async with standing(tmp_path, [Host(server)], gateway={"limits": {"login_timeout": "1s"}}) as stand:
        with socket.create_connection((LOOPBACK, stand.port)) as slow:
            slow.setblocking(False)
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(processes.PATIENCE_SECONDS):
                while await loop.sock_recv(slow, 4096):
                    pass
