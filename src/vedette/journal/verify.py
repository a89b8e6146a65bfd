"""Proving a journal: offline, from its files and a public key alone.

With the public key: every link, every checkpoint, order, gaps, and the anchors. What
follows the last checkpoint (at most ``every`` records, the tail) is chained but not yet
signed: somebody who may write the files could have made it. With the secret key too,
every record's tag is checked, the tail's as well.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from vedette.journal.chain import BadRecord, Record, content, genesis, next_link, parse, tag_matches
from vedette.journal.checkpoint import CHECKPOINT, genuine, points
from vedette.journal.keys import public_key as read_public_key
from vedette.journal.lock import is_locked
from vedette.journal.segments import Segment, lines, segments
from vedette.trail.events import JournalCheckpoint

MAX_PROBLEMS = 1000
_PATIENCE = 20
_PAUSE = 0.01


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written. *seq* is the record concerned, 0 where unknown."""

    where: str
    seq: int
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found.

    *tail* is how many records at the end no signature covers yet; *closed* whether the
    journal ends with the checkpoint of an orderly end; *notes* what is odd but no proof
    of anything; *by_session* records per session id.
    """

    problems: tuple[Problem, ...]
    records: int
    checkpoints: int
    anchors: int
    tail: int
    closed: bool
    head: tuple[int, str]
    notes: tuple[str, ...] = ()
    by_session: Mapping[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.problems


def verify(
    folder: Path, public_key: Ed25519PublicKey | bytes, *, key: bytes | None = None,
    anchors: Path | None = None, closed: bool = False,
) -> Report:  # fmt: skip
    """Check the journal in *folder*; works on one that is being written.

    *key* is the secret of the tags, *anchors* an anchor file, *closed* says that the gateway
    is known to have ended in an orderly way, so that a journal without that end is cut.

    Raises:
        JournalError: *public_key* is no Ed25519 key.
        OSError: a file cannot be read.
    """
    public = public_key if isinstance(public_key, Ed25519PublicKey) else read_public_key(public_key)
    # The anchors first: on a journal that is being written they must not be newer than what is read.
    walk = _Walk(public, key, folder)
    if anchors is not None:
        walk.take_anchors(anchors)
    for segment in segments(folder):
        walk.segment(segment)
    walk.end(closed)
    return walk.report()


class _Body(msgspec.Struct):
    session: str = ""


_BODY = msgspec.json.Decoder(_Body)


class _Walk:
    """One pass over a journal, and what it has found so far."""

    def __init__(self, public: Ed25519PublicKey, key: bytes | None, folder: Path) -> None:
        self._public = public
        self._key = key
        self._folder = folder
        self._state = genesis(public.public_bytes_raw())
        self._trusted = True
        self._seq = 0
        self._tail = 0
        self._every = 1
        self._worker = ""
        self._closed = False
        self._records = 0
        self._checkpoints = 0
        self._anchored: dict[int, list[JournalCheckpoint]] = {}
        self._anchors = 0
        self._vouched = 0
        self._problems: list[Problem] = []
        self._notes: list[str] = []
        self._sessions: Counter[str] = Counter()

    def take_anchors(self, path: Path) -> None:
        data = path.read_bytes()
        for number, point in points(data):
            where = f"anchor {path.name}, line {number}"
            if point is None:
                self._problem(where, 0, "not a checkpoint")
            elif not genuine(self._public, point):
                self._problem(where, point.seq, "not signed with this journal's key")
            else:
                self._anchors += 1
                self._anchored.setdefault(point.seq, []).append(point)
        self._match_anchors(0)

    def segment(self, segment: Segment) -> None:
        if segment.first != self._seq + 1:
            self._problem(segment.name, self._seq + 1, f"record {self._seq + 1} should begin this file")
        with segment.path.open("rb") as file:
            end = beyond = 0
            for _ in range(_PATIENCE):
                for offset, line in lines(file.fileno(), end):
                    self._line(f"{segment.name}, byte {offset}", line)
                    end = offset + len(line)
                beyond = os.fstat(file.fileno()).st_size - end
                if not beyond or not is_locked(self._folder):
                    break
                # A record that is being written at this moment is whole in the next.
                time.sleep(_PAUSE)
        if beyond:
            self._problem(segment.name, self._seq + 1, f"{beyond} bytes of an unfinished record at the end")

    def end(self, closed: bool) -> None:
        if self._records == 0:
            self._problem(self._folder.name, 0, "there is no record")
        elif self._checkpoints == 0:
            self._problem(self._folder.name, 0, "there is no checkpoint")
        self._check_tail(self._folder.name)
        for seq in sorted(self._anchored):
            for point in self._anchored[seq]:
                if not self._worker or point.worker == self._worker:
                    what = f"the anchor knows record {seq}, the journal ends at {self._seq}"
                    self._problem(self._folder.name, seq, what)
        if self._seq and self._vouched == self._seq:
            # A checkpoint is itself the next record, and is written before the anchor hears of it.
            what = f"the anchor knows a checkpoint behind record {self._seq}, where the journal ends"
            self._problem(self._folder.name, self._seq, what)
        if closed and not self._closed:
            self._problem(self._folder.name, self._seq, "the end of the journal is missing")
        if not self._closed:
            self._notes.append("the journal was not closed (it is in use, or the gateway was killed)")

    def report(self) -> Report:
        return Report(
            problems=tuple(self._problems), records=self._records, checkpoints=self._checkpoints,
            anchors=self._anchors, tail=self._tail, closed=self._closed,
            head=(self._seq, self._state[:32].hex()), notes=tuple(self._notes),
            by_session=dict(self._sessions),
        )  # fmt: skip

    # -- the inside -------------------------------------------------------------------

    def _problem(self, where: str, seq: int, what: str) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(Problem(where, seq, what))

    def _line(self, where: str, line: bytes) -> None:
        self._closed = False
        try:
            record = parse(line)
        except BadRecord as error:
            self._problem(where, self._seq + 1, str(error))
            # Its successor cannot be held against a link nobody can read; the number still counts.
            self._trusted = False
            return
        if record.seq != self._seq + 1:
            self._problem(where, record.seq, f"record {record.seq} stands where {self._seq + 1} belongs")
        elif self._trusted and record.link != next_link(self._state, record.head):
            self._problem(where, record.seq, f"record {record.seq} does not continue the chain")
        if self._key is not None and not tag_matches(self._key, record):
            self._problem(where, record.seq, f"record {record.seq} was not made with this journal's secret")
        self._records += 1
        self._contents(where, record)
        self._seq, self._state, self._trusted = record.seq, record.state, True
        self._match_anchors(record.seq)

    def _contents(self, where: str, record: Record) -> None:
        try:
            if record.kind == JournalCheckpoint.kind:
                self._checkpoint(where, content(record.body, CHECKPOINT))
                return
            session = content(record.body, _BODY).session
        except BadRecord as error:
            self._problem(where, record.seq, f"record {record.seq} {error}")
            return
        self._tail += 1
        if session:
            self._sessions[session] += 1

    def _checkpoint(self, where: str, point: JournalCheckpoint) -> None:
        """A checkpoint speaks of the record before it."""
        self._check_tail(where)
        if not genuine(self._public, point):
            self._problem(where, point.seq, "a checkpoint that was not signed with this journal's key")
            return
        if point.seq != self._seq or (point.link, point.tag) != _hex(self._state):
            self._problem(where, point.seq, f"the checkpoint of record {point.seq} knows another history")
        if self._worker and point.worker != self._worker:
            self._problem(where, point.seq, f"a checkpoint of worker {point.worker}, not {self._worker}")
        self._checkpoints += 1
        self._worker = point.worker
        self._every = point.every
        self._closed = point.why == "close"
        self._tail = 0

    def _check_tail(self, where: str) -> None:
        if self._tail > self._every:
            what = f"{self._tail} records without a checkpoint, {self._every} at most"
            self._problem(where, self._seq, what)

    def _match_anchors(self, seq: int) -> None:
        """Compare what the anchor says of record *seq*, which is the present state."""
        for point in self._anchored.pop(seq, ()):
            if self._worker and point.worker != self._worker:
                continue
            self._vouched = max(self._vouched, seq)
            if (point.link, point.tag) != _hex(self._state):
                self._problem(self._folder.name, seq, f"the anchor knows another record {seq}")


def _hex(state: bytes) -> tuple[str, str]:
    return state[:32].hex(), state[32:].hex()
