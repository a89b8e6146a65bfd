"""The callers' authority before a real sshd: what it makes of our certificates."""

from __future__ import annotations

import getpass
import time
from pathlib import Path

import pytest

from tests.testbed import sshd
from vedette.identity.ssh_ca import SshAuthority
from vedette.model import Kind, Principal

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]


@pytest.fixture
def authority() -> SshAuthority:
    return SshAuthority.generate()


def certified(authority: SshAuthority, folder: Path, subject: str, *, ago: float = 0.0) -> tuple[Path, str]:
    key = sshd.keygen(folder / f"agent-{subject}")
    who = Principal(subject, Kind.AGENT, frozenset({"ai-agents"}), credential="jti-1")
    made = authority.issue(who, key.with_suffix(".pub").read_text(), now=time.time() - ago, ttl=300)
    key.with_name(key.name + "-cert.pub").write_text(made.text + "\n")
    return key, made.key_id


def test_sshd_takes_it_and_logs_its_key_id(authority: SshAuthority, tmp_path: Path) -> None:
    with sshd.serving(tmp_path / "sshd", trusted_ca=authority.lines[0]) as server:
        key, key_id = certified(authority, tmp_path, getpass.getuser())
        words = sshd.client(
            server.port, server.user, "echo in", identity=key, known=server.host_line, folder=tmp_path
        )
        done = sshd.run(words)
        assert (done.returncode, done.stdout) == (0, b"in\n"), done.stderr
        assert key_id in server.said()


@pytest.mark.parametrize("what", ["expired", "other principal", "other authority"])
def test_sshd_refuses_it(authority: SshAuthority, tmp_path: Path, what: str) -> None:
    signer = SshAuthority.generate() if what == "other authority" else authority
    subject = "somebody-else" if what == "other principal" else getpass.getuser()
    with sshd.serving(tmp_path / "sshd", trusted_ca=authority.lines[0]) as server:
        key, _ = certified(signer, tmp_path, subject, ago=600 if what == "expired" else 0)
        words = sshd.client(
            server.port, server.user, "echo in", identity=key, known=server.host_line, folder=tmp_path
        )
        done = sshd.run(words)
        assert (done.returncode, done.stdout) == (255, b"")
        assert b"Permission denied" in done.stderr
