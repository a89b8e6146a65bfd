"""A JWS in compact form, read strictly and not yet believed.

Source: RFC 7515 section 7.1 (form), RFC 8725 (what goes wrong). Stricter than
both: one JSON reading only (no duplicate names, no NaN), canonical base64url,
and none of the header parameters that change what is signed or bring a key.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from vedette.identity.errors import IdentityError, malformed

MAX_TOKEN_BYTES = 16 << 10
MAX_HEADER_BYTES = 4 << 10
MAX_KEY_ID_CHARACTERS = 256

#: From base64url to base64; what is only base64's becomes what is neither's.
_TO_BASE64 = bytes.maketrans(b"-_+/=", b"+/!!!")
#: By the length of the last group: its padding, and the last letters whose spare bits are zero (RFC 4648
#: section 3.5), so that each value has one spelling.
_ENDS: Mapping[int, tuple[bytes, frozenset[str] | None]] = {
    0: (b"", None), 2: (b"==", frozenset("AQgw")), 3: (b"=", frozenset("AEIMQUYcgkosw048")),
}  # fmt: skip

#: Header parameters that refuse the token: keys or addresses of keys that the
#: sender chose, and extensions that change what the signature covers.
_REFUSED_HEADERS = ("jku", "jwk", "x5u", "crit", "b64", "zip", "enc", "epk", "p2c", "p2s")
_REFUSED = frozenset(_REFUSED_HEADERS)


@dataclass(frozen=True, slots=True)
class Compact:
    """Header and claims as the sender wrote them; *signed* is what *signature* must cover."""

    header: Mapping[str, object] = field(repr=False)
    claims: Mapping[str, object] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def algorithm(self) -> str:
        value = self.header.get("alg")
        if not isinstance(value, str) or not value:
            raise malformed("the token's header names no algorithm")
        return value

    @property
    def key_id(self) -> str | None:
        value = self.header.get("kid")
        if value is None and "kid" not in self.header:
            return None
        if not isinstance(value, str) or not 0 < len(value) <= MAX_KEY_ID_CHARACTERS:
            raise malformed("the token's key id is not a text of usual length")
        return value

    @property
    def type(self) -> str | None:
        value = self.header.get("typ")
        if value is None and "typ" not in self.header:
            return None
        if not isinstance(value, str):
            raise malformed("the token's type is not a text")
        return value

    @property
    def issuer(self) -> str:
        """What the token says about its origin: only good for choosing whom to ask."""
        value = self.claims.get("iss")
        if not isinstance(value, str) or not value:
            raise malformed("the token names no issuer")
        return value


def read(text: str) -> Compact:
    """Take *text* apart.

    Raises:
        IdentityError: ``identity.malformed``; never shows any of *text*.
    """
    if len(text) > MAX_TOKEN_BYTES:
        raise malformed(f"the token is over {MAX_TOKEN_BYTES} bytes")
    parts = text.split(".")
    if len(parts) == 5:
        raise malformed("encrypted tokens are not accepted")
    if len(parts) != 3:
        raise malformed("not a token: three parts are needed")
    header, claims_bytes, signature = _header(parts[0]), _decode(parts[1]), _decode(parts[2])
    claims = read_object(claims_bytes, "the token's body")
    return Compact(header, claims, text[: text.rindex(".")].encode("ascii"), signature)


@lru_cache(maxsize=128)
def _header(part: str) -> Mapping[str, object]:
    """The same for all tokens that one key signs, so remembered; a refusal is not."""
    decoded = _decode(part)
    if len(decoded) > MAX_HEADER_BYTES:
        raise malformed(f"the token's header is over {MAX_HEADER_BYTES} bytes")
    header = read_object(decoded, "the token's header")
    if not _REFUSED.isdisjoint(header):
        name = next(name for name in _REFUSED_HEADERS if name in header)
        raise malformed(f"the token's header has {name}, which is not accepted")
    return MappingProxyType(header)


def _decode(part: str) -> bytes:
    """Base64url without padding, in its one canonical spelling."""
    end = _ENDS.get(len(part) % 4)
    if not part or end is None:
        raise malformed("a part of the token is not base64url")
    padding, last = end
    try:
        decoded = binascii.a2b_base64(part.encode("ascii").translate(_TO_BASE64) + padding, strict_mode=True)
    except ValueError:
        decoded = None  # raised below, outside: the error may carry the whole text
    if decoded is None:
        raise malformed("a part of the token is not base64url")
    if last is not None and part[-1] not in last:
        raise malformed("a part of the token is not canonical base64url")
    return decoded


def read_object(data: bytes, what: str) -> dict[str, object]:
    """One JSON object that every reader would understand alike.

    Raises:
        IdentityError: not UTF-8, not JSON, not an object, a name twice, NaN or
            infinity, lone surrogates, or nested beyond Python's patience.
    """
    value: object = None
    try:
        value = _JSON.decode(data.decode("utf-8"))
        if b"\\u" in data:
            # Refuses lone surrogates, which only an escape can bring in: UTF-8 has none.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        value = None  # raised below, outside: a JSON error carries the whole text
    if not isinstance(value, dict):
        raise malformed(f"{what} is not one plain JSON object")
    return value


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


#: Made once: `json.loads` would make one for each text.
_JSON = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_no_constant)


def refuse_algorithm() -> IdentityError:
    """One text for every algorithm, so that it tells nothing about the configuration."""
    return IdentityError("identity.algorithm", "the token is signed by a method that is not permitted here")
