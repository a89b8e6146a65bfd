"""Secrets kept in the gateway's own store, sealed with AES-256-GCM.

The associated data bind each sealed value to its name and its key, so that
someone who can write to the store cannot put one resource's password in
another's place.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vedette.credentials.errors import CredentialError
from vedette.credentials.keyfile import KeyFileError, create_private, private_folder, read_private
from vedette.credentials.secret import Secret
from vedette.credentials.source import MAX_SECRET_BYTES, Reference

KEY_BYTES = 32
NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Sealed:
    """One sealed credential, as stored. *box* is ciphertext and 16-byte tag."""

    name: str
    key_id: str
    nonce: bytes
    box: bytes


@dataclass(frozen=True, slots=True)
class SealKey:
    """A key of 32 bytes and the id under which sealed values name it (16 hex digits of its hash)."""

    id: str
    key: Secret = field(repr=False)

    @classmethod
    def of(cls, key: bytes) -> SealKey:
        """Raises CredentialError where *key* has not 32 bytes."""
        if len(key) != KEY_BYTES:
            raise CredentialError(
                "credential.malformed", f"a seal key has {KEY_BYTES} bytes, this one {len(key)}"
            )
        return cls(hashlib.sha256(b"vedette seal key\0" + key).hexdigest()[:16], Secret(key))


class SealedStore(Protocol):
    """What this module needs of the store."""

    async def get(self, name: str) -> Sealed | None: ...
    async def put(self, sealed: Sealed) -> None: ...
    async def all(self) -> Sequence[Sealed]: ...


class Seal:
    """Seals with the first of *keys*; opens with any of them."""

    def __init__(self, keys: Sequence[SealKey]) -> None:
        if not keys:
            raise CredentialError("credential.seal", "no seal key is set up")
        self._first = keys[0]
        self._keys = {key.id: key for key in keys}

    @property
    def key_id(self) -> str:
        """Of the key that seals."""
        return self._first.id

    def seal(self, name: str, secret: Secret) -> Sealed:
        """Seal *secret* under *name* with a fresh random nonce.

        Raises:
            CredentialError: empty or over MAX_SECRET_BYTES.
        """
        content = secret.reveal_bytes()
        if not 0 < len(content) <= MAX_SECRET_BYTES:
            raise CredentialError("credential.malformed", f"a secret has 1 to {MAX_SECRET_BYTES} bytes")
        nonce = os.urandom(NONCE_BYTES)
        box = AESGCM(self._first.key.reveal_bytes()).encrypt(nonce, content, _bound(name, self._first.id))
        return Sealed(name, self._first.id, nonce, box)

    def unseal(self, sealed: Sealed) -> Secret:
        """Open what was sealed.

        Raises:
            CredentialError: its key is not at hand, or it was changed or moved to another name.
        """
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise CredentialError(
                "credential.seal",
                f"{sealed.name} is under key {sealed.key_id}, which is not at hand; name it as the old key",
            )
        try:
            content = AESGCM(key.key.reveal_bytes()).decrypt(
                sealed.nonce, sealed.box, _bound(sealed.name, sealed.key_id)
            )
        except (InvalidTag, ValueError, TypeError):  # in a damaged store, text may stand for bytes
            raise CredentialError(
                "credential.seal", f"{sealed.name} does not open: it was changed in the store; seal it again"
            ) from None
        return Secret(content)

    async def rotate(self, store: SealedStore) -> int:
        """Seal everything anew that is not under the first key; how many that were.

        Opens all of it before the first is written, so that a missing key
        changes nothing.
        """
        old = [sealed for sealed in await store.all() if sealed.key_id != self._first.id]
        opened = [(sealed.name, self.unseal(sealed)) for sealed in old]
        for name, secret in opened:
            await store.put(self.seal(name, secret))
        return len(opened)


class SealedSecrets:
    """The source ``{sealed: NAME}``."""

    def __init__(self, seal: Seal | None, store: SealedStore | None) -> None:
        self._seal = seal
        self._store = store

    async def fetch(self, reference: Reference) -> Secret:
        if self._seal is None or self._store is None:
            raise CredentialError("credential.source", "the sealed store is not set up in this process")
        try:
            sealed = await self._store.get(reference.name)
        except OSError as error:
            raise CredentialError("credential.unreadable", f"the store does not answer: {error}") from None
        if sealed is None:
            raise CredentialError(
                "credential.missing", f"nothing is sealed as {reference.name}; seal a secret under that name"
            )
        if sealed.name != reference.name:
            raise CredentialError("credential.seal", f"the store answered for another name: {reference.name}")
        return self._seal.unseal(sealed)


def _bound(name: str, key_id: str) -> bytes:
    # The length keeps ("a", "bc") apart from ("ab", "c").
    encoded = name.encode()
    return b"vedette sealed 1\0" + len(encoded).to_bytes(4, "big") + encoded + key_id.encode()


def decode_seal_key(text: Secret, place: str) -> SealKey:
    """A key from base64 (plain or URL alphabet) of 32 bytes; *place* is for the error text."""
    try:
        raw = text.reveal_bytes().strip().replace(b"-", b"+").replace(b"_", b"/")
        key = base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise CredentialError(
            "credential.malformed",
            f"{place} must hold {KEY_BYTES} bytes in base64; make one with: openssl rand -base64 32",
        )
    return SealKey.of(key)


def generated_seal_key(path: Path) -> SealKey:
    """The key kept at *path* (mode 0600), made on the first call."""
    private_folder(path.parent)
    try:
        if path.exists():
            content = read_private(path)
        else:
            content = create_private(path, base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
    except KeyFileError as error:
        raise CredentialError("credential.unreadable", str(error)) from None
    return decode_seal_key(Secret(content), str(path))
