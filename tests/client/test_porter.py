"""The local port against callers that do not speak as they should. No gateway is dialled for any of them."""

from __future__ import annotations

import socket
import struct

import pytest

from vedette.client.held import Address
from vedette.client.porter import Porter
from vedette.client.postgres import Door

NOWHERE = Door(Address("127.0.0.1", 9), "agent", "disable")
SSL, GSS = struct.pack("!ii", 8, 80877103), struct.pack("!ii", 8, 80877104)


def startup(*pairs: tuple[str, str], version: int = 196608) -> bytes:
    body = b"".join(f"{key}\0{value}\0".encode() for key, value in pairs) + b"\0"
    return struct.pack("!ii", 8 + len(body), version) + body


GOOD = startup(("user", "me"), ("database", "appdb"))


def password(text: str) -> bytes:
    return b"p" + struct.pack("!i", 5 + len(text)) + text.encode() + b"\0"


def never() -> str:
    raise AssertionError("a token was asked for")


def talk(porter: Porter, said: bytes) -> bytes:
    """Say it, say no more, and hear all."""
    with socket.create_connection(("127.0.0.1", porter.door.where.port), timeout=20) as wire:
        wire.sendall(said)
        wire.shutdown(socket.SHUT_WR)
        heard = b""
        while chunk := wire.recv(65536):
            heard += chunk
        return heard


@pytest.fixture(scope="module")
def porter():
    with Porter(NOWHERE, "appdb", never) as found:
        yield found


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (GOOD + password("guessed"), b"28P01"),
        (GOOD + password(""), b"28P01"),
        (GOOD + b"p" + struct.pack("!i", 4), b"28P01"),
        (GOOD + b"Q" + struct.pack("!i", 5) + b"\0", b"08P01"),
        (GOOD + b"p" + struct.pack("!i", 2**31 - 1), b"08P01"),
        (GOOD + b"p" + struct.pack("!i", -1), b"08P01"),
        (struct.pack("!ii", 2**31 - 1, 196608), b"08P01"),
        (struct.pack("!ii", 7, 196608), b"08P01"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"08P01"),
        (b"GET / HTTP/1.1\r\n\r\n", b"08P01"),
        (SSL * 4, b"08P01"),
        (SSL + GSS + startup(("user", "a"), version=131072), b"08P01"),
        (startup(("user", "a"), ("user", "b")), b"08P01"),
        (startup(("user", "a"), ("", "b")), b"08P01"),
        (struct.pack("!ii", 12, 196608) + b"abcd", b"08P01"),
    ],
)
def test_bad_callers_are_told_and_sent_away(porter, said, code):
    heard = talk(porter, said)
    assert b"C" + code + b"\0" in heard, heard


def test_whoever_hangs_up_is_no_trouble(porter):
    for cut in range(len(GOOD) + 3):
        talk(porter, (GOOD + b"p\0\0")[:cut])
    assert b"28P01" in talk(porter, GOOD + password("x"))


def test_another_database_and_a_gateway_that_is_gone():
    with Porter(NOWHERE, "appdb", lambda: "token") as porter:
        right = password(porter.password)
        assert b"3D000" in talk(porter, startup(("user", "me"), ("database", "other")) + right)
        heard = talk(porter, GOOD + right)
        assert b"C08001\0" in heard
        assert b"token" not in heard.replace(b"vedette", b"")
        with (
            pytest.raises(Exception, match="cannot be had"),
            Porter(NOWHERE, "appdb", never, port=porter.door.where.port),
        ):
            pass
