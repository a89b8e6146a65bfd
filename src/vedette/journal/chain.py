"""One record's bytes, and the hash chain through them. Pure.

A record is one line (broken here for the page)::

    <8 hex digits> {"seq":7,"time":1763835234.123456,"kind":"...","body":{...},
                    "link":"<64 hex>","tag":"<32 hex>"}\\n

The eight digits count the JSON's bytes. *head* is the JSON up to and without ``,"link"``.

    link(n) = SHA-256( link(n-1) || tag(n-1) || head(n) )
    tag(n)  = BLAKE2b-128( key, person "vedette.journal1", link(n) )
    link(0) = SHA-256( "vedette.journal.1" || public key, 32 bytes ), tag(0) = sixteen zero bytes

A tag proves that the holder of the key made the record; that the next link covers it makes
a changed tag visible to those who have no key.
"""

from __future__ import annotations

import hmac
import re
from binascii import hexlify, unhexlify
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import TypeVar

import msgspec

from vedette import native

T = TypeVar("T")

LINK_BYTES = 32
TAG_BYTES = 16
PREFIX_BYTES = 9
_LINK = b',"link":"'
_TAG = b'","tag":"'
_END = b'"}'
TAIL_BYTES = len(_LINK) + 2 * LINK_BYTES + len(_TAG) + 2 * TAG_BYTES + len(_END)
MAX_BODY_BYTES = 64 << 20

_PERSON = b"vedette.journal1"
_HEAD = re.compile(rb'\{"seq":(\d{1,19}),"time":(\d{1,12}\.\d{6}),"kind":"([a-z][a-z.]{0,63})","body":\{')
_HEX_LINK = re.compile(rb"[0-9a-f]{64}")
_HEX_TAG = re.compile(rb"[0-9a-f]{32}")


class BadRecord(Exception):
    """A line that is not a record; the message says in what."""


@dataclass(frozen=True, slots=True)
class Record:
    """A line taken apart. *body* is its JSON bytes; nothing has been checked against the chain."""

    seq: int
    time: float
    kind: str
    head: bytes
    body: bytes
    link: bytes
    tag: bytes

    @property
    def state(self) -> bytes:
        """What the next link is computed from."""
        return self.link + self.tag


def genesis(public_key: bytes) -> bytes:
    """The state before the first record; *public_key* is the 32 raw bytes."""
    return sha256(b"vedette.journal.1" + public_key).digest() + bytes(TAG_BYTES)


def next_link(state: bytes, head: bytes) -> bytes:
    """The link of a record with this *head* after *state*."""
    return sha256(state + head).digest()


def tag_of(key: bytes, link: bytes) -> bytes:
    """The keyed tag of a link."""
    return blake2b(link, digest_size=TAG_BYTES, key=key, person=_PERSON).digest()


def tag_matches(key: bytes, record: Record) -> bool:
    """Whether the holder of *key* made *record* (its link having been checked)."""
    return hmac.compare_digest(tag_of(key, record.link), record.tag)


class Chain:
    """The writer's end of the chain: makes lines and moves on. ``mark`` and ``back`` undo."""

    __slots__ = ("_keyed", "seq", "state")

    def __init__(self, seq: int, state: bytes, key: bytes) -> None:
        self.seq = seq
        self.state = state
        self._keyed = blake2b(digest_size=TAG_BYTES, key=key, person=_PERSON)

    def mark(self) -> tuple[int, bytes]:
        return self.seq, self.state

    def back(self, mark: tuple[int, bytes]) -> None:
        self.seq, self.state = mark

    def line(self, time: float, kind: bytes, body: bytes) -> bytes:
        """The next record's line."""
        return self.lines(((time, kind, body),))

    def lines(self, records: Iterable[tuple[float, bytes, bytes]]) -> bytes:
        """The lines of the next records: when (Unix seconds), what, and the body of each."""
        seq, state, fresh = self.seq, self.state, self._keyed.copy
        pieces: list[bytes] = []
        for time, kind, body in records:
            seq += 1
            micro = int(time * 1_000_000 + 0.5)
            head = b'{"seq":%d,"time":%d.%06d,"kind":"%b","body":%b' % (
                seq, micro // 1_000_000, micro % 1_000_000, kind, body,
            )  # fmt: skip
            link = sha256(state + head).digest()
            keyed = fresh()
            keyed.update(link)
            tag = keyed.digest()
            state = link + tag
            # Joined, not formatted: the body is long, and this copies it once.
            size = b"%08x " % (len(head) + TAIL_BYTES)
            pieces += (size, head, _LINK, hexlify(link), _TAG, hexlify(tag), b'"}\n')
        self.seq, self.state = seq, state
        return b"".join(pieces)


def chain(seq: int, state: bytes, key: bytes) -> Chain:
    """The writer's end after record *seq*: the compiled one where there is one."""
    if native.compiled is None:
        return Chain(seq, state, key)
    made: Chain = native.compiled.Chain(seq, state, key)
    return made


def peek(line: bytes) -> tuple[int, float, str, bytes]:
    """A line's number, time, name and body, its form checked only as far as that needs.

    Raises:
        BadRecord: it is not a record.
    """
    size = len(line) - PREFIX_BYTES - 1
    found = _HEAD.match(line, PREFIX_BYTES)
    cut = len(line) - 1 - TAIL_BYTES
    if found is None or line[:PREFIX_BYTES] != b"%08x " % size or not line.startswith(_LINK, cut):
        raise BadRecord("not a record")
    return int(found[1]), float(found[2]), found[3].decode(), line[found.end() - 1 : cut]


def content(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The JSON of a body (or of any bytes), as *decoder* reads it.

    Raises:
        BadRecord: it is not JSON, or not of this shape.
    """
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        # ValueError: bytes that are not UTF-8. RecursionError: brackets without end.
        raise BadRecord("holds no readable body") from error


def parse(line: bytes) -> Record:
    """Take a line (with its line end) apart.

    Every byte outside *head* is compared with the one way of writing it, so that no
    byte of a line can be changed without either this or the chain noticing.

    Raises:
        BadRecord: it is not a record.
    """
    if line[-1:] != b"\n":
        raise BadRecord("unfinished record")
    size = len(line) - PREFIX_BYTES - 1
    if line[:PREFIX_BYTES] != b"%08x " % max(size, 0):
        raise BadRecord("the length in front does not fit the line")
    found = _HEAD.match(line, PREFIX_BYTES)
    cut = len(line) - 1 - TAIL_BYTES
    if found is None or cut < found.end():
        raise BadRecord("not the beginning of a record")
    at = cut + len(_LINK)
    link = line[at : at + 2 * LINK_BYTES]
    at += 2 * LINK_BYTES
    tag = line[at + len(_TAG) : at + len(_TAG) + 2 * TAG_BYTES]
    frame = (line[cut : cut + len(_LINK)], line[at : at + len(_TAG)], line[-1 - len(_END) : -1])
    if frame != (_LINK, _TAG, _END) or not _HEX_LINK.fullmatch(link) or not _HEX_TAG.fullmatch(tag):
        raise BadRecord("not the end of a record")
    return Record(
        seq=int(found[1]),
        time=float(found[2]),
        kind=found[3].decode(),
        head=line[PREFIX_BYTES:cut],
        body=line[found.end() - 1 : cut],
        link=unhexlify(link),
        tag=unhexlify(tag),
    )
