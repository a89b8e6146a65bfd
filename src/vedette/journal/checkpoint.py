"""Signed statements of where the journal stood, and the anchor they are copied to.

Signed is the text (``\\n`` ends each line, the last one too)::

    vedette.checkpoint.1
    worker <name>
    seq <record before this one>
    link <its link, hex>
    tag <its tag, hex>
    count <records since the checkpoint before>
    every <records after which the next one is due at the latest>
    at <Unix seconds, six decimals>
    why <open|due|flush|segment|close>

Ed25519 (RFC 8032), the signature in hex.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vedette.journal.chain import BadRecord, content
from vedette.trail.events import JournalCheckpoint, encode

#: Reads a checkpoint's body, or a line of an anchor.
CHECKPOINT = msgspec.json.Decoder(JournalCheckpoint)


def _signed_text(
    worker: str, seq: int, link: str, tag: str, count: int, every: int, at: float, why: str
) -> bytes:
    return (
        f"vedette.checkpoint.1\nworker {worker}\nseq {seq}\nlink {link}\ntag {tag}\n"
        f"count {count}\nevery {every}\nat {at:.6f}\nwhy {why}\n"
    ).encode()


def sign(
    key: Ed25519PrivateKey, *, worker: str, seq: int, state: bytes,
    count: int, every: int, at: float, why: str,
) -> JournalCheckpoint:  # fmt: skip
    """A checkpoint over *state* (link and tag) of record *seq*."""
    link, tag = state[:32].hex(), state[32:].hex()
    at = round(at, 6)
    signature = key.sign(_signed_text(worker, seq, link, tag, count, every, at, why)).hex()
    return JournalCheckpoint(
        at=at, worker=worker, seq=seq, link=link, tag=tag,
        count=count, every=every, why=why, signature=signature,
    )  # fmt: skip


def genuine(key: Ed25519PublicKey, point: JournalCheckpoint) -> bool:
    """Whether *point* was signed by the owner of *key*."""
    text = _signed_text(
        point.worker, point.seq, point.link, point.tag, point.count, point.every, point.at, point.why
    )
    try:
        key.verify(bytes.fromhex(point.signature), text)
    except (InvalidSignature, ValueError):
        return False
    # A signature may be written in upper case hex too: there is one way only.
    return point.signature == point.signature.lower()


def line(point: JournalCheckpoint) -> bytes:
    """A checkpoint as one line of an anchor file."""
    return encode(point)[1] + b"\n"


def points(data: bytes) -> Iterator[tuple[int, JournalCheckpoint | None]]:
    """The checkpoints of an anchor file with their line numbers; None for a line that is none."""
    for number, text in enumerate(data.split(b"\n"), 1):
        if text:
            try:
                yield number, content(text, CHECKPOINT)
            except BadRecord:
                yield number, None


class Anchor:
    """A file elsewhere (another owner's disk, a mount that only appends) that gets each checkpoint.

    An anchor that cannot be written must not stop the gateway: what could not be
    written stays queued (the newest KEPT of it) and *trouble* says why. *sync* waits for the disk.
    """

    KEPT = 1000

    def __init__(self, path: Path, *, sync: bool = False) -> None:
        self._path = path
        self._sync = sync
        self._queue: list[bytes] = []
        self.trouble = ""

    def add(self, point: JournalCheckpoint) -> None:
        """Queue *point* and try to write all that is queued."""
        self._queue.append(line(point))
        del self._queue[: -self.KEPT]
        try:
            self._write()
        except OSError as error:
            self.trouble = f"the anchor {self._path} cannot be written: {error.strerror or error}"
        else:
            self.trouble = ""

    def last(self, worker: str) -> int:
        """The last record of *worker* that the anchor knows of; 0 for none. Signatures go unchecked."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return 0
        return max((point.seq for _, point in points(data) if point and point.worker == worker), default=0)

    def _write(self) -> None:
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # A line end first where an earlier writer was cut off: an anchor line stands alone or not at all.
            size = os.fstat(fd).st_size
            torn = size > 0 and _last_byte(self._path) != b"\n"
            data = (b"\n" if torn else b"") + b"".join(self._queue)
            if os.write(fd, data) != len(data):
                raise OSError("short write")
            if self._sync:
                os.fsync(fd)
            self._queue.clear()
        finally:
            os.close(fd)


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
