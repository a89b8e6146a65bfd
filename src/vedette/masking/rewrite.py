"""Rows of a result, rewritten by a plan.

The two functions that cost time, ``candidates`` and ``cells``, stand alone so that
a compiled twin can take their place; the rest is Python either way.

Source: PostgreSQL manual, "Message Formats", DataRow: 'D', int32 length that
counts itself, int16 number of columns, then for each an int32 length (-1 is
NULL) and that many bytes.
"""

from __future__ import annotations

import struct

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
_NULL = b"\xff\xff\xff\xff"

Span = tuple[int, int]


def candidates(sieve: Pattern, run: bytes) -> list[Span]:
    """Where in *run* something may be found; every find overlaps one of these."""
    return [match.span() for match in sieve.finditer(run)]


def cells(run: bytes, start: int, end: int, last: int) -> list[Span]:
    """
    Where the cells 0 to *last* of the row body ``run[start:end]`` stand; (-1, -1) is NULL.

    Raises:
        CannotMask: the lengths lie.
    """
    here = start + 2
    spans = []
    try:
        for _ in range(last + 1):
            (size,) = _read_i32(run, here)
            here += 4
            if size >= 0:
                spans.append((here, here + size))
                here += size
            elif size == -1:
                spans.append((-1, -1))
            else:
                raise CannotMask("a cell of negative length")
    except struct.error:
        raise CannotMask("a row that ends inside a cell") from None
    if here > end:
        raise CannotMask("a cell longer than its row")
    return spans


def rewrite(plan: Plan, run: bytes, tally: Tally) -> bytes:
    """
    *run*, which is whole DataRow messages, with what the plan covers hidden.

    Gives *run* itself where nothing was hidden. Work grows with the bytes and
    the values found.

    Raises:
        CannotMask: the run is not what the plan was made for, or a result does not fit.
    """
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
    columns = plan.columns
    spans = cells(run, start, end, columns[-1].position)
    pieces: list[bytes] = []
    kept = start
    for column in columns:
        low, high = spans[column.position]
        if low < 0:
            continue
        if not column.always:
            while hits[hit][1] <= low:
                hit += 1
            if hits[hit][0] >= high:
                continue
        value = run[low:high]
        new = column.cover(value, tally)
        if new is value:
            continue
        pieces += (run[kept : low - 4], _NULL if new is None else _write_i32(len(new)) + new)
        kept = high
    if not pieces:
        return None
    pieces.append(run[kept:end])
    return b"".join(pieces)
