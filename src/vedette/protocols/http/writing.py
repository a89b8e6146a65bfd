"""HTTP/1.1 heads and chunks, written from what was read and judged. Bytes of a head are never passed on."""

from __future__ import annotations

from collections.abc import Iterable

from vedette.protocols.http.heads import CHUNKED, Fields, Framing

LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

#: Fields about one connection, or about where a body ends: written by whoever writes the message
#: (RFC 9110 section 7.6.1, RFC 9112 section 6).
HOPS = frozenset(
    {
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
        "proxy-authentication-info", "te", "trailer", "transfer-encoding", "content-length", "upgrade",
        "expect", "host", "http2-settings",
    }
)  # fmt: skip


class Unwritable(ValueError):
    """A field that would end its line, or a head that is none: a fault of ours, and nothing is sent."""


def request(
    method: str, target: str, host: str, fields: Iterable[tuple[str, str]], framing: Framing
) -> bytes:
    """A request's head. *fields* without those in `HOPS`, but for an upgrade's own two."""
    return _head(f"{method} {target} HTTP/1.1", (("Host", host), *fields), framing, bodiless=method in _QUIET)


_QUIET = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


def response(status: int, reason: str, fields: Iterable[tuple[str, str]], framing: Framing | None) -> bytes:
    """A response's head; *framing* None where its status or its request permits no body."""
    return _head(f"HTTP/1.1 {status} {reason}", fields, framing)


def _head(
    start: str, fields: Iterable[tuple[str, str]], framing: Framing | None, *, bodiless: bool = False
) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in fields)]
    if framing == CHUNKED:
        lines.append("Transfer-Encoding: chunked")
    elif framing is not None and framing.length is not None and (framing.length or not bodiless):
        lines.append(f"Content-Length: {framing.length}")
    text = "\r\n".join(lines)
    # One check for all: as many lines as were meant, and no control characters in any of them.
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
        raise Unwritable("a header field holds a line end")
    return f"{text}\r\n\r\n".encode("latin-1")


def chunk(data: bytes) -> bytes:
    """*data* as one chunk; nothing where there is none, for an empty chunk is the last."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def end_to_end(fields: Fields) -> Fields:
    """*fields* without those about the connection, and without those that ``Connection`` names."""
    named: set[str] = set()
    for name, value in fields:
        if name == "connection":
            named.update(part.strip(" \t").lower() for part in value.split(","))
    return tuple((name, value) for name, value in fields if name not in HOPS and name not in named)
