"""The keys that sign gateway tokens: one signs, several verify.

All of them stand in one private file, so that a rotation is one atomic
replacement and no reader ever sees half of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry

from vedette.credentials.keyfile import (
    KeyFileError,
    create_private,
    locked,
    private_folder,
    read_private,
    replace_private,
)

FILE_NAME = "tokens.json"
ALGORITHM = "EdDSA"
#: No token lives longer, the difference of clocks included.
LONGEST_SECONDS = 31 * 86400
MAX_KEYS = 100


class SigningKeyError(Exception):
    """The key file is missing, unsafe or not ours; the text names the file and the fix."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key; *id* is its RFC 7638 thumbprint, *created* Unix time in seconds."""

    id: str
    created: int
    key: OKPKey = field(repr=False)

    @classmethod
    def generate(cls, now: float) -> SigningKey:
        return cls.of(OKPKey.generate_key("Ed25519"), int(now))

    @classmethod
    def of(cls, key: OKPKey, created: int) -> SigningKey:
        return cls(key.thumbprint(), created, key)

    def sign(self, data: bytes) -> bytes:
        """The signature over *data*, 64 bytes."""
        return JWSRegistry.algorithms[ALGORITHM].sign(data, self.key)


class SigningKeys:
    """The keys at one moment: the first signs, all verify. Immutable; rotation makes another."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        if not keys:
            raise SigningKeyError("at least one signing key is needed")
        self.signer = keys[0]
        self._keys = tuple(keys)
        self._by_id: Mapping[str, SigningKey] = {key.id: key for key in keys}

    @classmethod
    def generate(cls, now: float = 0.0) -> SigningKeys:
        """In memory only, for tests and one-off processes."""
        return cls([SigningKey.generate(now)])

    @classmethod
    def open(cls, folder: Path, now: Callable[[], float] = time.time) -> SigningKeys:
        """The keys in *folder* (mode 0600 inside 0700), made on the first call.

        Raises:
            SigningKeyError: unsafe mode, unreadable, or not a key file.
        """
        path = folder / FILE_NAME
        try:
            private_folder(folder)
            if path.exists():
                return cls(_parse(path, read_private(path)))
            return cls(_parse(path, create_private(path, _render([SigningKey.generate(now())]))))
        except KeyFileError as error:
            raise SigningKeyError(str(error)) from None

    @classmethod
    def rotate(
        cls, folder: Path, now: Callable[[], float] = time.time, *, keep: int | None = 1
    ) -> SigningKeys:
        """Make a new key sign; *keep* of the older ones still verify.

        Keep an old one for as long as the longest token it signed may live: *keep* None does.
        """
        path = folder / FILE_NAME
        try:
            with locked(folder):
                old = _parse(path, read_private(path))
                kept = old[:keep] if keep is not None else _needed(old, now())
                new = [SigningKey.generate(now()), *kept]
                replace_private(path, _render(new))
        except KeyFileError as error:
            raise SigningKeyError(str(error)) from None
        return cls(new)

    def find(self, key_id: str | None) -> SigningKey | None:
        """The key with exactly this id."""
        return self._by_id.get(key_id) if key_id is not None else None

    def public(self) -> dict[str, list[dict[str, str]]]:
        """The JWK set of the public keys (RFC 7517), for others that verify our tokens."""
        return {"keys": [_public(key) for key in self._keys]}


def _needed(keys: Sequence[SigningKey], now: float) -> list[SigningKey]:
    """Those whose last token may still live: each signed until the one before it in the list was made."""
    ends = [now, *(float(key.created) for key in keys)]
    return [key for key, end in zip(keys, ends, strict=False) if now - end < LONGEST_SECONDS][:MAX_KEYS]


def _public(key: SigningKey) -> dict[str, str]:
    values = cast("dict[str, str]", key.key.as_dict(private=False))
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": values["x"],
        "kid": key.id,
        "use": "sig",
        "alg": ALGORITHM,
    }


def _render(keys: Sequence[SigningKey]) -> bytes:
    rows = [
        {"created": key.created, "kty": "OKP", "crv": "Ed25519"}
        | {name: cast("dict[str, str]", key.key.as_dict(private=True))[name] for name in ("x", "d")}
        for key in keys
    ]
    return json.dumps({"version": 1, "keys": rows}, indent=1).encode() + b"\n"


def _parse(path: Path, content: bytes) -> list[SigningKey]:
    keys: list[SigningKey] = []
    try:
        document = json.loads(content)
        for row in document["keys"] if document["version"] == 1 else []:
            jwk = {name: row[name] for name in ("kty", "crv", "x", "d")}
            if jwk["kty"] == "OKP" and jwk["crv"] == "Ed25519":
                keys.append(SigningKey.of(OKPKey.import_key(jwk), int(row["created"])))
    except (ValueError, KeyError, TypeError, JoseError):
        keys = []  # raised below, outside: the errors may carry the private key
    if not keys:
        raise SigningKeyError(
            f"{path} is not a file of signing keys; restore it, or move it away for new ones"
        )
    return keys
