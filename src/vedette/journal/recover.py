"""Where an existing journal stands, and cutting off what a kill left unfinished.

Only the end of the last segment may be unfinished. Anything else that does not fit
is damage: nothing is repaired, and the journal does not open.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from vedette.journal.chain import BadRecord, Record, content, genesis, next_link, parse
from vedette.journal.checkpoint import CHECKPOINT
from vedette.journal.errors import JournalDamaged
from vedette.journal.segments import Segment, lines, segments, sync_folder
from vedette.trail.events import JournalCheckpoint


@dataclass(frozen=True, slots=True)
class Torn:
    """Bytes cut off the end of a segment and kept in *file*."""

    segment: str
    file: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The end of a journal. *segment* is None where there is none yet.

    *since* counts the records after the last checkpoint; *closed* says whether the
    last record is the checkpoint of an orderly end.
    """

    seq: int
    state: bytes
    segment: Path | None
    size: int
    since: int
    closed: bool
    torn: Torn | None


def recover(folder: Path, public_key: bytes) -> Standing:
    """Read the end of the journal in *folder*, cutting an unfinished last record into a file beside it.

    Raises:
        JournalDamaged: something other than the very end is not as it was written.
    """
    found = segments(folder)
    start = genesis(public_key)
    if not found:
        return Standing(0, start, None, 0, 0, True, None)
    last = found[-1]
    seq, state = (0, start) if len(found) == 1 else _end_of(found[-2])
    if last.first != seq + 1:
        raise JournalDamaged(last.name, 0, f"begins with record {last.first}, but {seq + 1} comes next")
    return _walk(last, seq, state)


def _end_of(segment: Segment) -> tuple[int, bytes]:
    """The number and state of the last record of a finished segment: a checkpoint, so it is short."""
    record = None
    with segment.path.open("rb") as file:
        fd = file.fileno()
        for _, line in lines(fd, max(0, os.fstat(fd).st_size - 65536)):
            try:
                record = parse(line)
            except BadRecord:
                record = None
    if record is None:
        raise JournalDamaged(segment.name, segment.path.stat().st_size, "does not end with a record")
    return record.seq, record.state


def _walk(segment: Segment, seq: int, state: bytes) -> Standing:
    end = 0
    since = 0
    closed = False
    bad: tuple[int, str] | None = None
    with segment.path.open("r+b") as file:
        for offset, line in lines(file.fileno()):
            try:
                record = parse(line)
            except BadRecord as error:
                bad = bad or (offset, str(error))
                continue
            if bad:
                raise JournalDamaged(segment.name, *bad)
            if record.seq != seq + 1 or record.link != next_link(state, record.head):
                raise JournalDamaged(segment.name, offset, "does not continue the chain")
            try:
                since, closed = _since(record, since)
            except BadRecord as error:
                raise JournalDamaged(segment.name, offset, str(error)) from error
            seq, state, end = record.seq, record.state, offset + len(line)
        torn = _cut(segment, file.fileno(), end)
    return Standing(seq, state, segment.path, end, since, closed and torn is None, torn)


def _since(record: Record, since: int) -> tuple[int, bool]:
    if record.kind != JournalCheckpoint.kind:
        return since + 1, False
    return 0, content(record.body, CHECKPOINT).why == "close"


def _cut(segment: Segment, fd: int, end: int) -> Torn | None:
    """Move what lies beyond *end* into a file of its own, durably, before it is cut off."""
    size = os.fstat(fd).st_size
    if size == end:
        return None
    data = os.pread(fd, size - end, end)
    digest = sha256(data).hexdigest()
    # Named by content: a crash between the two steps below finds its own file again.
    aside = segment.path.with_name(f"{segment.path.stem}.{end}.{digest[:16]}.torn")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(segment.path.parent)
    os.ftruncate(fd, end)
    os.fsync(fd)
    return Torn(segment.name, aside.name, len(data), digest)
