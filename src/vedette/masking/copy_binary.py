"""COPY's binary format: a header, tuples laid out like rows, a trailer.

Source: PostgreSQL manual, COPY, "Binary Format".
"""

from __future__ import annotations

import struct

from vedette.masking.plan import CannotMask, Plan
from vedette.masking.rewrite import MAX_ROW_BYTES, candidates, rewrite_row
from vedette.masking.tally import Tally

_SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
_FIXED = 19
# Flags 16 to 31 are those a reader must know; 16 (a column of OIDs) ended with PostgreSQL 12.
_CRITICAL = 0xFFFF0000
_read_u32 = struct.Struct("!I").unpack_from
_read_i32 = struct.Struct("!i").unpack_from
_read_i16 = struct.Struct("!h").unpack_from


class BinaryRows:
    """Tuples of a binary COPY. Nothing may follow the trailer."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._head_read = False  # by whole()
        self._head_passed = False  # by masked()
        self._over = False

    def whole(self, held: bytearray) -> int:
        end = 0
        if not self._head_read:
            end = _header_end(held)
            self._head_read = end > 0
            if not end:
                return 0
        while not self._over and end + 2 <= len(held):
            if _read_i16(held, end)[0] == -1:
                self._over = True
                end += 2
                break
            after = self._tuple_end(held, end)
            if not after:
                return end
            end = after
        if self._over and end < len(held):
            raise CannotMask("bytes behind the end of a binary COPY")
        return end

    def _tuple_end(self, held: bytes | bytearray, start: int) -> int:
        """Offset behind the tuple at *start*, 0 where it is not all here."""
        if _read_i16(held, start)[0] != self._plan.width:
            raise CannotMask("a COPY row with another number of columns than described")
        here = start + 2
        for _ in range(self._plan.width):
            if here + 4 > len(held):
                return 0
            (size,) = _read_i32(held, here)
            if not -1 <= size <= MAX_ROW_BYTES:
                raise CannotMask("a COPY field of impossible length")
            here += 4 + max(size, 0)
        return here if here <= len(held) else 0

    def rest(self, held: bytes) -> bytes:
        if held or not self._over:
            raise CannotMask("a binary COPY that ends before its trailer")
        return b""

    def masked(self, ready: bytes, tally: Tally) -> bytes:
        plan = self._plan
        start = 0
        if not self._head_passed:
            start = _header_end(ready)
            self._head_passed = True
        hits = candidates(plan.sieve, ready) if plan.sieve is not None else []
        hits.append((len(ready) + 1, len(ready) + 1))
        out: list[bytes] = []
        kept = hit = 0
        while start < len(ready) and _read_i16(ready, start)[0] != -1:
            end = self._tuple_end(ready, start)
            while hits[hit][1] <= start:
                hit += 1
            new = rewrite_row(plan, ready, start, end, hits, hit, tally)
            if new is not None:
                out += (ready[kept:start], new)
                kept = end
            start = end
        out.append(ready[kept:])
        return b"".join(out)


def _header_end(held: bytes | bytearray) -> int:
    """Offset behind the header, 0 where it is not all here."""
    if not _SIGNATURE.startswith(held[: len(_SIGNATURE)]):
        raise CannotMask("a binary COPY without its signature")
    if len(held) < _FIXED:
        return 0
    flags, extension = _read_u32(held, 11)[0], _read_u32(held, 15)[0]
    if flags & _CRITICAL or extension > 1 << 20:
        raise CannotMask("a binary COPY with a header that is not known")
    end = _FIXED + int(extension)
    return end if end <= len(held) else 0
