"""Reading a Bind message, and showing its values as text.

Source: PostgreSQL manual, "Message Formats", Bind; binary forms from the send
functions of the built-in types.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from vedette.protocols.postgres.messages import ProtocolError, read_cstring, read_i32, read_u16

_BINARY = {
    16: struct.Struct("!?"),
    20: struct.Struct("!q"),
    21: struct.Struct("!h"),
    23: struct.Struct("!i"),
    26: struct.Struct("!I"),
    700: struct.Struct("!f"),
    701: struct.Struct("!d"),
}
# text, varchar, bpchar, name, json, xml, unknown, char: binary form is the text itself.
_TEXTUAL = frozenset({25, 1043, 1042, 19, 114, 142, 705, 18})


@dataclass(frozen=True, slots=True)
class Bind:
    """*formats* has one number per parameter; *results* is as sent (0, 1 or one per column)."""

    portal: bytes
    statement: bytes
    parameters: tuple[bytes | None, ...]
    formats: tuple[int, ...]
    results: tuple[int, ...]


def read_bind(body: bytes) -> Bind:
    """A whole Bind message (header included). Raises ProtocolError if any length in it lies."""
    portal, at = read_cstring(body, 5)
    statement, at = read_cstring(body, at)
    try:
        formats, at = _shorts(body, at)
        (count,) = read_u16(body, at)
        at += 2
        values: list[bytes | None] = []
        for _ in range(count):
            (length,) = read_i32(body, at)
            at += 4
            if length < 0:
                if length != -1:
                    raise ProtocolError(f"a parameter of {length} bytes")
                values.append(None)
                continue
            if at + length > len(body):
                raise ProtocolError("a parameter that is longer than its message")
            values.append(body[at : at + length])
            at += length
        results, at = _shorts(body, at)
    except struct.error:
        raise ProtocolError("a Bind message that is cut short") from None
    if at != len(body):
        raise ProtocolError("a Bind message with bytes behind its end")
    if len(formats) not in (0, 1, count):
        raise ProtocolError(f"{len(formats)} parameter formats for {count} parameters")
    each = formats if len(formats) == count else (formats or (0,)) * count
    return Bind(portal, statement, tuple(values), each, results)


def _shorts(body: bytes, at: int) -> tuple[tuple[int, ...], int]:
    (count,) = read_u16(body, at)
    if at + 2 + 2 * count > len(body):
        raise ProtocolError("a Bind message that is cut short")
    return struct.unpack_from(f"!{count}h", body, at + 2), at + 2 + 2 * count


def show(value: bytes | None, form: int, oid: int) -> str | None:
    """A parameter as text; what has no plain text form is ``\\x`` and hex. Never raises."""
    if value is None:
        return None
    if form == 0 or oid in _TEXTUAL:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return "\\x" + value.hex()
    known = _BINARY.get(oid)
    if known is not None and len(value) == known.size:
        return str(known.unpack(value)[0])
    if oid == 2950 and len(value) == 16:
        text = value.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    return "\\x" + value.hex()
