"""API keys: long-lived secrets of which the gateway keeps a verifier only.

A key is ``vdt_<prefix>_<secret>``. The prefix finds the record; the verifier
is SCRAM-SHA-256's (RFC 5802, RFC 7677), so that the same record serves a
PostgreSQL login, where the secret never crosses the wire, and a bearer header.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from vedette.credentials.secret import Secret
from vedette.identity import claims as claim
from vedette.identity.errors import IdentityError
from vedette.model import Kind, Principal

#: RFC 7677's minimum, on purpose: iterations protect guessable passwords, and
#: 160 random bits are not guessable whatever the count. More would only make
#: each login dearer for the gateway, and some clients refuse less.
ITERATIONS = 4096
SALT_BYTES = 16
PREFIX_BYTES = 5  # 8 characters of base32
SECRET_BYTES = 20  # 32 characters of base32
SCHEME = "vdt_"

_KEY = re.compile(r"(vdt_[a-z2-7]{8})_[a-z2-7]{32}", re.ASCII)
_PREFIX = re.compile(r"vdt_[a-z2-7]{8}", re.ASCII)
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Verifier:
    """What proves a secret without being it. Source: RFC 5802 section 3.

    *stored_key* and *server_key* have 32 bytes. Whoever holds them can pose as
    the gateway to a SCRAM client, so they are shown to nobody.
    """

    salt: bytes = field(repr=False)
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: str, salt: bytes, iterations: int = ITERATIONS) -> Verifier:
        """The secret is ASCII that the gateway made, so SASLprep leaves it as it is."""
        salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        stored_key = hashlib.sha256(client_key).digest()
        return cls(salt, iterations, stored_key, hmac.digest(salted, b"Server Key", "sha256"))

    def matches(self, secret: str) -> bool:
        """Whether this is *secret*'s verifier. Takes about a millisecond, whatever the answer."""
        other = Verifier.of(secret, self.salt, self.iterations)
        return hmac.compare_digest(self.stored_key, other.stored_key)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is kept of an API key. *prefix* is its id; times in Unix seconds, *expires* None for never.

    *owner* is the person who answers for it: it is void where they are disabled. *ssh* is the fingerprint
    of a public SSH key (``SHA256:...``) where that is what proves it; nobody then knows its secret.
    """

    prefix: str
    name: str
    subject: str
    kind: Kind
    groups: frozenset[str]
    created: int
    expires: int | None
    verifier: Verifier
    revoked: bool = False
    owner: str = ""
    ssh: str = ""

    def check(self, now: float) -> None:
        """Raises IdentityError where the key may not be used at *now*."""
        if self.revoked:
            raise IdentityError("identity.revoked", "the API key was withdrawn")
        if self.expires is not None and now >= self.expires:
            raise IdentityError("identity.expired", "the API key's time is over")

    def principal(self, issuer: str) -> Principal:
        """Whom the key speaks for, once its secret was proven and *check* passed."""
        expires = None if self.expires is None else float(self.expires)
        return Principal(
            self.subject, self.kind, self.groups, issuer, credential=self.prefix, expires=expires,
            owner=f"{issuer}#{self.owner}" if self.owner else "",
        )  # fmt: skip


class KeyStore(Protocol):
    """What this module needs of the store."""

    async def by_prefix(self, prefix: str) -> KeyRecord | None: ...
    async def by_name(self, name: str) -> KeyRecord | None: ...
    async def by_ssh(self, fingerprint: str) -> KeyRecord | None: ...


def create(
    name: str,
    subject: str,
    kind: Kind,
    groups: Iterable[str],
    expires: float | None,
    *,
    now: float,
    owner: str = "",
) -> tuple[Secret, KeyRecord]:
    """A new key: the secret, to be shown once, and the record to keep.

    Raises:
        ValueError: the name could be taken for a prefix or has other characters
            than ``a-z 0-9 . _ @ -``; subject or a group is not printable; *expires* is past.
    """
    if _NAME.fullmatch(name) is None or name.startswith(SCHEME):
        raise ValueError("a key's name has 1 to 63 of a-z 0-9 . _ @ -, and does not begin with vdt_")
    if expires is not None and expires <= now:
        raise ValueError("the key would have expired already")
    try:
        claim.name(subject, "the subject")
        members = frozenset(claim.name(group, "a group") for group in groups)
    except IdentityError as error:
        raise ValueError(error.reason) from None
    prefix = SCHEME + _base32(PREFIX_BYTES)
    secret = f"{prefix}_{_base32(SECRET_BYTES)}"
    verifier = Verifier.of(secret, secrets.token_bytes(SALT_BYTES))
    until = None if expires is None else int(expires)
    return Secret(secret), KeyRecord(
        prefix, name, subject, Kind(kind), members, int(now), until, verifier, owner=owner
    )


def registered(record: KeyRecord, fingerprint: str) -> KeyRecord:
    """*record*, but that an SSH key with this fingerprint proves it; its secret is to be forgotten."""
    return replace(record, ssh=fingerprint)


def _base32(count: int) -> str:
    return base64.b32encode(secrets.token_bytes(count)).decode("ascii").lower()


def prefix_of(text: str) -> str | None:
    """The prefix, where *text* has the form of an API key."""
    found = _KEY.fullmatch(text)
    return found[1] if found else None


async def find(store: KeyStore, user: str) -> KeyRecord | None:
    """The key that a user name means: a key's name, or its prefix.

    Names never begin as prefixes do, so no key can be reached under another's name.
    """
    if _PREFIX.fullmatch(user):
        record = await store.by_prefix(user)
        return record if record is not None and record.prefix == user else None
    if _NAME.fullmatch(user) and not user.startswith(SCHEME):
        record = await store.by_name(user)
        return record if record is not None and record.name == user else None
    return None


def decoy(user: str, pepper: bytes) -> Verifier:
    """A verifier that no secret fits, for a user who does not exist.

    The salt depends on *user* and *pepper* (random, per data folder) only, so
    that asking twice does not show that the name is unknown; PostgreSQL does alike.
    """
    salt = hmac.digest(pepper, b"salt\0" + user.encode(errors="surrogatepass"), "sha256")[:SALT_BYTES]
    return Verifier(salt, ITERATIONS, secrets.token_bytes(32), secrets.token_bytes(32))


def wrong_key() -> IdentityError:
    """One text for an unknown key and a wrong secret."""
    return IdentityError("identity.key", "no such API key, or not its secret")
