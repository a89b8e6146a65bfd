"""WebSocket messages as they arrive and as they are written (RFC 6455), without extensions, bounded.

Fragments are joined: one message in, one message out. What a frame says is checked before its
payload is waited for.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass

from vedette.protocols.http.heads import Malformed

MAX_MESSAGE_BYTES = 4 << 20
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_CONTINUATION = 0
_DATA = frozenset({_CONTINUATION, TEXT, BINARY})
_CONTROL = frozenset({CLOSE, PING, PONG})
_MAX_CONTROL = 125
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
VERSION = "13"


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(16)).decode("ascii")


def is_key(text: str) -> bool:
    """Whether *text* is what a client may send as ``Sec-WebSocket-Key``."""
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except ValueError:
        return False


def accepts(key: str) -> str:
    """``Sec-WebSocket-Accept`` for *key*."""
    digest = hashlib.sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")


@dataclass(frozen=True, slots=True)
class Message:
    """*kind* is TEXT, BINARY, CLOSE, PING or PONG."""

    kind: int
    data: bytes


class Messages:
    """What one peer sends. *masked*: it is the client, whose frames have to be."""

    def __init__(self, *, masked: bool) -> None:
        self._masked = masked
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._kind = 0
        self._size = 0

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are whole by now. Raises Malformed."""
        self._buffer += data
        found = []
        while (frame := self._frame()) is not None:
            message = self._join(*frame)
            if message is not None:
                found.append(message)
        return found

    def _frame(self) -> tuple[bool, int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        final, opcode = bool(buffer[0] & 0x80), buffer[0] & 0x0F
        masked, length, at = bool(buffer[1] & 0x80), buffer[1] & 0x7F, 2
        if buffer[0] & 0x70 or opcode not in _DATA | _CONTROL or masked != self._masked:
            raise Malformed("a frame that is no WebSocket's, or has extensions")
        if opcode in _CONTROL and (not final or length > _MAX_CONTROL):
            raise Malformed("a control frame in parts, or too long")
        if length > _MAX_CONTROL:
            size = 2 if length == 126 else 8
            if len(buffer) < at + size:
                return None
            length, least = int.from_bytes(buffer[at : at + size], "big"), 126 if size == 2 else 1 << 16
            if length < least:
                raise Malformed("a length that is not written as short as it can be")
            at += size
        if length + self._size > MAX_MESSAGE_BYTES:
            raise Malformed("a message that is too long")
        key = bytes(buffer[at : at + 4]) if masked else b""
        at += len(key) if masked else 0
        if len(buffer) < at + length or (masked and len(key) < 4):
            return None
        payload = bytes(buffer[at : at + length])
        del buffer[: at + length]
        return final, opcode, _xor(payload, key) if masked else payload

    def _join(self, final: bool, opcode: int, payload: bytes) -> Message | None:
        if opcode in _CONTROL:
            return Message(opcode, payload)
        if (opcode == _CONTINUATION) != bool(self._kind):
            raise Malformed("a message in the middle of another, or the middle of none")
        self._kind = self._kind or opcode
        self._parts.append(payload)
        self._size += len(payload)
        if not final:
            return None
        message = Message(self._kind, b"".join(self._parts))
        self._parts, self._kind, self._size = [], 0, 0
        return message


def write(message: Message, *, masked: bool) -> bytes:
    """*message* as one frame; *masked* as a client sends it."""
    length, bit = len(message.data), 0x80 if masked else 0
    first = 0x80 | message.kind
    if length < 126:
        head = bytes((first, bit | length))
    elif length < 1 << 16:
        head = bytes((first, bit | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, bit | 127)) + length.to_bytes(8, "big")
    if not masked:
        return head + message.data
    key = secrets.token_bytes(4)
    return head + key + _xor(message.data, key)


def _xor(data: bytes, key: bytes) -> bytes:
    """RFC 6455 section 5.3, all of it in one number."""
    if not data:
        return b""
    pad = (key * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "little") ^ int.from_bytes(pad, "little")).to_bytes(len(data), "little")
