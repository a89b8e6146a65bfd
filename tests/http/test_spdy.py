"""SPDY/3.1 frames: taken apart and put together, whatever way the bytes come."""

from __future__ import annotations

import struct
import zlib

import pytest

from vedette.protocols.http import spdy
from vedette.protocols.http.heads import Malformed
from vedette.protocols.http.spdy import Control, Data, Frames, Writer

SYN = Control(spdy.SYN_STREAM, 0, struct.pack("!IIH", 1, 0, 0), (("streamtype", "stdin"), ("x", "\xe4")))
REPLY = Control(spdy.SYN_REPLY, 0, struct.pack("!I", 1), ())
EXCHANGE = [
    SYN, REPLY, Data(1, 0, b"hello"), Control(spdy.PING, 0, b"\0\0\0\1"), Control(spdy.SETTINGS, 0, b"\0\0\0\0"),
    Control(spdy.WINDOW_UPDATE, 0, struct.pack("!II", 1, 10)), Data(1, spdy.FIN, b""), spdy.reset(1, 3),
    Control(spdy.GOAWAY, 0, bytes(8)), Control(spdy.HEADERS, 1, struct.pack("!I", 1), (("a", "b"),)),
]  # fmt: skip


def test_the_dictionary_is_the_standards():
    assert len(spdy.DICTIONARY) == 1423
    assert zlib.adler32(spdy.DICTIONARY) == 0xE3C6A7C2  # as every SPDY/3 header block names it


def test_frames_read_back_however_they_are_cut():
    writer = Writer()
    raw = b"".join(map(writer.write, EXCHANGE))
    assert Frames().feed(raw) == EXCHANGE
    one, found = Frames(), []
    for byte in raw:
        found += one.feed(bytes([byte]))
    assert found == EXCHANGE
    for at in range(len(raw)):
        cut = Frames()
        assert cut.feed(raw[:at]) + cut.feed(raw[at:]) == EXCHANGE


def test_which_stream_a_frame_is_about():
    assert [SYN.stream, REPLY.stream, Control(spdy.PING, 0, b"\0\0\0\1").stream] == [1, 1, 0]


def control(kind, payload, version=3):
    return struct.pack("!II", 1 << 31 | version << 16 | kind, len(payload)) + payload


def block(text):
    packer = zlib.compressobj(zdict=spdy.DICTIONARY)
    return packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)


STREAM = struct.pack("!IIH", 1, 0, 0)
ABUSE = {
    "another version": control(spdy.PING, b"\0\0\0\1", version=2),
    "another kind": control(10, b""),
    "credentials": control(5, bytes(10)),
    "a ping of another length": control(spdy.PING, b"\0\0\0"),
    "a reset of another length": control(spdy.RST_STREAM, bytes(4)),
    "settings that do not add up": control(spdy.SETTINGS, b"\0\0\0\2" + bytes(8)),
    "a stream without a number": control(spdy.SYN_STREAM, b"\0\0"),
    "headers that do not unpack": control(spdy.SYN_STREAM, STREAM + b"garbage"),
    "headers of another dictionary": control(spdy.SYN_STREAM, STREAM + zlib.compress(b"\0\0\0\0")),
    "more headers than there are": control(spdy.SYN_STREAM, STREAM + block(b"\0\0\0\1")),
    "a word that is too long": control(spdy.SYN_STREAM, STREAM + block(b"\0\0\0\1" + b"\xff\xff\xff\xffx")),
    "something behind the headers": control(spdy.SYN_STREAM, STREAM + block(b"\0\0\0\0x")),
    "too many headers": control(spdy.SYN_STREAM, STREAM + block(b"\0\0\xff\xff")),
    "a bomb": control(spdy.SYN_STREAM, STREAM + block(bytes(10 << 20))),
    "a frame that is too long": struct.pack("!II", 1, 0xFFFFFF),
}  # fmt: skip


@pytest.mark.parametrize("raw", ABUSE.values(), ids=ABUSE.keys())
def test_frames_that_are_none(raw):
    with pytest.raises(Malformed):
        Frames().feed(raw)
