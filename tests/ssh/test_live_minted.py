"""Logins at hosts by certificates that are made for one session, and what the hosts' own log says then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.testbed import sshd
from tests.testbed.ssh import Host, standing
from vedette.identity.ssh_hosts import HostsAuthority

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]
#: What sshd writes at a login (auth.c, auth2-pubkey.c): the key id, the serial and the authority.
LOGGED = re.compile(
    r"Accepted publickey .* ED25519-CERT SHA256:\S+ ID (.*) \(serial (\d+)\) CA ED25519 (\S+)"
)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    return sshd.keygen(tmp_path / "hosts_ca")


@pytest.fixture
def server(tmp_path: Path, authority: Path) -> Iterator[sshd.Sshd]:
    public = authority.with_suffix(".pub").read_text()
    with sshd.serving(tmp_path / "sshd", trusted_ca=public, more=["AuthorizedPrincipalsFile none"]) as found:
        yield found


def by(authority: Path, **more: Any) -> dict[str, Any]:
    return {"authority": {"key": {"file": str(authority)}, **more}}


async def test_the_hosts_log_and_the_journal_can_be_joined(
    server: sshd.Sshd, authority: Path, tmp_path: Path
) -> None:
    async with standing(tmp_path, [Host(server, login=by(authority))]) as stand:
        key = stand.certified()
        for _ in range(2):
            assert (await stand.ssh("echo in", key=key)).stdout == b"in\n"
        opened = {each["session"] for each in stand.journal("session.opened")}
    logged = LOGGED.findall(server.said())
    assert {id for id, _, _ in logged} == {
        f"vedette session={session} principal=vedette#agent-1" for session in opened
    }
    assert len({serial for _, serial, _ in logged}) == len(opened) == 2


async def test_the_gateways_own_authority(tmp_path: Path) -> None:
    line = HostsAuthority.open(tmp_path / "vedette-data" / "keys").line
    with sshd.serving(tmp_path / "sshd", trusted_ca=line) as server:
        async with standing(tmp_path, [Host(server, login={"authority": {}})]) as stand:
            assert stand.app.ssh_hosts_authority.line == line
            assert (await stand.ssh("echo in", key=stand.certified())).stdout == b"in\n"


@pytest.mark.parametrize(
    ("login", "code"),
    [({"principals": ["somebody"]}, "upstream.login"), ({}, "")],
    ids=["a name that is not the account", "the account"],
)
async def test_the_principals_are_what_lets_in(
    server: sshd.Sshd, authority: Path, tmp_path: Path, login: dict[str, Any], code: str
) -> None:
    async with standing(tmp_path, [Host(server, login=by(authority, **login))]) as stand:
        done = await stand.ssh("echo in", key=stand.certified())
        assert done.returncode == (255 if code else 0)
        assert code.encode() in done.stderr
        assert [each["code"] for each in stand.journal("session.refused")] == ([code] if code else [])


async def test_an_authority_that_the_host_does_not_trust(server: sshd.Sshd, tmp_path: Path) -> None:
    other = sshd.keygen(tmp_path / "other_ca")
    async with standing(tmp_path, [Host(server, login=by(other))]) as stand:
        assert b"upstream.login" in (await stand.ssh("echo in", key=stand.certified())).stderr


async def test_an_authority_that_is_none(server: sshd.Sshd, tmp_path: Path) -> None:
    (tmp_path / "none").write_text("no key")
    (tmp_path / "none").chmod(0o600)
    async with standing(tmp_path, [Host(server, login=by(tmp_path / "none"))]) as stand:
        assert b"upstream.credential" in (await stand.ssh("echo in", key=stand.certified())).stderr


async def test_the_callers_certificate_opens_no_host(tmp_path: Path) -> None:
    """A host that trusts the authority for hosts does not take what callers are given."""
    line = HostsAuthority.open(tmp_path / "vedette-data" / "keys").line
    with sshd.serving(tmp_path / "sshd", trusted_ca=line) as server:
        async with standing(tmp_path, [Host(server, login={"authority": {}})]) as stand:
            key = stand.certified(server.user)
            assert (await stand.ssh("echo in", key=key)).stdout == b"in\n"
            words = sshd.client(
                server.port, server.user, "echo around", identity=key,
                certificate=key.with_name(key.name + "-cert.pub"), known=server.host_line, folder=tmp_path,
            )  # fmt: skip
            around = sshd.run(words)
            assert around.returncode == 255
            assert b"Permission denied" in around.stderr
