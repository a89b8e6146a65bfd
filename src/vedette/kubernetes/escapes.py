"""Percent-encoding, read strictly and written in one way only (RFC 3986, section 2)."""

from __future__ import annotations

import re

from vedette.kubernetes.errors import BadRequest

_TRIPLET = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
#: What else a segment holds plainly: names of RBAC objects and of proxied ports have colons.
_SEGMENT = _UNRESERVED | frozenset(b":@!$'()*+,=")
_VALUE = _UNRESERVED | frozenset(b":@!$'()*,/")


def decode(text: str, code: str, *, plus: bool = False) -> str:
    """
    *text* without percent-encoding; with *plus*, ``+`` is a space (WHATWG URL, form encoding).

    Raises:
        BadRequest: with *code*: a broken triplet, what is not UTF-8, a control character.
    """
    raw = text.encode("ascii", "replace")
    if plus:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        if raw.count(b"%") != len(_TRIPLET.findall(raw)):
            raise BadRequest(code, "a percent sign without two hexadecimal digits behind it")
        raw = _TRIPLET.sub(lambda found: bytes([int(found[1], 16)]), raw)
    try:
        decoded = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(code, "an escape that is not UTF-8") from None
    if any(char < " " or "\x7f" <= char <= "\x9f" for char in decoded):
        raise BadRequest(code, "a control character")
    return decoded


def segment(text: str) -> str:
    """*text* as a segment of a path."""
    return _encoded(text, _SEGMENT)


def value(text: str) -> str:
    """*text* as a key or value of a query."""
    return _encoded(text, _VALUE)


def _encoded(text: str, plain: frozenset[int]) -> str:
    raw = text.encode("utf-8")
    if plain.issuperset(raw):
        return text
    return "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in raw)
