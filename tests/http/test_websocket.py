"""WebSocket messages: one in, one out, however the bytes arrive."""

from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vedette.protocols.http import websocket as ws
from vedette.protocols.http.heads import Malformed
from vedette.protocols.http.websocket import Message, Messages

QUIET = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def test_the_handshake_of_the_standard():
    # RFC 6455 section 1.3 has this example.
    assert ws.accepts("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    ("text", "good"), [("AAAAAAAAAAAAAAAAAAAAAA==", True), ("AAAA", False), ("", False), ("!" * 24, False)]
)
def test_keys(text, good):
    assert ws.is_key(text) is good


def test_the_examples_of_the_standard():
    # RFC 6455 section 5.7.
    assert Messages(masked=True).feed(bytes.fromhex("818537fa213d7f9f4d5158")) == [Message(ws.TEXT, b"Hello")]
    assert Messages(masked=False).feed(bytes.fromhex("010348656c80026c6f")) == [Message(ws.TEXT, b"Hello")]
    assert ws.write(Message(ws.TEXT, b"Hello"), masked=False) == bytes.fromhex("810548656c6c6f")


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
def test_what_is_written_reads_back(masked, size):
    message = Message(ws.BINARY, bytes(range(256)) * (size // 256) + bytes(size % 256))
    assert Messages(masked=masked).feed(ws.write(message, masked=masked)) == [message]


@QUIET
@given(
    st.lists(st.tuples(st.sampled_from([1, 2, 9, 10]), st.binary(max_size=60)), max_size=4),
    st.lists(st.integers(0, 300), max_size=6),
)
def test_where_reads_are_cut_does_not_matter(pairs, places):
    messages = [Message(*pair) for pair in pairs]
    raw = b"".join(ws.write(each, masked=True) for each in messages)
    reader, found, at = Messages(masked=True), [], 0
    for place in [*sorted(min(place, len(raw)) for place in places), len(raw)]:
        found += reader.feed(raw[at:place])
        at = max(at, place)
    assert found == messages


ABUSE = {
    "a server's frame that is masked": (False, "8185" + "00000000" + "48656c6c6f"),
    "a client's frame that is not": (True, "810548656c6c6f"),
    "an extension's bit": (False, "c10548656c6c6f"),
    "a reserved opcode": (False, "830548656c6c6f"),
    "a reserved control": (False, "8b00"),
    "a ping in parts": (False, "0900"),
    "a ping that is too long": (False, "897e007e"),
    "a length that could be shorter": (False, "827e0005"),
    "a long one that could be shorter": (False, "827f0000000000000100"),
    "too long": (False, "827f0000000100000000"),
    "beyond 63 bits": (False, "827fffffffffffffffff"),
    "the middle of nothing": (False, "800148"),
    "a message within another": (False, "010148" + "810148"),
}


@pytest.mark.parametrize(("masked", "raw"), ABUSE.values(), ids=ABUSE.keys())
def test_frames_that_are_none(masked, raw):
    with pytest.raises(Malformed):
        Messages(masked=masked).feed(bytes.fromhex(raw))


def test_parts_do_not_add_up_without_end():
    reader = Messages(masked=False)
    part = b"\x02\x7f" + struct.pack("!Q", 1 << 20) + bytes(1 << 20)
    reader.feed(part)
    with pytest.raises(Malformed):
        for _ in range(8):
            reader.feed(b"\x00" + part[1:])
