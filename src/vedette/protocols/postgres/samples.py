"""What of a result is written into the record: column labels, and the first rows as sent."""

from __future__ import annotations

import struct
from functools import lru_cache

from vedette.protocols.postgres.binds import show
from vedette.protocols.postgres.messages import HEADER, ProtocolError, read_i32, read_u16, read_u32
from vedette.protocols.postgres.results import columns

Row = tuple[str | None, ...]


@lru_cache(maxsize=1024)
def labels(described: bytes) -> tuple[str, ...]:
    """The labels in a RowDescription body; () where there is none."""
    return tuple(column[0] for column in columns(described)) if described else ()


def rows(described: bytes, pieces: tuple[bytes, ...]) -> tuple[Row, ...]:
    """The whole rows in *pieces* of masked DataRow messages; a last one that was cut is left out."""
    kinds = [(column[4], column[3]) for column in columns(described)] if described else []
    found: list[Row] = []
    data = b"".join(pieces)
    at = 0
    while len(data) - at >= HEADER and data[at : at + 1] == b"D":
        end = at + 1 + int(read_u32(data, at + 1)[0])
        if end > len(data):
            break
        found.append(_row(data, at + HEADER, kinds))
        at = end
    return tuple(found)


def _row(data: bytes, at: int, kinds: list[tuple[int, int]]) -> Row:
    cells: list[str | None] = []
    try:
        (count,) = read_u16(data, at)
        at += 2
        for place in range(count):
            (length,) = read_i32(data, at)
            at += 4
            value = None if length < 0 else data[at : at + length]
            at += max(0, length)
            form, oid = kinds[place] if place < len(kinds) else (0, 0)
            cells.append(show(value, form, oid))
    except struct.error:
        raise ProtocolError("a row that is cut short") from None
    return tuple(cells)
