"""Reading a journal, also one that is being written. Nothing is verified here beyond the form."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from vedette.journal.chain import BadRecord, content, peek
from vedette.journal.errors import JournalDamaged
from vedette.journal.segments import Segment, lines, segments

_SEQ = re.compile(rb'[0-9a-f]{8} \{"seq":(\d{1,19}),')
_BODY = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Entry:
    """One record. *time* is Unix seconds; *body* the decoded JSON object (see ``trail.events``)."""

    seq: int
    time: float
    kind: str
    body: dict[str, Any]


def entry(line: bytes) -> Entry:
    """A line as an entry.

    Raises:
        BadRecord: it is not a record.
    """
    seq, time, kind, body = peek(line)
    return Entry(seq, time, kind, content(body, _BODY))


def read(
    folder: Path, after: int = 0, *, holding: tuple[bytes, ...] = (),
    damaged: Callable[[JournalDamaged], None] | None = None,
) -> Iterator[Entry]:  # fmt: skip
    """The entries after record *after*, up to where the journal ends now.

    *holding* skips, without decoding them, lines that hold none of these.
    *damaged* is told of what cannot be read, and reading goes on behind it.

    Raises:
        JournalDamaged: a line is not a record, and *damaged* was not given.
    """
    for segment in _from(segments(folder), after):
        with segment.path.open("rb") as file:
            for offset, line in lines(file.fileno()):
                if holding and not any(needle in line for needle in holding):
                    continue
                found = _SEQ.match(line)
                if found and int(found[1]) <= after:
                    continue
                try:
                    yield entry(line)
                except BadRecord as error:
                    trouble = JournalDamaged(segment.name, offset, str(error))
                    if damaged is None:
                        raise trouble from error
                    damaged(trouble)


def last(folder: Path) -> int:
    """The number of the last whole record in *folder*; 0 where there is none."""
    for segment in reversed(segments(folder)):
        with segment.path.open("rb") as file:
            found = 0
            for _, line in lines(file.fileno()):
                match = _SEQ.match(line)
                found = int(match[1]) if match else found
        if found:
            return found
    return 0


class Tail:
    """Follows a journal as it grows: each ``poll`` gives what came since the last one."""

    def __init__(self, folder: Path, after: int = 0) -> None:
        self._folder = folder
        self._after = after
        self._segment: Segment | None = None
        self._fd = -1
        self._offset = 0

    @property
    def after(self) -> int:
        """The last record given out."""
        return self._after

    def poll(self, limit: int = 1000) -> list[Entry]:
        """At most *limit* further entries, in order; empty when there are none yet.

        Raises:
            JournalDamaged: a line is not a record, or a record is missing.
        """
        found: list[Entry] = []
        while len(found) < limit:
            if self._fd < 0 and not self._next():
                break
            before = len(found)
            self._take(found, limit)
            if len(found) == before and not self._next():
                break
        return found

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _take(self, found: list[Entry], limit: int) -> None:
        for offset, line in lines(self._fd, self._offset):
            number = _SEQ.match(line)
            if number is None or int(number[1]) > self._after:
                found.append(self._entry(offset, line))
                self._after += 1
            self._offset = offset + len(line)
            if len(found) >= limit:
                return

    def _entry(self, offset: int, line: bytes) -> Entry:
        name = self._segment.name if self._segment else ""
        try:
            got = entry(line)
        except BadRecord as error:
            raise JournalDamaged(name, offset, str(error)) from error
        if got.seq != self._after + 1:
            raise JournalDamaged(name, offset, f"record {self._after + 1} is missing")
        return got

    def _next(self) -> bool:
        """Go to the segment that holds the next record; False where there is no other one."""
        for segment in _from(segments(self._folder), self._after)[:1]:
            if self._segment is None or segment.first > self._segment.first:
                self.close()
                self._fd = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
                self._segment = segment
                self._offset = 0
                return True
        return False


def _from(found: list[Segment], after: int) -> list[Segment]:
    """The segments that can hold records after *after*."""
    first = 0
    for index, segment in enumerate(found):
        if segment.first <= after + 1:
            first = index
    return found[first:]
