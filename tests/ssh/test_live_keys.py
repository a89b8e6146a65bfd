"""Logins by registered public keys, with OpenSSH's own client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncssh
import pytest

from tests.testbed import sshd
from tests.testbed.processes import LOOPBACK
from tests.testbed.ssh import HOST, Host, Stand, standing
from vedette.identity import keys as api_keys
from vedette.identity.ssh_ca import fingerprint, read_public_key
from vedette.model import Kind

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


async def register(stand: Stand, path: Path, *, ttl: float | None = None, name: str = "ci") -> str:
    """The key at *path* speaks for the service *name* from here on; its id."""
    public = read_public_key(path.with_suffix(".pub").read_text())
    now = time.time()
    expires = None if ttl is None else now + ttl
    _, record = api_keys.create(name, name, Kind.SERVICE, ["builders"], expires, now=now - 100)
    await stand.app.store.keys.add(api_keys.registered(record, fingerprint(public)))
    return record.prefix


def words(stand: Stand, key: Path, *words: str) -> list[str]:
    return sshd.client(stand.port, HOST, *words, identity=key, known=stand.host_line, folder=stand.folder)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
async def test_a_registered_key_lets_in(stand: Stand, kind: str) -> None:
    key = sshd.keygen(stand.folder / "mine", kind)
    prefix = await register(stand, key)
    done = await asyncio.to_thread(sshd.run, words(stand, key, "echo in"))
    assert done.stdout == b"in\n", done.stderr
    (opened,) = stand.journal("session.opened")
    assert opened["application"] == "key"
    assert (opened["who"]["principal"], opened["who"]["credential"]) == ("vedette#ci", prefix)


async def test_a_key_that_nobody_registered(stand: Stand) -> None:
    key = sshd.keygen(stand.folder / "mine")
    done = await asyncio.to_thread(sshd.run, words(stand, key, "echo in"))
    assert (done.returncode, done.stdout) == (255, b"")
    assert stand.journal("session.opened") == []


@pytest.mark.parametrize("how", ["withdrawn", "over"])
async def test_a_key_that_no_longer_stands(stand: Stand, how: str) -> None:
    key = sshd.keygen(stand.folder / "mine")
    prefix = await register(stand, key, ttl=-1 if how == "over" else None)
    if how == "withdrawn":
        await stand.app.store.keys.revoke(prefix, time.time())
        stand.app.revocations.add(prefix)
    done = await asyncio.to_thread(sshd.run, words(stand, key, "echo in"))
    assert done.returncode == 255
    (refused,) = await stand.recorded("session.refused")
    assert refused["code"] == ("identity.revoked" if how == "withdrawn" else "identity.expired")


async def test_revoking_a_key_ends_its_sessions(stand: Stand) -> None:
    key = sshd.keygen(stand.folder / "mine")
    prefix = await register(stand, key)
    running = asyncio.create_task(asyncio.to_thread(sshd.run, words(stand, key, "sleep 60")))
    await stand.recorded("action.judged")
    await stand.app.store.keys.revoke(prefix, time.time())
    stand.app.revocations.add(prefix)
    done = await running
    assert done.returncode != 0
    assert b"session.revoked" in done.stderr
    (closed,) = await stand.recorded("session.closed")
    assert closed["reason"].startswith("revoked")


async def test_a_key_that_is_shown_is_not_proven(stand: Stand) -> None:
    """CVE-2023-43660's family: a public key is public. Another one's signature does not make it one's own."""
    known, own = sshd.keygen(stand.folder / "known"), sshd.keygen(stand.folder / "own")
    await register(stand, known)
    pair = asyncssh.load_keypairs([asyncssh.read_private_key(own)])[0]
    pair.public_data = asyncssh.read_public_key(known.with_suffix(".pub")).public_data
    with pytest.raises(asyncssh.PermissionDenied):
        async with asyncssh.connect(
            LOOPBACK, stand.port, config=None, username=HOST, known_hosts=None, agent_path=None,
            client_keys=[pair],
        ):  # fmt: skip
            pass
    assert stand.journal("session.opened") == []
    await stand.app._uses.write()
    (row,) = await stand.app.store.keys.all()
    assert row.used is None


async def test_the_principal_is_that_of_the_key_that_signed(stand: Stand) -> None:
    """Another's registered key is offered first, without its private half."""
    other, own = sshd.keygen(stand.folder / "other"), sshd.keygen(stand.folder / "own")
    await register(stand, other, name="admin")
    await register(stand, own, name="ci")
    (stand.folder / "other").unlink()
    offered = words(stand, own, "echo in")
    offered[1:1] = ["-i", str(other) + ".pub"]
    done = await asyncio.to_thread(sshd.run, offered)
    assert done.stdout == b"in\n", done.stderr
    (opened,) = stand.journal("session.opened")
    assert opened["who"]["principal"] == "vedette#ci"
    await stand.app._uses.write()
    assert {row.record.name: row.used is not None for row in await stand.app.store.keys.all()} == {
        "admin": False, "ci": True,
    }  # fmt: skip


async def test_a_plain_key_does_not_stand_in_for_a_certificate(stand: Stand) -> None:
    """Its certificate has ended: the key alone was never registered."""
    key = stand.certified()
    key.with_name(key.name + "-cert.pub").unlink()
    done = await asyncio.to_thread(sshd.run, words(stand, key, "echo in"))
    assert done.returncode == 255
    assert stand.journal("session.opened") == []
