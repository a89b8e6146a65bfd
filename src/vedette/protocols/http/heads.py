"""Heads of HTTP/1.1 messages: read by llhttp with its lenient flags off, and checked for what it lets pass.

Nothing that two parsers might take for two different things is read at all. Sources: RFC 9110
(fields), RFC 9112 (messages; section 6.3 for where a body ends), RFC 8441 is not spoken here.
"""

from __future__ import annotations

from dataclasses import dataclass

import httptools

#: Of one head, in bytes and fields. client-go's longest are tokens of a few KiB and exec's many ``command=``.
MAX_HEAD_BYTES = 64 << 10
MAX_FIELDS = 100
#: Longer than any object that is ever sent; what has to be counted must be a number of this size at most.
MAX_LENGTH = 1 << 40

END = b"\r\n\r\n"

Fields = tuple[tuple[str, str], ...]

#: Fields of which a second one makes two messages of one (RFC 9110 section 5.3 permits none of these twice).
ONCE = frozenset(
    {
        "host", "content-length", "transfer-encoding", "authorization", "content-type", "expect", "upgrade",
        "connection", "content-encoding", "sec-websocket-key", "sec-websocket-version",
        "sec-websocket-accept", "location", "te", "trailer",
    }
)  # fmt: skip


class Malformed(Exception):
    """These bytes are no HTTP/1.1 that everybody reads alike. *status* is what to answer a caller with."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


@dataclass(frozen=True, slots=True)
class Framing:
    """Where a body ends: after *length* bytes, after its last chunk, or (both None and False) with the
    connection."""

    length: int | None = None
    chunked: bool = False


NO_BODY = Framing(0)
UNTIL_CLOSE = Framing()
CHUNKED = Framing(chunked=True)


@dataclass(frozen=True, slots=True)
class Request:
    """
    A request's head. Names of *fields* are in small letters; *target* is as it was sent.

    *upgrade* is what the caller asks to switch to, in small letters, empty where it does not.
    """

    method: str
    target: str
    fields: Fields
    framing: Framing
    keep_alive: bool
    upgrade: str = ""
    expects: bool = False

    def field(self, name: str) -> str:
        """The first value under *name* (small letters), empty where there is none."""
        return _field(self.fields, name)


@dataclass(frozen=True, slots=True)
class Response:
    """A response's head, read as the answer to one request."""

    status: int
    reason: str
    fields: Fields
    framing: Framing
    keep_alive: bool
    upgrade: str = ""

    def field(self, name: str) -> str:
        """The first value under *name* (small letters), empty where there is none."""
        return _field(self.fields, name)


def _field(fields: Fields, name: str) -> str:
    for key, value in fields:
        if key == name:
            return value
    return ""


class _Told:
    """What llhttp calls back."""

    __slots__ = ("complete", "fields", "reason", "url")

    def __init__(self) -> None:
        self.url = b""
        self.reason = b""
        self.fields: list[tuple[str, str]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.fields) >= MAX_FIELDS:
            raise Malformed(f"more than {MAX_FIELDS} header fields", 431)
        self.fields.append((name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")))

    def on_headers_complete(self) -> None:
        self.complete = True


def read_request(head: bytes) -> Request:
    """
    *head* ends with its empty line, and nothing follows.

    Raises:
        Malformed: not HTTP/1.1, or ambiguous.
    """
    told = _Told()
    parser = httptools.HttpRequestParser(told)
    _feed(parser, head, told)
    if parser.get_http_version() != "1.1":
        raise Malformed("HTTP/1.1 is spoken here", 505)
    fields = tuple(told.fields)
    found = _once(fields)
    method, target = parser.get_method().decode("ascii"), told.url.decode("latin-1")
    if not head.startswith(f"{method} {target} HTTP/1.1\r\n".encode("latin-1")):
        raise Malformed("the request line has more spaces than two")
    if "host" not in found or not found["host"]:
        raise Malformed("a Host field is needed")
    if not target.startswith("/") or not target.isascii():
        raise Malformed("the target has to be a path")
    framing = _request_framing(found)
    connection = _tokens(found.get("connection", ""))
    expect = found.get("expect", "").lower()
    if expect not in ("", "100-continue"):
        raise Malformed("nobody can expect that here", 417)
    return Request(
        method,
        target,
        fields,
        framing,
        "close" not in connection,
        _upgrade(found, connection),
        bool(expect) and framing != NO_BODY,
    )


def read_response(head: bytes, method: str) -> Response:
    """
    The answer to a request with *method*; as `read_request`.

    Raises:
        Malformed: not HTTP/1.1, or ambiguous.
    """
    told = _Told()
    parser = httptools.HttpResponseParser(told)
    _feed(parser, head, told)
    version = parser.get_http_version()
    if version not in ("1.1", "1.0"):
        raise Malformed("the answer is not HTTP/1.1")
    fields = tuple(told.fields)
    found = _once(fields)
    status = parser.get_status_code()
    if not 100 <= status <= 599:
        raise Malformed("the answer has no status that there is")
    framing = _response_framing(found, status, method)
    connection = _tokens(found.get("connection", ""))
    keep = "close" not in connection and version == "1.1" and framing != UNTIL_CLOSE
    reason = told.reason.decode("latin-1")
    return Response(status, reason, fields, framing, keep, _upgrade(found, connection))


def _feed(
    parser: httptools.HttpRequestParser | httptools.HttpResponseParser, head: bytes, told: _Told
) -> None:
    if not 65 <= head[0] <= 90:
        raise Malformed("a message begins with a capital letter")
    if head.find(END) != len(head) - len(END):
        raise Malformed("there is more than one head")
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # what follows the head is not this parser's business anyhow
    except httptools.HttpParserCallbackError as error:
        cause = error.__context__
        raise cause if isinstance(cause, Malformed) else Malformed("the head cannot be read") from None
    except httptools.HttpParserInvalidMethodError:
        raise Malformed("the method is unknown", 501) from None
    except httptools.HttpParserError as error:
        raise Malformed(f"the head cannot be read: {_plain(error)}") from None
    if not told.complete:
        raise Malformed("the head cannot be read")


def _plain(error: httptools.HttpParserError) -> str:
    """llhttp's own words, which hold nothing of what was sent."""
    said = str(error.args[0]) if error.args else ""
    return said if said.isascii() and len(said) < 100 else "malformed"


def _once(fields: Fields) -> dict[str, str]:
    """Of fields that count once, their values."""
    found: dict[str, str] = {}
    for name, value in fields:
        if name in ONCE:
            if name in found:
                raise Malformed(f"two {name} fields")
            found[name] = value
    return found


def _tokens(value: str) -> frozenset[str]:
    return frozenset(part.strip(" \t").lower() for part in value.split(",")) if value else frozenset()


def _upgrade(found: dict[str, str], connection: frozenset[str]) -> str:
    """What is to be switched to. Both fields or neither (RFC 9110 section 7.8)."""
    if "upgrade" not in found and "upgrade" not in connection:
        return ""
    if "upgrade" not in connection or not found.get("upgrade"):
        raise Malformed("an upgrade needs both Connection: Upgrade and Upgrade")
    wanted = found["upgrade"].lower()
    if "," in wanted:
        raise Malformed("an upgrade names one protocol")
    return wanted


def _length(found: dict[str, str]) -> int | None:
    text = found.get("content-length")
    if text is None:
        return None
    # llhttp has read it too; a list of equal numbers is one thing it might take, and we do not.
    if not (text.isascii() and text.isdecimal()) or len(text) > 13 or int(text) > MAX_LENGTH:
        raise Malformed("Content-Length is no number that can be")
    return int(text)


def _chunked(found: dict[str, str]) -> bool:
    coding = found.get("transfer-encoding")
    if coding is None:
        return False
    if coding.lower() != "chunked":
        raise Malformed("the only transfer coding here is chunked", 501)
    if "content-length" in found:
        raise Malformed("both Transfer-Encoding and Content-Length")
    return True


def _request_framing(found: dict[str, str]) -> Framing:
    if _chunked(found):
        return CHUNKED
    length = _length(found)
    return Framing(length) if length else NO_BODY


def _response_framing(found: dict[str, str], status: int, method: str) -> Framing:
    """RFC 9112 section 6.3."""
    chunked, length = _chunked(found), _length(found)
    if method == "HEAD" or status < 200 or status in (204, 304):
        return NO_BODY
    if chunked:
        return CHUNKED
    return UNTIL_CLOSE if length is None else Framing(length)
