"""SPDY/3.1 frames as they arrive and as they are written, bounded.

Source: SPDY Protocol, Draft 3.1, sections 2.2 (frames) and 2.6 (their kinds). Only what carries streams
over one connection is spoken: no push, no credentials. Header blocks are compressed with one
state per direction, so that each is taken apart and written anew, in order.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from vedette.protocols.http.heads import Malformed

MAX_FRAME_BYTES = 4 << 20
MAX_HEADERS_BYTES = 64 << 10
MAX_PAIRS = 64

SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY, HEADERS, WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9
FIN = 1
REFUSED_STREAM = 3
_HEAD = 8
_VERSION = 3
#: Payload lengths of the kinds that have a fixed one.
_FIXED = {RST_STREAM: 8, PING: 4, GOAWAY: 8, WINDOW_UPDATE: 8}
#: What stands before the header block of the kinds that have one.
_BEFORE = {SYN_STREAM: 10, SYN_REPLY: 4, HEADERS: 4}

# Section 2.6.10.1: words behind their length, then text as it stands.
_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges "
    "age allow authorization cache-control connection content-base content-encoding content-language "
    "content-length content-location content-md5 content-range content-type date etag expect expires from "
    "host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location "
    "max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer "
    "transfer-encoding upgrade user-agent vary via warning www-authenticate method get status 200_OK version "
    "HTTP/1.1 url public set-cookie keep-alive origin"
)
_TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = (
    b"".join(len(word).to_bytes(4, "big") + word.replace("_", " ").encode() for word in _WORDS.split())
    + _TEXT.encode()
)

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Data:
    stream: int
    flags: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Control:
    """*before* is what stands before the headers of the kinds that have some, and all of the others."""

    kind: int
    flags: int
    before: bytes
    headers: Headers | None = None

    @property
    def stream(self) -> int:
        """The stream it is about; 0 for those about the connection."""
        if self.kind in (SETTINGS, PING, GOAWAY):
            return 0
        return int.from_bytes(self.before[:4], "big") & 0x7FFFFFFF


class Frames:
    """What one peer sends."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._zlib = zlib.decompressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> list[Data | Control]:
        """The frames that are whole by now. Raises Malformed."""
        self._buffer += data
        found: list[Data | Control] = []
        buffer = self._buffer
        while len(buffer) >= _HEAD:
            length = int.from_bytes(buffer[5:8], "big")
            if length > MAX_FRAME_BYTES:
                raise Malformed("a frame that is too long")
            if len(buffer) < _HEAD + length:
                break
            first, flags = int.from_bytes(buffer[:4], "big"), buffer[4]
            payload = bytes(buffer[_HEAD : _HEAD + length])
            del buffer[: _HEAD + length]
            found.append(self._control(first, flags, payload) if first >> 31 else Data(first, flags, payload))
        return found

    def _control(self, first: int, flags: int, payload: bytes) -> Control:
        version, kind = first >> 16 & 0x7FFF, first & 0xFFFF
        if version != _VERSION:
            raise Malformed("a frame of another SPDY than 3.1")
        if kind in _BEFORE:
            at = _BEFORE[kind]
            if len(payload) < at:
                raise Malformed("a frame that is too short")
            return Control(kind, flags, payload[:at], self._headers(payload[at:]))
        if kind == SETTINGS:
            if len(payload) < 4 or len(payload) != 4 + 8 * int.from_bytes(payload[:4], "big"):
                raise Malformed("settings that are malformed")
        elif _FIXED.get(kind) != len(payload):
            raise Malformed("a frame of a kind that is not spoken here")
        return Control(kind, flags, payload)

    def _headers(self, block: bytes) -> Headers:
        try:
            text = self._zlib.decompress(block, MAX_HEADERS_BYTES)
        except zlib.error:
            raise Malformed("headers that do not unpack") from None
        if self._zlib.unconsumed_tail or self._zlib.unused_data or self._zlib.eof:
            raise Malformed("headers that are too long, or whose compression ends")
        at = 4
        count = int.from_bytes(text[:4], "big")
        if len(text) < 4 or count > MAX_PAIRS:
            raise Malformed("headers that are malformed")
        words: list[str] = []
        for _ in range(2 * count):
            size = int.from_bytes(text[at : at + 4], "big")
            if len(text) < at + 4 + size:
                raise Malformed("headers that are malformed")
            words.append(text[at + 4 : at + 4 + size].decode("latin-1"))
            at += 4 + size
        if at != len(text):
            raise Malformed("headers that are malformed")
        return tuple(zip(words[::2], words[1::2], strict=True))


class Writer:
    """What is sent to one peer."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(zdict=DICTIONARY)

    def write(self, frame: Data | Control) -> bytes:
        if isinstance(frame, Data):
            return frame.stream.to_bytes(4, "big") + _flags(frame.flags, len(frame.data)) + frame.data
        payload = frame.before
        if frame.headers is not None:
            payload += self._zlib.compress(_block(frame.headers)) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
        first = 1 << 31 | _VERSION << 16 | frame.kind
        return first.to_bytes(4, "big") + _flags(frame.flags, len(payload)) + payload


def reset(stream: int, status: int) -> Control:
    return Control(RST_STREAM, 0, stream.to_bytes(4, "big") + status.to_bytes(4, "big"))


def _flags(flags: int, length: int) -> bytes:
    return bytes((flags,)) + length.to_bytes(3, "big")


def _block(headers: Headers) -> bytes:
    words = [word.encode("latin-1") for pair in headers for word in pair]
    sized = b"".join(len(word).to_bytes(4, "big") + word for word in words)
    return len(headers).to_bytes(4, "big") + sized
