"""Reads what a tap heard: the caller's messages, apart from the gateway's own questions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.testbed.tap import Tap
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.probe import PROBE

# Messages that carry what is judged; the others only say when and in which order.
JUDGED = b"QPBF"
OTHERS = b"DECSHXdcfp"
_CATALOGUE = (
    b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = '';",
    b"\nSELECT c.oid, pg_catalog.pg_get_viewdef",
)
_REFUSED = re.compile(rb"(vedette_refused\0)?vedette_refused_[0-9a-f]{16}\0(\0\0)?")


def messages(up: bytes) -> Iterator[bytes]:
    """The tagged messages of one wire, behind its start-up packet."""
    at = int.from_bytes(up[:4], "big")
    while at < len(up):
        end = m.message_end(up, at)
        assert end <= len(up), "the gateway sent half a message"
        yield up[at:end]
        at = end


def judged(tap: Tap) -> list[bytes]:
    """Every message the server heard that somebody must have judged."""
    found = []
    for wire in tap.wires:
        if not wire.up or wire.up[4:8] == m.CANCEL_REQUEST.to_bytes(4, "big"):
            continue
        for message in messages(bytes(wire.up)):
            tag, body = message[:1], message[m.HEADER :]
            assert tag in JUDGED + OTHERS, f"the server heard {message!r}"
            if tag in JUDGED and not _own(tag, body):
                found.append(message)
    return found


def _own(tag: bytes, body: bytes) -> bool:
    if tag == b"Q" and (body[:-1] == PROBE.encode() or body.startswith(_CATALOGUE)):
        return True
    if tag == b"P" and body.startswith(b"vedette_copy\0"):
        return True
    return tag in b"QP" and _REFUSED.fullmatch(body) is not None
