"""Heads of HTTP/1.1 are read as everybody reads them, or not at all."""

from __future__ import annotations

import pytest

from vedette.protocols.http.heads import (
    CHUNKED,
    MAX_FIELDS,
    NO_BODY,
    UNTIL_CLOSE,
    Framing,
    Malformed,
    read_request,
    read_response,
)

HOST = b"Host: cluster\r\n"


def head(line: bytes = b"GET /api HTTP/1.1", *fields: bytes, host: bytes = HOST) -> bytes:
    return line + b"\r\n" + host + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


def test_a_request_is_taken_apart():
    found = read_request(
        head(b"POST /api/v1/pods?dryRun=All HTTP/1.1", b"Content-Length: 12", b"Accept: \tapplication/json ")
    )
    assert (found.method, found.target) == ("POST", "/api/v1/pods?dryRun=All")
    assert found.fields == (("host", "cluster"), ("content-length", "12"), ("accept", "application/json"))
    assert found.framing == Framing(12)
    assert found.keep_alive
    assert found.field("accept") == "application/json"
    assert found.field("cookie") == ""


@pytest.mark.parametrize(
    ("fields", "framing"),
    [
        ((), NO_BODY),
        ((b"Content-Length: 0",), NO_BODY),
        ((b"Content-Length: 7",), Framing(7)),
        ((b"Transfer-Encoding: chunked",), CHUNKED),
        ((b"Transfer-Encoding: Chunked",), CHUNKED),
    ],
)
def test_where_a_body_ends(fields, framing):
    assert read_request(head(b"POST / HTTP/1.1", *fields)).framing == framing


def test_an_upgrade_is_asked_for_by_both_fields():
    asked = head(b"GET /x HTTP/1.1", b"Connection: keep-alive, Upgrade", b"Upgrade: WebSocket")
    assert read_request(asked).upgrade == "websocket"


def test_close_and_expect():
    found = read_request(
        head(b"PUT /x HTTP/1.1", b"Connection: close", b"Expect: 100-continue", b"Content-Length: 1")
    )
    assert not found.keep_alive
    assert found.expects


#: What servers and proxies are known to read in more than one way, and what nobody sends in good faith.
ABUSE = {
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\r\n\r\n",
    "a bare line feed within": b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "a bare carriage return": b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
    "a folded field": b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
    "a folded field with a tab": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "a space before the first name": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "a line without a colon": head(b"GET / HTTP/1.1", b"Content-Length"),
    "no name": head(b"GET / HTTP/1.1", b": x"),
    "an empty line first": b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a null": head(b"GET / HTTP/1.1", b"X: a\0b"),
    "a control character": head(b"GET / HTTP/1.1", b"X: a\x01b"),
    "delete": head(b"GET / HTTP/1.1", b"X: a\x7fb"),
    "a name with an underscore and colon": head(b"GET / HTTP/1.1", b"Content_Length\x0b: 4"),
    "a name that is not ASCII": head(b"GET / HTTP/1.1", b"Ho\x80st: a"),
    "both lengths": head(b"POST / HTTP/1.1", b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "both lengths, the other way": head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", b"Content-Length: 5"),
    "two lengths": head(b"POST / HTTP/1.1", b"Content-Length: 5", b"Content-Length: 6"),
    "two equal lengths": head(b"POST / HTTP/1.1", b"Content-Length: 5", b"Content-Length: 5"),
    "a list of lengths": head(b"POST / HTTP/1.1", b"Content-Length: 5, 5"),
    "a signed length": head(b"POST / HTTP/1.1", b"Content-Length: +5"),
    "a negative length": head(b"POST / HTTP/1.1", b"Content-Length: -1"),
    "a hexadecimal length": head(b"POST / HTTP/1.1", b"Content-Length: 0x5"),
    "an underscored length": head(b"POST / HTTP/1.1", b"Content-Length: 1_0"),
    "a length with a space": head(b"POST / HTTP/1.1", b"Content-Length: 1 0"),
    "an empty length": head(b"POST / HTTP/1.1", b"Content-Length:"),
    "a length beyond 64 bits": head(b"POST / HTTP/1.1", b"Content-Length: 18446744073709551617"),
    "a length beyond reason": head(b"POST / HTTP/1.1", b"Content-Length: 9999999999999"),
    "an unknown coding": head(b"POST / HTTP/1.1", b"Transfer-Encoding: xchunked"),
    "chunked not last": head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked, identity"),
    "a coding before chunked": head(b"POST / HTTP/1.1", b"Transfer-Encoding: gzip, chunked"),
    "chunked twice": head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "a tab in the coding": head(b"POST / HTTP/1.1", b"Transfer-Encoding: \x0bchunked"),
    "a coding in quotes": head(b"POST / HTTP/1.1", b'Transfer-Encoding: "chunked"'),
    "two hosts": head(b"GET / HTTP/1.1", b"Host: other"),
    "no host": head(b"GET / HTTP/1.1", host=b""),
    "an empty host": head(b"GET / HTTP/1.1", host=b"Host:\r\n"),
    "two tokens": head(b"GET / HTTP/1.1", b"Authorization: Bearer a", b"Authorization: Bearer b"),
    "two types": head(b"GET / HTTP/1.1", b"Content-Type: a/b", b"Content-Type: c/d"),
    "two connections": head(b"GET / HTTP/1.1", b"Connection: close", b"Connection: keep-alive"),
    "HTTP/1.0": b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "a version in small letters": b"GET / http/1.1\r\nHost: a\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tab for a space": b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "more behind the version": b"GET / HTTP/1.1 x\r\nHost: a\r\n\r\n",
    "a whole address": b"GET http://other/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "an authority": b"CONNECT other:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target that is not ASCII": b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a method in small letters": b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
    "an unknown method": b"GETS / HTTP/1.1\r\nHost: a\r\n\r\n",
    "an upgrade in one field only": head(b"GET / HTTP/1.1", b"Upgrade: websocket"),
    "an upgrade in the other only": head(b"GET / HTTP/1.1", b"Connection: upgrade"),
    "an upgrade to either": head(b"GET / HTTP/1.1", b"Connection: upgrade", b"Upgrade: h2c, websocket"),
    "another expectation": head(b"POST / HTTP/1.1", b"Expect: 200-ok", b"Content-Length: 1"),
    "two heads": head(b"GET / HTTP/1.1") + head(b"GET / HTTP/1.1"),
    "something behind an upgrade": head(b"GET / HTTP/1.1", b"Connection: upgrade", b"Upgrade: websocket") + b"x",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    "an answer": b"HTTP/1.1 200 OK\r\nHost: a\r\n\r\n",
    "too many fields": head(b"GET / HTTP/1.1", *([b"X: y"] * MAX_FIELDS)),
}  # fmt: skip


@pytest.mark.parametrize("raw", ABUSE.values(), ids=ABUSE.keys())
def test_what_two_parsers_could_read_differently_is_not_read(raw):
    with pytest.raises(Malformed) as refused:
        read_request(raw)
    assert 400 <= refused.value.status <= 505
    assert len(refused.value.reason) < 150


@pytest.mark.parametrize(
    ("line", "fields", "method", "framing"),
    [
        (b"200 OK", (b"Content-Length: 3",), "GET", Framing(3)),
        (b"200 OK", (b"Content-Length: 3",), "HEAD", NO_BODY),
        (b"200 OK", (b"Transfer-Encoding: chunked",), "GET", CHUNKED),
        (b"200 OK", (b"Transfer-Encoding: chunked",), "HEAD", NO_BODY),
        (b"200 OK", (), "GET", UNTIL_CLOSE),
        (b"204 No Content", (), "GET", NO_BODY),
        (b"304 Not Modified", (b"Content-Length: 3",), "GET", NO_BODY),
        (b"100 Continue", (), "PUT", NO_BODY),
    ],
)
def test_where_the_body_of_an_answer_ends(line, fields, method, framing):
    raw = b"HTTP/1.1 " + line + b"\r\n" + b"".join(f + b"\r\n" for f in fields) + b"\r\n"
    assert read_response(raw, method).framing == framing


BAD_ANSWERS = {
    "both lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
    "a coding that is not chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "a folded field": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nX: a\n\n\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "a status that is none": b"HTTP/1.1 999 What\r\n\r\n",
    "a version that is none": b"HTTP/3.1 200 OK\r\n\r\n",
    "a request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "another answer behind": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
}


@pytest.mark.parametrize("raw", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_an_answer_that_could_be_read_differently_is_not_read(raw):
    with pytest.raises(Malformed):
        read_response(raw, "GET")


def test_a_connection_is_not_used_again_where_that_is_unsafe():
    assert read_response(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET").keep_alive
    assert not read_response(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "GET").keep_alive
    assert not read_response(b"HTTP/1.1 200 OK\r\n\r\n", "GET").keep_alive
    assert not read_response(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", "GET"
    ).keep_alive
