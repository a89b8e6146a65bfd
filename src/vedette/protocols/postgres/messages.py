"""Framing and building of PostgreSQL messages.

Source: PostgreSQL manual, chapters "Message Formats" and "Message Flow". A
message is a one-byte tag, an int32 length that counts itself but not the tag,
and a body. The very first message of a connection has no tag.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from vedette.model import Deny

PROTOCOL_3_0 = 196608
PROTOCOL_3_2 = 196610
SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104
CANCEL_REQUEST = 80877102

# The server itself refuses start-up packets over 10,000 bytes
# (src/backend/libpq: MAX_STARTUP_PACKET_LENGTH).
MAX_STARTUP_BYTES = 10_000
# A message's length is an int32; the server's own ceiling on most is 1 GiB.
MAX_MESSAGE_BYTES = 0x3FFFFFFF

HEADER = 5
read_u32 = struct.Struct("!I").unpack_from
read_i32 = struct.Struct("!i").unpack_from
read_i16 = struct.Struct("!h").unpack_from
read_u16 = struct.Struct("!H").unpack_from
_HEAD = struct.Struct("!cI")
_I32 = struct.Struct("!i")
_I16 = struct.Struct("!h")


class ProtocolError(Exception):
    """The peer's bytes are not PostgreSQL v3 as we know it; the session must end."""


def message_end(buf: bytes | bytearray, start: int, limit: int = MAX_MESSAGE_BYTES) -> int:
    """
    Offset just past the tagged message that begins at *start*.

    Needs the five header bytes only, so the result may lie beyond ``len(buf)``
    when the body is still on its way.

    Raises:
        ProtocolError: the length is under 4 or over *limit* bytes.
    """
    (length,) = read_u32(buf, start + 1)
    if not 4 <= length <= limit:
        raise ProtocolError(f"a message of type {chr(buf[start])!r} claims {length} bytes")
    return start + 1 + int(length)


def message(tag: bytes, body: bytes = b"") -> bytes:
    """One tagged message. Raises ProtocolError where the length would not fit."""
    if len(body) + 4 > MAX_MESSAGE_BYTES:
        raise ProtocolError(f"a message body of {len(body)} bytes does not fit")
    return _HEAD.pack(tag, len(body) + 4) + body


def cstring(text: str) -> bytes:
    """*text* as UTF-8 with its closing NUL. Raises ProtocolError if it holds a NUL."""
    raw = text.encode("utf-8", "surrogateescape")
    if b"\0" in raw:
        raise ProtocolError("a string holds a NUL byte")
    return raw + b"\0"


def read_cstring(body: bytes, start: int) -> tuple[bytes, int]:
    """The bytes up to the next NUL, and the offset behind it. Raises ProtocolError without one."""
    end = body.find(b"\0", start)
    if end < 0:
        raise ProtocolError("a string without its closing NUL")
    return body[start:end], end + 1


# --- what we send to either side ------------------------------------------------------


def query(text: str) -> bytes:
    return message(b"Q", cstring(text))


def parse(name: str, text: str) -> bytes:
    return message(b"P", cstring(name) + cstring(text) + b"\0\0")


def describe_portal(name: bytes) -> bytes:
    return message(b"D", b"P" + name + b"\0")


def sync() -> bytes:
    return message(b"S")


def terminate() -> bytes:
    return message(b"X")


def ready(status: bytes = b"I") -> bytes:
    return message(b"Z", status)


def parameter_status(name: str, value: str) -> bytes:
    return message(b"S", cstring(name) + cstring(value))


def backend_key(pid: int, secret: bytes) -> bytes:
    """BackendKeyData; *secret* is 4 bytes in protocol 3.0, 4 to 256 in 3.2."""
    return message(b"K", _I32.pack(pid) + secret)


def cancel_request(pid: int, secret: bytes) -> bytes:
    """CancelRequest, an untagged message."""
    return struct.pack("!III", 12 + len(secret), CANCEL_REQUEST, pid & 0xFFFFFFFF) + secret


def startup(parameters: Mapping[str, str], version: int = PROTOCOL_3_0) -> bytes:
    """StartupMessage, an untagged message."""
    body = b"".join(cstring(k) + cstring(v) for k, v in parameters.items()) + b"\0"
    return struct.pack("!II", 8 + len(body), version) + body


def authentication(code: int, data: bytes = b"") -> bytes:
    return message(b"R", _I32.pack(code) + data)


def row_description(columns: Iterable[tuple[str, int]]) -> bytes:
    """RowDescription of (label, type OID), text format, no origin."""
    cells = [cstring(label) + struct.pack("!IhIhih", 0, 0, oid, -1, -1, 0) for label, oid in columns]
    return message(b"T", _I16.pack(len(cells)) + b"".join(cells))


def fields(severity: str, code: str, text: str, *, detail: str = "", hint: str = "") -> bytes:
    """The body of an ErrorResponse or NoticeResponse."""
    parts = [("S", severity), ("V", severity), ("C", code), ("M", text), ("D", detail), ("H", hint)]
    return b"".join(k.encode() + cstring(v.replace("\0", "")) for k, v in parts if v) + b"\0"


def error(code: str, text: str, *, detail: str = "", hint: str = "", severity: str = "ERROR") -> bytes:
    return message(b"E", fields(severity, code, text, detail=detail, hint=hint))


def notice(text: str, *, hint: str = "", code: str = "00000") -> bytes:
    return message(b"N", fields("NOTICE", code, text, hint=hint))


# SQLSTATE by our stable refusal codes: what fits none of these is 42501,
# insufficient_privilege, which drivers raise as their permission error.
_SQLSTATE = {
    "protocol.oversize": "54000",
    "journal.unavailable": "58030",
    "limit.rows": "53400",
    "limit.bytes": "53400",
    "approval.cancelled": "57014",
}

_HINT = "ask the operator of the gateway for a rule or an approval that permits it"


def refusal(deny: Deny, *, severity: str = "ERROR") -> bytes:
    """An ErrorResponse in the gateway's own words: why, by which rule, and what to do."""
    return error(
        _SQLSTATE.get(deny.code, "42501"),
        f"vedette: {deny.reason}",
        detail=f"code {deny.code}, rule {deny.rule}",
        hint=deny.hint or _HINT,
        severity=severity,
    )


def read_fields(body: bytes) -> dict[str, bytes]:
    """
    The fields of an ErrorResponse or NoticeResponse body, by their one-letter type.

    Raises:
        ProtocolError: the list is not closed by a zero byte.
    """
    found: dict[str, bytes] = {}
    at = 0
    while True:
        if at >= len(body):
            raise ProtocolError("an error message without its end")
        if body[at] == 0:
            return found
        value, after = read_cstring(body, at + 1)
        found[chr(body[at])] = value
        at = after


def pack_fields(found: Mapping[str, bytes]) -> bytes:
    """The inverse of `read_fields`."""
    return b"".join(kind.encode("latin-1") + value + b"\0" for kind, value in found.items()) + b"\0"
