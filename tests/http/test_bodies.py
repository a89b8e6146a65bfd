"""Bodies end where they say, however the bytes arrive."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vedette.protocols.http.bodies import Chunked, Counted, Endless, body
from vedette.protocols.http.heads import CHUNKED, NO_BODY, UNTIL_CLOSE, Framing, Malformed
from vedette.protocols.http.writing import LAST_CHUNK, chunk

NEXT = b"GET /next HTTP/1.1\r\n"


def play(framing, raw, cuts=()):
    """What a body read from *raw*, arriving in pieces that end at *cuts*, is; and what is left."""
    reader, buffer, taken = body(framing), bytearray(), b""
    for begin, end in zip((0, *cuts), (*cuts, len(raw)), strict=True):
        buffer += raw[begin:end]
        if not reader.done:
            taken += reader.take(buffer)
    return taken, bytes(buffer), reader.done


def test_chunks_are_joined_and_what_follows_is_left():
    assert play(CHUNKED, b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n" + NEXT) == (b"abc0123456789", NEXT, True)


def test_counted_and_endless():
    assert play(Framing(3), b"abcGET") == (b"abc", b"GET", True)
    assert play(NO_BODY, NEXT) == (b"", NEXT, True)
    assert play(UNTIL_CLOSE, b"abc") == (b"abc", b"", False)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=20), max_size=4), st.lists(st.integers(0, 150), max_size=6))
def test_where_reads_are_cut_does_not_matter(pieces, places):
    raw = b"".join(map(chunk, pieces)) + LAST_CHUNK + NEXT
    cuts = sorted(min(place, len(raw)) for place in places)
    assert play(CHUNKED, raw, cuts) == (b"".join(pieces), NEXT, True)


def test_every_single_cut():
    raw = b"3\r\nabc\r\n00000002\r\n\r\n\r\n0\r\n\r\n" + NEXT
    for at in range(len(raw)):
        assert play(CHUNKED, raw, (at,)) == (b"abc\r\n", NEXT, True), at


ABUSE = {
    "an extension": b"3;a=b\r\nabc\r\n0\r\n\r\n",
    "a space": b"3 \r\nabc\r\n0\r\n\r\n",
    "a space before": b" 3\r\nabc\r\n0\r\n\r\n",
    "a sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "a prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "an underscore": b"0_3\r\nabc\r\n0\r\n\r\n",
    "nothing": b"\r\nabc\r\n0\r\n\r\n",
    "a bare line feed": b"3\nabc\r\n0\r\n\r\n",
    "a bare line feed behind": b"3\r\nabc\n0\r\n\r\n",
    "a carriage return alone": b"3\rabc\r\n0\r\n\r\n",
    "more than it says": b"3\r\nabcd\r\n0\r\n\r\n",
    "a trailer": b"0\r\nX: y\r\n\r\n",
    "too large": b"100000000\r\nabc\r\n0\r\n\r\n",
    "too many zeros": b"000000003\r\nabc\r\n0\r\n\r\n",
    "not hexadecimal": b"g\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("raw", ABUSE.values(), ids=ABUSE.keys())
def test_chunks_that_others_read_differently_are_not_read(raw):
    for cuts in ((), tuple(range(1, len(raw)))):
        with pytest.raises(Malformed):
            play(CHUNKED, raw, cuts)


def test_a_body_that_is_not_there_yet_is_not_done():
    for framing, raw in ((CHUNKED, b"3\r\nab"), (CHUNKED, b"3\r\nabc\r\n0\r\n"), (Framing(3), b"ab")):
        assert not play(framing, raw)[2]


def test_the_kinds():
    assert isinstance(body(CHUNKED), Chunked)
    assert isinstance(body(Framing(2)), Counted)
    assert isinstance(body(UNTIL_CLOSE), Endless)
