"""The authority that hosts trust: for each session it certifies a key made on the spot, for minutes.

It is not the one that certifies callers (`vedette.identity.ssh_ca`): whoever holds a certificate of this one
can log in at a host, so none is ever given out. A certificate's key id names session and principal, and
sshd writes that into its log: the host's own record and ours can be joined.

Format: OpenSSH, PROTOCOL.certkeys. What a host makes of it: sshd_config(5), TrustedUserCAKeys.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_private_key,
)

from vedette.credentials.keyfile import create_private, private_folder, read_private
from vedette.credentials.secret import Secret
from vedette.identity.signing import SigningKeyError
from vedette.identity.ssh_ca import MIN_RSA_BITS

FILE_NAME = "ssh_hosts_ca"
#: Hosts' clocks may be this many seconds behind ours.
EARLIER = 60
MAX_KEY_ID = 400
# What stands in a host's log, and in nobody's way there.
_PLAIN = re.compile(r"[^A-Za-z0-9._@:/+#-]", re.ASCII)

PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class BadAuthority(SigningKeyError):
    """It cannot certify. The text quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Minted:
    """A login for one session: *key* (OpenSSH's format) and the line of its *certificate*."""

    key: Secret = field(repr=False)
    certificate: str
    serial: int
    key_id: str


class HostsAuthority:
    """Certifies keys for hosts."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls) -> HostsAuthority:
        """In memory only, for tests."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def open(cls, folder: Path) -> HostsAuthority:
        """The gateway's own, in *folder* (mode 0600 inside 0700), made on the first call.

        Raises:
            KeyFileError, BadAuthority: unsafe mode, unreadable, or no such key.
        """
        private_folder(folder)
        path = folder / FILE_NAME
        if path.exists():
            return cls.read(read_private(path))
        made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        return cls.read(create_private(path, made))

    @classmethod
    def read(cls, text: bytes) -> HostsAuthority:
        """From a private key in OpenSSH's format, without a passphrase. Raises BadAuthority."""
        try:
            found = load_ssh_private_key(text, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            found = None
        if isinstance(found, Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
            return cls(found)
        if isinstance(found, rsa.RSAPrivateKey) and found.key_size >= MIN_RSA_BITS:
            return cls(found)
        raise BadAuthority("the authority for hosts is no private key that can certify")

    @property
    def line(self) -> str:
        """Its public key as TrustedUserCAKeys takes it."""
        public = self._key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return public.decode("ascii") + " vedette for hosts"

    def mint(self, session: str, principal: str, names: Sequence[str], *, now: float, seconds: int) -> Minted:
        """
        A new key, certified from EARLIER seconds ago until *seconds* from *now* (Unix seconds).

        *names* are the principals that hosts let in as their accounts. Nothing is permitted but terminals
        and port forwards: what of that passes is for policy to say.
        """
        key, serial = Ed25519PrivateKey.generate(), secrets.randbits(63)
        key_id = f"vedette session={plain(session)} principal={plain(principal)}"[:MAX_KEY_ID]
        builder = (
            SSHCertificateBuilder()
            .public_key(key.public_key())
            .type(SSHCertificateType.USER)
            .serial(serial)
            .key_id(key_id.encode())
            .valid_principals([name.encode() for name in names])
            .valid_after(int(now) - EARLIER)
            .valid_before(int(now) + seconds)
            .add_extension(b"permit-port-forwarding", b"")
            .add_extension(b"permit-pty", b"")
        )
        return Minted(
            Secret(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode("ascii")),
            builder.sign(self._key).public_bytes().decode("ascii"),
            serial,
            key_id,
        )


def plain(text: str) -> str:
    """*text* as one word that stands in a log without ambiguity; anything else in it is ``?``."""
    return _PLAIN.sub("?", text)
