"""Escapes in ``$'...'``. Source: the Bash manual, "ANSI-C Quoting"."""

from __future__ import annotations

import re

from vedette.shell.tree import Unreadable

_ESCAPE = re.compile(
    rb"\\(?:([abeEfnrtv\\\"?])|([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})"
    rb"|U([0-9A-Fa-f]{1,8})|(.))",
    re.DOTALL,
)
_NAMED = {
    b"a": b"\a", b"b": b"\b", b"e": b"\x1b", b"E": b"\x1b", b"f": b"\f", b"n": b"\n",
    b"r": b"\r", b"t": b"\t", b"v": b"\v", b"\\": b"\\", b'"': b'"', b"?": b"?",
}  # fmt: skip


def ansi(inner: str) -> str:
    """What ``$'inner'`` stands for.

    Raises:
        Unreadable: it holds a NUL, bytes that are no UTF-8, or an escape that shells read differently.
    """
    try:
        return _ESCAPE.sub(_one, inner.encode()).decode()
    except (UnicodeDecodeError, UnicodeEncodeError, OverflowError, ValueError) as error:
        raise Unreadable("a quoted string that is no UTF-8") from error


def _one(found: re.Match[bytes]) -> bytes:
    named, octal, two, four, eight, other = found.groups()
    if named:
        return _NAMED[named]
    if octal or two:
        value = (int(octal, 8) if octal else int(two, 16)) & 0xFF
        return _checked(bytes([value]))
    if four or eight:
        return _checked(chr(int(four or eight, 16)).encode())
    raise Unreadable(f"the escape \\{other.decode('utf-8', 'replace')} in a quoted string")


def _checked(raw: bytes) -> bytes:
    if raw == b"\0":
        raise Unreadable("a NUL in a quoted string")  # what follows it would be dropped
    return raw
