"""The journal's keys: an Ed25519 key that signs checkpoints, a secret that tags records.

Both stand in one file (``journal.key``, mode 0600), so that there is never one
without the other. The public key is written beside it as PEM, for ``vedette verify``.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from vedette.journal.errors import JournalError

KEY_FILE = "journal.key"
PUBLIC_FILE = "journal.pub.pem"
MAC_BYTES = 32


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    """The key file: JSON, both secrets in hex."""

    version: int
    signing: str
    mac: str


@dataclass(frozen=True, slots=True)
class JournalKeys:
    """What a gateway needs to write its journal. The secrets do not show in ``repr``."""

    signing: Ed25519PrivateKey = field(repr=False)
    mac: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> JournalKeys:
        return cls(Ed25519PrivateKey.generate(), secrets.token_bytes(MAC_BYTES))

    @property
    def public(self) -> Ed25519PublicKey:
        return self.signing.public_key()

    @property
    def public_bytes(self) -> bytes:
        """The 32 raw bytes of the public key."""
        return self.public.public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def public_pem(self) -> bytes:
        """The public key as anybody's tools read it (SubjectPublicKeyInfo, RFC 8410)."""
        return self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def load_or_create(folder: Path) -> JournalKeys:
    """The keys in *folder* (made, mode 0700, where missing); made once, never overwritten.

    Raises:
        JournalError: the file is not a key file, or others than its owner may read it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / KEY_FILE
    if not path.exists():
        _create(path)
    keys = load(path)
    public = folder / PUBLIC_FILE
    if not public.exists() or public.read_bytes() != keys.public_pem:
        _place(public, keys.public_pem, 0o644)
    return keys


def load(path: Path) -> JournalKeys:
    """The keys in one key file.

    Raises:
        JournalError: it cannot be read, is not a key file, or is open to others.
    """
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise JournalError(f"the journal's key file {path} cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise JournalError(f"the journal's key file {path} is open to others: chmod 600 it")
    try:
        stored = msgspec.json.decode(data, type=_Stored)
        signing = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(stored.signing))
        mac = bytes.fromhex(stored.mac)
    except (msgspec.MsgspecError, ValueError) as error:
        # Never the content: what stands there may be half a key.
        raise JournalError(f"{path} is not a journal key file: restore it from a copy") from error
    if stored.version != 1 or len(mac) != MAC_BYTES:
        raise JournalError(f"{path} is not a journal key file of version 1: restore it from a copy")
    return JournalKeys(signing, mac)


def public_key(data: bytes) -> Ed25519PublicKey:
    """An Ed25519 public key from PEM or from its 32 raw bytes.

    Raises:
        JournalError: it is neither.
    """
    try:
        if len(data) == 32:
            return Ed25519PublicKey.from_public_bytes(data)
        key = load_pem_public_key(data)
    except ValueError as error:
        raise JournalError("not a public key in PEM form") from error
    if not isinstance(key, Ed25519PublicKey):
        raise JournalError("not an Ed25519 public key")
    return key


def _create(path: Path) -> None:
    keys = JournalKeys.generate()
    stored = _Stored(1, keys.signing.private_bytes_raw().hex(), keys.mac.hex())
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    _write(draft, msgspec.json.encode(stored) + b"\n", 0o600)
    try:
        # A link, unlike a rename, never replaces what another process made meanwhile.
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _place(path: Path, data: bytes, mode: int) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    _write(draft, data, mode)
    draft.replace(path)


def _write(path: Path, data: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)
