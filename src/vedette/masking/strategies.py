"""What stands in the place of a hidden value.

Two questions, answered separately: what replaces a whole value of some type
(``whole_value``), and what replaces a find inside a text (``replacement``).
Whatever replaces a value is a valid value of its declared type, or NULL.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from vedette.masking.kinds import INT2, INT4, INT8, Kind
from vedette.masking.numbers import integer_bytes, integer_text, numeric_bytes, numeric_text

Whole = Callable[[bytes], bytes | None]
"""A value's bytes to what replaces them; None is NULL."""

STRICTNESS = {"partial": 0, "hash": 1, "redact": 2, "null": 3}
"""Where several rules apply to one value, the highest of these wins."""

REDACTED = b"[redacted]"

# Letters only: a digest in digits could look like a card number and be masked again.
_LETTERS = bytes.maketrans(b"0123456789abcdef", b"bcdfghjkmnpqrstv")


def digest(value: bytes, key: bytes, size: int = 16) -> bytes:
    """Keyed BLAKE2b of *value*: the same for the same key, wherever the value stands.

    Raises:
        ValueError: there is no key.
    """
    if not key:
        raise ValueError("a hash needs a key")
    if len(key) > hashlib.blake2b.MAX_KEY_SIZE:
        key = hashlib.blake2b(key).digest()
    return hashlib.blake2b(value, key=key, digest_size=size, person=b"vedette.masking").digest()


def pseudonym(value: bytes, key: bytes) -> bytes:
    """Sixteen letters that stand for *value* (64 bits of its digest)."""
    return digest(value, key, 8).hex().encode("ascii").translate(_LETTERS)


def stars(value: bytes, keep: int) -> bytes:
    """All but the last *keep* characters starred out, and never less than half of them.

    The number of characters stays, so that doing it twice changes nothing.
    """
    text = value.decode("utf-8", "replace")
    kept = max(0, min(keep, len(text) // 2))
    return ("*" * (len(text) - kept) + text[len(text) - kept :]).encode()


# --- whole values ----------------------------------------------------------------------


def whole_value(kind: Kind, oid: int, binary: bool, strategy: str, keep: int, key: bytes) -> Whole:
    """How a value of this type is hidden whole. ARRAY is for the caller to take apart.

    Raises:
        ValueError: the strategy needs a key and there is none.
    """
    if strategy == "hash":
        digest(b"", key)
        return _hashed(kind, oid, binary, key)
    if strategy == "null":
        return _null
    if kind is Kind.TEXT:
        return (lambda value: stars(value, keep)) if strategy == "partial" else _constant(REDACTED)
    if kind is Kind.LETTER:
        return _constant(b"*")
    if kind is Kind.JSON or kind is Kind.JSONB:
        return _constant(_version(kind, binary) + b'"[redacted]"')
    if kind is Kind.UUID:
        return _uuid(binary, lambda raw: bytes(16) if strategy == "redact" else _uuid_tail(raw, keep))
    return _null


def _null(value: bytes) -> bytes | None:
    return None


def _constant(value: bytes) -> Whole:
    return lambda _: value


def _version(kind: Kind, binary: bool) -> bytes:
    """Binary jsonb begins with its version, which is 1."""
    return b"\x01" if kind is Kind.JSONB and binary else b""


def _hashed(kind: Kind, oid: int, binary: bool, key: bytes) -> Whole:
    if kind is Kind.TEXT:
        return lambda value: pseudonym(value, key)
    if kind is Kind.JSON or kind is Kind.JSONB:
        head = _version(kind, binary)
        return lambda value: head + b'"' + pseudonym(value[len(head) :], key) + b'"'
    if kind is Kind.UUID:
        return _uuid(binary, lambda raw: digest(raw, key))
    if kind is Kind.INTEGER and oid != INT2:
        return _integer(oid, binary, key)
    if kind is Kind.NUMERIC:
        return _numeric(binary, key)
    if kind is Kind.BYTEA:
        return _bytea(binary, key)
    return _null


def _uuid(binary: bool, change: Callable[[bytes], bytes]) -> Whole:
    def masked(value: bytes) -> bytes | None:
        try:
            raw = value if binary else bytes.fromhex(value.decode("ascii", "replace").replace("-", ""))
        except ValueError:
            return None
        if len(raw) != 16:
            return None
        new = change(raw)
        text = new.hex()
        dashed = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
        return new if binary else dashed.encode("ascii")

    return masked


def _uuid_tail(raw: bytes, keep: int) -> bytes:
    kept = max(0, min(keep, 16))
    return bytes.fromhex("0" * (32 - kept) + raw.hex()[32 - kept :])


def _keyed_number(value: bytes, key: bytes, bits: int) -> int:
    return int.from_bytes(digest(value, key, 8), "big") >> (64 - bits)


def _integer(oid: int, binary: bool, key: bytes) -> Whole:
    bits = {INT4: 31, INT8: 63}[oid]

    def masked(value: bytes) -> bytes | None:
        text = integer_text(oid, value) if binary else value
        if text is None:
            return None
        number = _keyed_number(text, key, bits)
        return integer_bytes(oid, number) if binary else b"%d" % number

    return masked


def _numeric(binary: bool, key: bytes) -> Whole:
    def masked(value: bytes) -> bytes | None:
        text = numeric_text(value) if binary else value
        if text is None or not text[-1:].isdigit():  # NaN and the infinities are not numbers to stand for
            return None
        number = _keyed_number(text, key, 50)
        return numeric_bytes(number) if binary else b"%d" % number

    return masked


def _bytea(binary: bool, key: bytes) -> Whole:
    def masked(value: bytes) -> bytes | None:
        raw = value if binary else bytea_bytes(value)
        if raw is None:
            return None
        new = digest(raw, key)
        return new if binary else b"\\x" + new.hex().encode("ascii")

    return masked


def bytea_bytes(text: bytes) -> bytes | None:
    """What bytea in its hex output format stands for; None for anything else."""
    if not text.startswith(b"\\x"):
        return None
    try:
        return bytes.fromhex(text[2:].decode("ascii", "replace"))
    except ValueError:
        return None


# --- finds inside a text ----------------------------------------------------------------


def replacement(entity: str, strategy: str, keep: int, value: bytes, key: bytes) -> bytes:
    """What stands in a text for a find.

    Holds no quote, backslash, comma, brace or control character, so that it is
    safe inside JSON strings, array elements and CSV fields, and no detector
    finds anything in it.
    """
    name = entity.encode("ascii")
    if strategy == "null":
        return b""
    if strategy == "hash":
        return b"[" + name + b" " + pseudonym(value, key) + b"]"
    if strategy == "partial":
        shape = _SHAPES.get(entity, _last)
        text = shape(value, keep) if value.isascii() else b""
        if text:
            return text
    return b"[" + name + b"]"


def _email(value: bytes, keep: int) -> bytes:
    """``a***@d***.com``: first letters and the top-level domain, whatever *keep* says."""
    local, _, domain = value.rpartition(b"@")
    name, dot, top = domain.rpartition(b".")
    if not dot or not local[:1].isalnum() or not name[:1].isalnum() or not top.isalpha():
        return b""
    return local[:1] + b"***@" + name[:1] + b"***." + top


_ALPHANUMERIC = re.compile(rb"[0-9A-Za-z]")
_UNSAFE = re.compile(rb"[^0-9A-Za-z ._/()+*\-]")


def _last(value: bytes, keep: int) -> bytes:
    """Letters and digits starred but the last *keep* (at most four, at most half)."""
    if _UNSAFE.search(value) is not None:
        return b""
    places = [match.start() for match in _ALPHANUMERIC.finditer(value)]
    kept = max(0, min(keep, 4, len(places) // 2))
    hidden = bytearray(value)
    for place in places[: len(places) - kept]:
        hidden[place] = 0x2A
    return bytes(hidden)


def _network(value: bytes, keep: int) -> bytes:
    """The first half of a version 4 address."""
    parts = value.split(b".")
    return b".".join([*parts[:2], b"*", b"*"]) if len(parts) == 4 and b":" not in value else b""


def _nothing(value: bytes, keep: int) -> bytes:
    return b""


_SHAPES: dict[str, Callable[[bytes, int], bytes]] = {
    "email": _email,
    "ip_address": _network,
    "private_key": _nothing,
    "jwt": _nothing,
    "url_password": _nothing,
    "aws_key": _last,
}
