"""The authority that hosts trust: what it certifies, for how long, and where its key is kept."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

from vedette.credentials.keyfile import KeyFileError
from vedette.identity.errors import IdentityError
from vedette.identity.ssh_ca import SshAuthority
from vedette.identity.ssh_hosts import BadAuthority, HostsAuthority

NOW = 1_800_000_000.0


def mint(authority: HostsAuthority, principal: str = "vedette#bot", *names: str) -> SSHCertificate:
    made = authority.mint("ab12-7", principal, names or ("deploy",), now=NOW, seconds=300)
    found = load_ssh_public_identity(made.certificate.encode())
    assert isinstance(found, SSHCertificate)
    return found


def test_what_a_certificate_says() -> None:
    found = mint(HostsAuthority.generate(), "vedette#bot", "web", "db")
    assert found.key_id == b"vedette session=ab12-7 principal=vedette#bot"
    assert found.valid_principals == [b"web", b"db"]
    assert (found.valid_after, found.valid_before) == (NOW - 60, NOW + 300)
    assert found.critical_options == {}
    assert set(found.extensions) == {b"permit-pty", b"permit-port-forwarding"}
    found.verify_cert_signature()


def test_each_session_has_a_key_of_its_own() -> None:
    authority = HostsAuthority.generate()
    one, two = (authority.mint("a-1", "b", ("c",), now=NOW, seconds=60) for _ in range(2))
    assert one.key != two.key
    assert one.serial != two.serial
    assert "PRIVATE" not in repr(one)


@pytest.mark.parametrize(
    "name", ['x"\nAccepted publickey for root', "a b=c", "x" * 900, "\u202e", "a\x1b[2J"]
)
def test_a_name_cannot_write_the_hosts_log(name: str) -> None:
    key_id = mint(HostsAuthority.generate(), name).key_id.decode()
    assert key_id.count(" ") == 2
    assert key_id.isascii()
    assert key_id.isprintable()
    assert len(key_id) <= 400


def test_it_is_kept_private_and_stays_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    line = HostsAuthority.open(folder).line
    assert HostsAuthority.open(folder).line == line
    file = folder / "ssh_hosts_ca"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(KeyFileError):
        HostsAuthority.open(folder)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_authorities_that_openssh_made(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "ca"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)], check=True, timeout=60)
    authority = HostsAuthority.read(path.read_bytes())
    assert authority.line.split()[1] == path.with_suffix(".pub").read_text().split()[1]
    certificate = tmp_path / "cert.pub"
    certificate.write_text(authority.mint("a-1", "bot", ("deploy",), now=NOW, seconds=60).certificate)
    said = subprocess.run(
        ["ssh-keygen", "-L", "-f", str(certificate)], check=True, timeout=60, capture_output=True, text=True
    )
    assert 'Key ID: "vedette session=a-1 principal=bot"' in said.stdout
    assert "deploy" in said.stdout


@pytest.mark.parametrize("text", [b"", b"nothing", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_what_is_no_key(text: bytes) -> None:
    with pytest.raises(BadAuthority) as no:
        HostsAuthority.read(text)
    assert no.value.__cause__ is None


def test_a_key_with_a_passphrase_is_none_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "ca"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(path)], check=True, timeout=60
    )
    with pytest.raises(BadAuthority):
        HostsAuthority.read(path.read_bytes())


def test_it_opens_no_door_of_the_gateways() -> None:
    made = HostsAuthority.generate().mint("a-1", "vedette#root", ("root",), now=NOW, seconds=300)
    blob = base64.b64decode(made.certificate.split()[1])
    with pytest.raises(IdentityError, match="not one of this gateway"):
        SshAuthority.generate().principal(blob, NOW)
