"""Callers' SSH certificates: what they say, what is certified, and what does not pass for one."""

from __future__ import annotations

import base64
import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
)

from vedette.identity.errors import IdentityError
from vedette.identity.ssh_ca import (
    FILE_NAME,
    GROUPS,
    PRINCIPAL,
    BadPublicKey,
    SshAuthority,
    SshAuthorityError,
    read_public_key,
)
from vedette.model import Kind, Principal

NOW = 1_800_000_000.0
AGENT = Principal(
    "agent-7", Kind.AGENT, frozenset({"ai-agents", "büro"}), "https://login.example.com", "a@example.com",
    "person-1", "jti-1", NOW + 3600, frozenset({"appdb", "bastion"}), "https://login.example.com#person-1",
    frozenset({"staff"}), "p@example.com",
)  # fmt: skip
KEYGEN = shutil.which("ssh-keygen")


def line(key: object) -> str:
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)  # type: ignore[attr-defined]
    return public.decode() + " somebody@somewhere"


def blob(text: str) -> bytes:
    return base64.b64decode(text.split()[1])


ED25519 = line(ed25519.Ed25519PrivateKey.generate())


@pytest.fixture(scope="module")
def authority() -> SshAuthority:
    return SshAuthority.generate()


def forged(authority: SshAuthority, **changes: object) -> bytes:
    """What the authority's own key would sign, if it were asked to sign nonsense."""
    wish: dict[str, object] = {
        "type": SSHCertificateType.USER,
        "principals": [AGENT.subject.encode()],
        "after": int(NOW) - 60,
        "before": int(NOW) + 600,
        "options": (),
        "extensions": {
            PRINCIPAL: b'{"subject":"agent-7","kind":"agent"}',
            GROUPS: b'["ai-agents"]',
        },
        "signer": authority._keys[0].key,
    } | changes
    builder = (
        SSHCertificateBuilder()
        .public_key(read_public_key(ED25519))
        .type(wish["type"])  # type: ignore[arg-type]
        .valid_after(wish["after"])  # type: ignore[arg-type]
        .valid_before(wish["before"])  # type: ignore[arg-type]
    )
    builder = (
        builder.valid_principals(wish["principals"])  # type: ignore[arg-type]
        if wish["principals"]
        else builder.valid_for_all_principals()
    )
    for name, value in wish["extensions"].items():  # type: ignore[attr-defined]
        builder = builder.add_extension(name, value)
    for name in wish["options"]:  # type: ignore[attr-defined]
        builder = builder.add_critical_option(name, b"x")
    return blob(builder.sign(wish["signer"]).public_bytes().decode())  # type: ignore[arg-type]


def test_a_certificate_brings_back_the_whole_principal(authority: SshAuthority) -> None:
    assert len(dataclasses.fields(AGENT)) == sum(
        getattr(AGENT, each.name) != each.default for each in dataclasses.fields(AGENT)
    ), "a field that this test leaves at its default would not be seen to be lost"
    made = authority.issue(AGENT, ED25519, now=NOW)
    assert authority.principal(blob(made.text), NOW) == AGENT
    assert made.key_id == f"{AGENT.id} {made.serial}"
    assert (made.begins, made.expires) == (NOW - 60, NOW + 900)


def test_it_ends_with_the_token_at_the_latest(authority: SshAuthority) -> None:
    soon = dataclasses.replace(AGENT, expires=NOW + 90.9)
    assert authority.issue(soon, ED25519, now=NOW, ttl=3600).expires == NOW + 90
    for_ever = dataclasses.replace(AGENT, expires=None)
    assert authority.issue(for_ever, ED25519, now=NOW, ttl=3600).expires == NOW + 3600
    for ttl in (59, 3601, -1):
        with pytest.raises(ValueError, match="lives 60 to 3600"):
            authority.issue(AGENT, ED25519, now=NOW, ttl=ttl)


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["ed25519", "p256", "p521", "rsa2048"],
)
def test_keys_that_are_certified(authority: SshAuthority, key: object) -> None:
    assert authority.principal(blob(authority.issue(AGENT, line(key), now=NOW).text), NOW) == AGENT


@pytest.mark.parametrize(
    "text",
    [
        line(rsa.generate_private_key(65537, 1024)),
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 !!!",
        ED25519 + "\n" + ED25519,
        ED25519.replace("ssh-ed25519", "ssh-rsa"),
        "command=\"sh\" " + ED25519,
        ED25519 + " " + "x" * 5000,
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "ssh-ed25519 ÄÄÄ",
        SshAuthority.generate().issue(AGENT, ED25519, now=NOW).text,
    ],
    ids=["rsa1024", "empty", "bare", "short", "garbage", "two", "other", "options", "long", "private", "umlaut", "cert"],
)  # fmt: skip
def test_keys_that_are_not(authority: SshAuthority, text: str) -> None:
    with pytest.raises(BadPublicKey) as refused:
        authority.issue(AGENT, text, now=NOW)
    assert "AAAA" not in str(refused.value)


def test_dsa_is_not_certified(authority: SshAuthority) -> None:
    numbers = dsa.generate_private_key(1024).public_key().public_numbers()
    parts = [b"ssh-dss"]
    for number in (
        numbers.parameter_numbers.p,
        numbers.parameter_numbers.q,
        numbers.parameter_numbers.g,
        numbers.y,
    ):
        parts.append(number.to_bytes(number.bit_length() // 8 + 1, "big"))
    body = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    with pytest.raises(BadPublicKey):
        authority.issue(AGENT, "ssh-dss " + base64.b64encode(body).decode(), now=NOW)


def test_too_many_groups_are_refused(authority: SshAuthority) -> None:
    crowd = dataclasses.replace(AGENT, groups=frozenset(f"group-{n:0200}" for n in range(100)))
    with pytest.raises(ValueError, match="too many groups"):
        authority.issue(crowd, ED25519, now=NOW)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": SSHCertificateType.HOST}, "identity.malformed"),
        ({"principals": [b"root"]}, "identity.malformed"),
        ({"principals": [b"agent-7", b"root"]}, "identity.malformed"),
        ({"principals": []}, "identity.malformed"),
        ({"after": int(NOW) + 1}, "identity.not_yet"),
        ({"before": int(NOW)}, "identity.expired"),
        ({"options": (b"force-command",)}, "identity.malformed"),
        ({"options": (b"unheard-of",)}, "identity.malformed"),
        ({"extensions": {}}, "identity.malformed"),
        ({"extensions": {PRINCIPAL: b'{"subject":"agent-7","kind":"agent"}'}}, "identity.malformed"),
        ({"extensions": {PRINCIPAL: b'{"subject":"agent-7"}', GROUPS: b"[]"}}, "identity.malformed"),
        ({"extensions": {PRINCIPAL: b'{"subject":7,"kind":"agent"}', GROUPS: b"[]"}}, "identity.malformed"),
        (
            {"extensions": {PRINCIPAL: b'{"subject":"agent-7","kind":"root"}', GROUPS: b"[]"}},
            "identity.malformed",
        ),
        (
            {"extensions": {PRINCIPAL: b'{"subject":"agent-7","kind":"agent"}', GROUPS: b'"dba"'}},
            "identity.malformed",
        ),
        ({"signer": ed25519.Ed25519PrivateKey.generate()}, "identity.issuer"),
        ({"signer": rsa.generate_private_key(65537, 2048)}, "identity.issuer"),
    ],
)
def test_what_is_no_good_certificate(authority: SshAuthority, changes: dict[str, object], code: str) -> None:
    assert authority.principal(forged(authority), NOW).subject == "agent-7", "without the change it is good"
    with pytest.raises(IdentityError) as refused:
        authority.principal(forged(authority, **changes), NOW)
    assert refused.value.code == code


def test_no_byte_of_it_can_be_changed(authority: SshAuthority) -> None:
    good = forged(authority)
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 0x01
        with pytest.raises(IdentityError):
            authority.principal(bytes(bad), NOW)
    for end in range(0, len(good), 7):
        with pytest.raises(IdentityError):
            authority.principal(good[:end], NOW)
    with pytest.raises(IdentityError):
        authority.principal(good + b"\0", NOW)
    with pytest.raises(IdentityError):
        authority.principal(b"\0" * 20_000, NOW)


def test_it_is_void_with_its_credential() -> None:
    revoked: set[str] = set()
    authority = SshAuthority.generate(is_revoked=revoked.__contains__)
    made = blob(authority.issue(AGENT, ED25519, now=NOW).text)
    authority.principal(made, NOW)
    revoked.add("jti-1")
    with pytest.raises(IdentityError) as refused:
        authority.principal(made, NOW)
    assert refused.value.code == "identity.revoked"


def test_the_authority_stays_and_rotates(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = SshAuthority.open(folder)
    assert (folder / FILE_NAME).stat().st_mode & 0o777 == 0o600
    made = blob(first.issue(AGENT, ED25519, now=NOW).text)
    assert SshAuthority.open(folder).lines == first.lines
    SshAuthority.rotate(folder)
    second = SshAuthority.open(folder)
    assert second.lines[1] == first.lines[0]
    assert second.lines[0] != first.lines[0]
    assert second.principal(made, NOW) == AGENT
    SshAuthority.rotate(folder, keep=1)
    with pytest.raises(IdentityError):
        SshAuthority.open(folder).principal(made, NOW)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"version": 1, "keys": []}', b'{"version": 1, "keys": [{}]}', b"[1]"]
)
def test_a_file_that_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE_NAME
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(SshAuthorityError, match="is not a file of an SSH authority"):
        SshAuthority.open(tmp_path)


def test_a_file_that_others_may_read(tmp_path: Path) -> None:
    SshAuthority.open(tmp_path)
    (tmp_path / FILE_NAME).chmod(0o644)
    with pytest.raises(SshAuthorityError, match="chmod"):
        SshAuthority.open(tmp_path)


def test_its_key_shows_nowhere(authority: SshAuthority) -> None:
    assert "Ed25519PrivateKey" not in repr(authority._keys[0])


@pytest.mark.live
@pytest.mark.skipif(KEYGEN is None, reason="no ssh-keygen: OpenSSH's client programs are not installed")
def test_openssh_reads_it_the_same_way(authority: SshAuthority, tmp_path: Path) -> None:
    made = authority.issue(AGENT, ED25519, now=NOW)
    file = tmp_path / "key-cert.pub"
    file.write_text(made.text + "\n")
    shown = subprocess.run(
        [str(KEYGEN), "-L", "-f", str(file)], capture_output=True, text=True, check=True, timeout=20,
        env={"TZ": "UTC"},
    ).stdout  # fmt: skip
    assert "Type: ssh-ed25519-cert-v01@openssh.com user certificate" in shown
    assert f'Key ID: "{made.key_id}"' in shown
    assert f"Serial: {made.serial}" in shown
    assert f"Public key: ED25519-CERT {made.fingerprint}" in shown
    assert "Principals: \n                agent-7\n" in shown
    assert "Critical Options: (none)" in shown
    assert "principal@vedette" in shown
    assert "permit-agent-forwarding" not in shown
