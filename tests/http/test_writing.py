"""Heads are written from what was judged; nothing in a field can end its line."""

from __future__ import annotations

import pytest

from vedette.protocols.http import writing
from vedette.protocols.http.heads import CHUNKED, NO_BODY, Framing, read_request, read_response


def test_a_request_reads_back_as_it_was_written():
    fields = (("accept", "application/json"), ("user-agent", "kubectl"))
    raw = writing.request("POST", "/api/v1/pods", "cluster:6443", fields, Framing(3))
    found = read_request(raw)
    assert (found.method, found.target, found.framing) == ("POST", "/api/v1/pods", Framing(3))
    assert found.fields == (("host", "cluster:6443"), *fields, ("content-length", "3"))


@pytest.mark.parametrize(
    ("method", "said"), [("GET", False), ("DELETE", False), ("POST", True), ("PUT", True)]
)
def test_an_empty_body_is_said_where_one_is_expected(method, said):
    assert (b"Content-Length: 0" in writing.request(method, "/", "a", (), NO_BODY)) is said


def test_a_response_reads_back_as_it_was_written():
    raw = writing.response(200, "OK", (("content-type", "application/json"),), CHUNKED)
    found = read_response(raw, "GET")
    assert (found.status, found.reason, found.framing) == (200, "OK", CHUNKED)


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb", "a\0b"])
def test_a_field_that_would_end_its_line_is_not_written(value):
    with pytest.raises(writing.Unwritable):
        writing.request("GET", "/", "a", (("x", value),), NO_BODY)
    with pytest.raises(writing.Unwritable):
        writing.request("GET", "/" + value, "a", (), NO_BODY)


def test_what_is_about_one_connection_stays_on_it():
    fields = (
        ("connection", "close, X-Mine"), ("x-mine", "1"), ("keep-alive", "5"), ("te", "trailers"),
        ("proxy-authorization", "x"), ("transfer-encoding", "chunked"), ("content-length", "3"),
        ("upgrade", "h2c"), ("host", "a"), ("accept", "*/*"),
    )  # fmt: skip
    assert writing.end_to_end(fields) == (("accept", "*/*"),)
