"""Arrays taken apart and put together again, in both formats.

Sources: PostgreSQL manual section 8.15.6, "Array Input and Output Syntax", and
``src/backend/utils/adt/arrayfuncs.c``, array_send, for the binary form.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

Element = Callable[[bytes], bytes | None]

MAX_DIMENSIONS = 6

_U32 = struct.Struct("!I")
_I32 = struct.Struct("!i")
_HEAD = struct.Struct("!iiI")
_BARE = re.compile(rb'[^{},"\\]+')
_QUOTED = re.compile(rb'[^"\\]+')


class Malformed(Exception):
    """The bytes are not an array as PostgreSQL writes it."""


def hide_in_text(text: bytes, element: Element) -> bytes:
    """
    An array literal with every element that is not NULL put through *element*.

    Gives *text* itself where no element changed.

    Raises:
        Malformed: not an array literal (comma as delimiter, which all types we open use).
    """
    here = text.find(b"{")
    if here < 0 or (here and not (text.startswith(b"[") and text[here - 1 : here] == b"=")):
        raise Malformed
    pieces: list[bytes] = [text[:here]]
    changed = False
    depth = 0
    while here < len(text):
        char = text[here : here + 1]
        if char in b"{},":
            depth += (char == b"{") - (char == b"}")
            pieces.append(char)
            here += 1
            if depth == 0 and here != len(text):
                raise Malformed
            continue
        value, end, quoted = _element(text, here)
        written = text[here:end]
        if not quoted and value.upper() == b"NULL":
            pieces.append(written)
        else:
            new = element(value)
            changed = changed or new is not value
            pieces.append(written if new is value else _written(new))
        here = end
    if depth:
        raise Malformed
    return b"".join(pieces) if changed else text


def _element(text: bytes, here: int) -> tuple[bytes, int, bool]:
    """The value of the element at *here*, the offset behind it, and whether it is quoted."""
    quoted = text[here] == 0x22
    run = _QUOTED if quoted else _BARE
    here += quoted
    pieces: list[bytes] = []
    while here < len(text):
        char = text[here]
        if char == 0x5C:
            pieces.append(text[here + 1 : here + 2])
            here += 2
        elif quoted and char == 0x22:
            return b"".join(pieces), here + 1, True
        elif not quoted and char in b"{},":
            return b"".join(pieces), here, False
        else:
            match = run.match(text, here)
            if match is None:
                raise Malformed
            pieces.append(match.group())
            here = match.end()
    raise Malformed


def _written(value: bytes | None) -> bytes:
    if value is None:
        return b"NULL"
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def hide_in_binary(raw: bytes, oid: int, element: Element) -> bytes:
    """
    A binary array of element type *oid* with every element that is not NULL put through *element*.

    Gives *raw* itself where no element changed.

    Raises:
        Malformed: not an array, of another type, or its lengths lie.
    """
    if len(raw) < 12:
        raise Malformed
    dimensions, flags, of = _HEAD.unpack_from(raw)
    here = 12 + 8 * dimensions
    if not 0 <= dimensions <= MAX_DIMENSIONS or flags not in (0, 1) or of != oid or here > len(raw):
        raise Malformed
    pieces: list[bytes] = []
    changed = nulls = False
    while here < len(raw):
        if here + 4 > len(raw):
            raise Malformed
        (size,) = _I32.unpack_from(raw, here)
        here += 4
        if size == -1:
            pieces.append(b"\xff\xff\xff\xff")
            continue
        if size < 0 or here + size > len(raw):
            raise Malformed
        value = raw[here : here + size]
        new = element(value)
        changed = changed or new is not value
        if new is None:
            nulls = True
            pieces.append(b"\xff\xff\xff\xff")
        else:
            pieces += (_U32.pack(len(new)), new)
        here += size
    if not changed:
        return raw
    head = _HEAD.pack(dimensions, 1 if nulls else flags, of)
    return head + raw[12 : 12 + 8 * dimensions] + b"".join(pieces)
