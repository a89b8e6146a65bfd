"""The gateway's authority for callers' SSH certificates: short, bound to a principal and its credential.

A certificate says who its holder is *to this gateway*. Hosts behind the gateway must not trust this
authority: whoever could log in there with such a certificate would have gone around the gateway.

Format: OpenSSH, PROTOCOL.certkeys.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificate,
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_public_identity,
    ssh_key_fingerprint,
)

from vedette.credentials.keyfile import (
    KeyFileError,
    create_private,
    locked,
    private_folder,
    read_private,
    replace_private,
)
from vedette.identity.errors import IdentityError, malformed
from vedette.identity.signing import SigningKeyError
from vedette.model import Principal

FILE_NAME = "ssh_ca.json"
#: Which principal this is, as JSON, all but its groups; and those, as a JSON list.
PRINCIPAL, GROUPS = b"principal@vedette", b"groups@vedette"
#: Seconds.
DEFAULT_TTL, MIN_TTL, MAX_TTL = 900, 60, 3600
#: Hosts' clocks may be this many seconds behind ours.
EARLIER = 60
MAX_KEY_CHARACTERS = 4096
MAX_CERTIFICATE_BYTES = 16 << 10
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
_CURVES = ("secp256r1", "secp384r1", "secp521r1")

# What cryptography raises for bytes that are no certificate; some of it only while its parts are looked at.
_UNREADABLE = (ValueError, UnsupportedAlgorithm, TypeError, KeyError, IndexError, AssertionError)

PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class SshAuthorityError(SigningKeyError):
    """The authority's file is missing, unsafe or not ours; the text names the file and the fix."""


class BadPublicKey(Exception):
    """What was to be certified is no public key that we certify. The text quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class SshCertificate:
    """*text* is one line as OpenSSH reads it. Times in Unix seconds; *fingerprint* is that of the key."""

    text: str
    serial: int
    key_id: str
    fingerprint: str
    begins: int
    expires: int


@dataclass(frozen=True, slots=True)
class _Key:
    """*created* in Unix seconds."""

    created: int
    key: Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


class SshAuthority:
    """
    Certifies callers' public keys and reads such certificates back. The first key signs, all verify.

    *is_revoked* answers for a principal's credential, *refuse* raises IdentityError for who is blocked.
    """

    def __init__(
        self,
        keys: Sequence[_Key],
        *,
        is_revoked: Callable[[str], bool] = lambda _: False,
        refuse: Callable[[Principal], None] = lambda _: None,
    ) -> None:
        if not keys:
            raise SshAuthorityError("at least one key is needed")
        self._keys = tuple(keys)
        self._is_revoked = is_revoked
        self._refuse = refuse

    @classmethod
    def generate(
        cls,
        *,
        is_revoked: Callable[[str], bool] = lambda _: False,
        refuse: Callable[[Principal], None] = lambda _: None,
    ) -> SshAuthority:
        """In memory only, for tests and one-off processes."""
        return cls([_Key(0, Ed25519PrivateKey.generate())], is_revoked=is_revoked, refuse=refuse)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        is_revoked: Callable[[str], bool] = lambda _: False,
        refuse: Callable[[Principal], None] = lambda _: None,
        now: Callable[[], float] = time.time,
    ) -> SshAuthority:
        """The authority in *folder* (mode 0600 inside 0700), made on the first call.

        Raises:
            SshAuthorityError: unsafe mode, unreadable, or not such a file.
        """
        path = folder / FILE_NAME
        try:
            private_folder(folder)
            if path.exists():
                content = read_private(path)
            else:
                content = create_private(path, _render([_Key(int(now()), Ed25519PrivateKey.generate())]))
        except KeyFileError as error:
            raise SshAuthorityError(str(error)) from None
        return cls(_parse(path, content), is_revoked=is_revoked, refuse=refuse)

    @classmethod
    def rotate(cls, folder: Path, *, now: Callable[[], float] = time.time, keep: int = 1) -> None:
        """Make a new key sign; certificates of *keep* of the older ones stay good until they expire.

        A running gateway takes it up at its next start.
        """
        path = folder / FILE_NAME
        try:
            with locked(folder):
                old = _parse(path, read_private(path))
                replace_private(path, _render([_Key(int(now()), Ed25519PrivateKey.generate()), *old[:keep]]))
        except KeyFileError as error:
            raise SshAuthorityError(str(error)) from None

    @property
    def lines(self) -> tuple[str, ...]:
        """The public keys as OpenSSH writes them, the signing one first."""
        return tuple(
            key.key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
            + f" vedette callers {key.created}"
            for key in self._keys
        )

    def issue(
        self, principal: Principal, public_key: str, *, now: float, ttl: int = DEFAULT_TTL
    ) -> SshCertificate:
        """A certificate for *public_key* (one line of OpenSSH), good for *ttl* seconds, never past the token.

        The caller proves that it has the private key when it logs in with it, not here.

        Raises:
            BadPublicKey: its form, kind or size is not one that we certify.
            ValueError: the ttl is out of bounds, or the principal has too many groups.
        """
        if not MIN_TTL <= ttl <= MAX_TTL:
            raise ValueError(f"a certificate lives {MIN_TTL} to {MAX_TTL} seconds, not {ttl}")
        key = read_public_key(public_key)
        ends = int(now) + ttl
        if principal.expires is not None:
            ends = min(ends, int(principal.expires))
        about, groups = _describe(principal)
        serial = secrets.randbits(63)
        key_id = f"{principal.id} {serial}"
        builder = (
            SSHCertificateBuilder()
            .public_key(key)
            .type(SSHCertificateType.USER)
            .serial(serial)
            .key_id(key_id.encode())
            .valid_principals([principal.subject.encode()])
            .valid_after(int(now) - EARLIER)
            .valid_before(ends)
            .add_extension(PRINCIPAL, about)
            .add_extension(GROUPS, groups)
            .add_extension(b"permit-pty", b"")
        )
        made = builder.sign(self._keys[0].key).public_bytes().decode("ascii")
        return SshCertificate(made, serial, key_id, fingerprint(key), int(now) - EARLIER, ends)

    def principal(self, certificate: bytes, now: float) -> Principal:
        """
        Who holds *certificate* (its blob, as it goes over the wire) at *now* (Unix seconds).

        This looks at the certificate only: that the caller has the private key is for whoever
        calls this to see to, and before it acts on the answer.

        Raises:
            IdentityError: it is not a good certificate of ours.
        """
        read = _certificate(certificate)
        ours = {key.public for key in self._keys}
        try:
            signer = read.signature_key()
            known = (
                isinstance(signer, Ed25519PublicKey)
                and signer.public_bytes(Encoding.Raw, PublicFormat.Raw) in ours
            )
            if known:
                read.verify_cert_signature()
        except _UNREADABLE:
            raise malformed("this is no SSH certificate") from None
        except InvalidSignature:
            wrong = "the certificate's signature is not its authority's"
            raise IdentityError("identity.signature", wrong) from None
        if not known:
            raise IdentityError("identity.issuer", "the certificate is not one of this gateway's")
        return self._checked(read, now)

    def _checked(self, read: SSHCertificate, now: float) -> Principal:
        """What it says, once the signature is known to be ours."""
        if read.type is not SSHCertificateType.USER:
            raise malformed("this is not a user's certificate")
        if read.critical_options:
            raise malformed("the certificate has conditions that this gateway does not know")
        if now < read.valid_after:
            raise IdentityError("identity.not_yet", "the certificate is not valid yet")
        if now >= read.valid_before:
            raise IdentityError("identity.expired", "the certificate has expired; get a new one")
        principal = _described(read)
        if read.valid_principals != [principal.subject.encode()]:
            raise malformed("the certificate's principals are not its subject")
        if self._is_revoked(principal.credential):
            raise IdentityError("identity.revoked", "the token behind the certificate was withdrawn")
        self._refuse(principal)
        return principal


def fingerprint(key: PublicKey) -> str:
    """As ``ssh-keygen -l`` prints it."""
    digest = ssh_key_fingerprint(key, SHA256())
    return "SHA256:" + base64.b64encode(digest).rstrip(b"=").decode("ascii")


def read_public_key(text: str) -> PublicKey:
    """A public key from a line such as ``ssh-ed25519 AAAA... comment``. Raises BadPublicKey."""
    if len(text) > MAX_KEY_CHARACTERS:
        raise BadPublicKey(f"a public key has at most {MAX_KEY_CHARACTERS} characters")
    line = text.strip()
    if "\n" in line or "\r" in line or not line.isascii():
        raise BadPublicKey("a public key is one line of ASCII, as ssh-keygen writes it into the .pub file")
    try:
        found = load_ssh_public_identity(line.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm):
        raise BadPublicKey("this is no public key in OpenSSH's format") from None
    if isinstance(found, Ed25519PublicKey):
        return found
    if isinstance(found, ec.EllipticCurvePublicKey) and found.curve.name in _CURVES:
        return found
    if isinstance(found, rsa.RSAPublicKey) and MIN_RSA_BITS <= found.key_size <= MAX_RSA_BITS:
        return found
    raise BadPublicKey(
        f"only Ed25519, ECDSA (NIST curves) and RSA ({MIN_RSA_BITS} to {MAX_RSA_BITS} bits) are certified"
    )


def _certificate(blob: bytes) -> SSHCertificate:
    if len(blob) > MAX_CERTIFICATE_BYTES:
        raise malformed(f"the certificate is over {MAX_CERTIFICATE_BYTES} bytes")
    length = int.from_bytes(blob[:4], "big")
    name = blob[4 : 4 + length]
    try:
        found = load_ssh_public_identity(name + b" " + base64.b64encode(blob))
    except _UNREADABLE:
        raise malformed("this is no SSH certificate") from None
    if not isinstance(found, SSHCertificate):
        raise malformed("this is no SSH certificate")
    return found


def _describe(principal: Principal) -> tuple[bytes, bytes]:
    about = msgspec.json.encode(replace(principal, groups=frozenset()))
    groups = msgspec.json.encode(sorted(principal.groups))
    if len(about) + len(groups) > MAX_CERTIFICATE_BYTES // 2:
        raise ValueError("the principal has too many groups for a certificate")
    return about, groups


def _described(read: SSHCertificate) -> Principal:
    about, groups = read.extensions.get(PRINCIPAL), read.extensions.get(GROUPS)
    if about is None or groups is None:
        raise malformed("the certificate does not say whose it is")
    try:
        found = msgspec.json.decode(about, type=Principal)
        return replace(found, groups=msgspec.json.decode(groups, type=frozenset[str]))
    except msgspec.MsgspecError:
        raise malformed("the certificate does not say whose it is") from None


def _render(keys: Sequence[_Key]) -> bytes:
    rows = [
        {
            "created": each.created,
            "ed25519": base64.b64encode(
                each.key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
            ).decode("ascii"),
        }
        for each in keys
    ]
    return json.dumps({"version": 1, "keys": rows}, indent=1).encode() + b"\n"


def _parse(path: Path, content: bytes) -> list[_Key]:
    keys: list[_Key] = []
    try:
        document = json.loads(content)
        for row in document["keys"] if document["version"] == 1 else []:
            raw = base64.b64decode(row["ed25519"], validate=True)
            keys.append(_Key(int(row["created"]), Ed25519PrivateKey.from_private_bytes(raw)))
    except (ValueError, KeyError, TypeError):
        keys = []  # raised below, outside: the errors may carry the private key
    if not keys:
        raise SshAuthorityError(
            f"{path} is not a file of an SSH authority; restore it, or move it away for a new one"
        )
    return keys
