"""Rows of a result, rewritten by a plan.

The two functions that cost time, ``candidates`` and ``rewrite_row``, stand alone so
that a compiled twin can take their place; covers are Python either way.

Source: PostgreSQL manual, "Message Formats", DataRow: 'D', int32 length that
counts itself, int16 number of columns, then for each an int32 length (-1 is
NULL) and that many bytes.
"""

from __future__ import annotations

import struct

from vedette.masking.cells import NULL_CELL
from vedette.masking.patterns import Pattern
from vedette.masking.plan import CannotMask, Plan
from vedette.masking.tally import Tally

# A message's length is an int32, and the server stays below 1 GiB itself.
MAX_ROW_BYTES = 0x3FFFFFFF

_ROW = 0x44
_HEAD = struct.Struct("!cI")
_read_u32 = struct.Struct("!I").unpack_from
_read_i32 = struct.Struct("!i").unpack_from
_read_i16 = struct.Struct("!h").unpack_from
_write_i32 = struct.Struct("!i").pack

Span = tuple[int, int]


def candidates(sieve: Pattern, run: bytes) -> list[Span]:
    """Where in *run* something may be found; every find overlaps one of these."""
    return [match.span() for match in sieve.finditer(run)]


def rewrite(plan: Plan, run: bytes, tally: Tally, hits: list[Span] | None = None) -> bytes:
    """
    *run*, which is whole DataRow messages, with what the plan covers hidden.

    Gives *run* itself where nothing was hidden. Work grows with the bytes and
    the values found. *hits* are its candidates, where they are known already.

    Raises:
        CannotMask: the run is not what the plan was made for, or a result does not fit.
    """
    if hits is None:
        hits = candidates(plan.sieve, run) if plan.sieve is not None else []
    if not hits and not plan.always:
        return run
    hits.append((len(run) + 1, len(run) + 1))
    out: list[bytes] = []
    kept = start = hit = 0
    size = len(run)
    while start < size:
        if start + 7 > size or run[start] != _ROW:
            raise CannotMask("something other than a whole row among rows")
        end = start + 1 + _read_u32(run, start + 1)[0]
        if end > size or end < start + 7:
            raise CannotMask("a row that is not whole")
        while hits[hit][1] <= start:
            hit += 1
        if plan.always or hits[hit][0] < end:
            new = rewrite_row(plan, run, start + 5, end, hits, hit, tally)
            if new is not None:
                if len(new) > MAX_ROW_BYTES - 4:
                    raise CannotMask("a row too long once masked")
                out += (run[kept:start], _HEAD.pack(b"D", len(new) + 4), new)
                kept = end
        start = end
    if not out:
        return run
    out.append(run[kept:])
    return b"".join(out)


def rewrite_row(
    plan: Plan, run: bytes, start: int, end: int, hits: list[Span], hit: int, tally: Tally
) -> bytes | None:
    """
    The row body ``run[start:end]`` (int16 count, then cells) rewritten; None where nothing changed.

    *hits* are candidate spans in order, closed by one beyond the end; those before index *hit* are past.
    """
    if _read_i16(run, start)[0] != plan.width:
        raise CannotMask("a row with another number of columns than described")
    pieces: list[bytes] = []
    kept = start
    here = start + 2
    passed = 0
    for column in plan.columns:
        here = _skip(run, here, column.position - passed)
        passed = column.position + 1
        low = here + 4
        size = -1 if low > end else _read_i32(run, here)[0]
        high = low + size
        if size < -1 or low > end or high > end:
            raise CannotMask("a cell that reaches beyond its row")
        here = low if size == -1 else high
        if size == -1 or not (column.always or _touched(hits, hit, low, high)):
            continue
        new = column.constant
        if new is not None:
            tally.add(column.rule)
        else:
            value = run[low:high]
            hidden = column.cover(value, tally)
            if hidden is value:
                continue
            new = NULL_CELL if hidden is None else _write_i32(len(hidden)) + hidden
        pieces += (run[kept : low - 4], new)
        kept = high
    if not pieces:
        return None
    pieces.append(run[kept:end])
    return b"".join(pieces)


def _skip(run: bytes, here: int, cells: int) -> int:
    """Offset behind *cells* cells; the caller checks that it is still in the row."""
    try:
        for _ in range(cells):
            (size,) = _read_i32(run, here)
            here += 4 + size if size > 0 else 4
    except struct.error:
        raise CannotMask("a row that ends inside a cell") from None
    return here


def _touched(hits: list[Span], hit: int, low: int, high: int) -> bool:
    """Whether a candidate overlaps the cell. Candidates are in order and do not overlap each other."""
    while hits[hit][1] <= low:
        hit += 1
    return hits[hit][0] < high
