"""The files a journal consists of, and walking over their lines without decoding them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SEGMENT_BYTES = 64 << 20
_NAME = re.compile(r"(\d{16})\.journal")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """One file; *first* is the sequence number of its first record, as its name says."""

    path: Path
    first: int

    @property
    def name(self) -> str:
        return self.path.name


def segment_path(folder: Path, first: int) -> Path:
    """Where the segment that begins with record *first* lies."""
    return folder / f"{first:016d}.journal"


def segments(folder: Path) -> list[Segment]:
    """The segments of *folder* in order; empty where there is no journal."""
    if not folder.is_dir():
        return []
    found = []
    for entry in folder.iterdir():
        match = _NAME.fullmatch(entry.name)
        if match:
            found.append(Segment(entry, int(match[1])))
    return sorted(found, key=lambda segment: segment.first)


def lines(fd: int, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """The whole lines (line end included) of an open file from *offset*, each with its own offset.

    Stops before an unfinished last line: whoever wants it compares with the size. Reads by
    position and keeps nothing of an unfinished line, because a writer may take it back.
    """
    size = _CHUNK
    while True:
        data = os.pread(fd, size, offset)
        end = data.rfind(b"\n") + 1
        if end == 0:
            if len(data) < size:
                return
            size *= 2
            continue
        at = 0
        while at < end:
            stop = data.index(b"\n", at) + 1
            yield offset + at, data[at:stop]
            at = stop
        offset += end
        size = _CHUNK


def sync_folder(folder: Path) -> None:
    """Make a new name in *folder* survive a power failure."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
