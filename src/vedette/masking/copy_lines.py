"""COPY in lines of fields: what text and CSV have in common."""

from __future__ import annotations

from typing import Protocol

from vedette.masking.plan import CannotMask, Plan
from vedette.masking.rewrite import MAX_ROW_BYTES, candidates
from vedette.masking.tally import Tally


class Syntax(Protocol):
    """How lines are cut into fields and fields are written."""

    delimiter: bytes
    null: bytes
    plain: bool
    """Whether a find reads the same on the wire, backslashes aside."""

    def line_ends(self, data: bytes | bytearray, start: int, state: int) -> tuple[list[int], int]:
        """
        Offsets behind each line that ends in *data* from *start* on, and the state at its end.

        *state* is what the call for the bytes before *start* gave, 0 at the beginning of a line.
        """

    def fields(self, line: bytes) -> list[bytes]:
        """The fields of a line without its end, as written."""

    def value(self, field: bytes) -> bytes | None:
        """What a field stands for; None is NULL."""

    def written(self, value: bytes) -> bytes:
        """How a value that is not NULL is written."""


class LineRows:
    """Rows as lines. Lines in which nothing can be found are passed as they are."""

    def __init__(self, plan: Plan, syntax: Syntax, header: bool) -> None:
        self._plan = plan
        self._syntax = syntax
        self._header = header
        self._seen = 0
        self._state = 0

    def whole(self, held: bytearray) -> int:
        ends, self._state = self._syntax.line_ends(held, self._seen, self._state)
        end = ends[-1] if ends else 0
        self._seen = len(held) - end
        return end

    def rest(self, held: bytes) -> bytes:
        return held

    def masked(self, ready: bytes, tally: Tally) -> bytes:
        plan = self._plan
        every = plan.always or plan.sieve is None or not self._syntax.plain
        hits = [] if every or plan.sieve is None else candidates(plan.sieve, ready)
        if not hits and not every and not self._header:
            return ready
        hits.append((len(ready) + 1, len(ready) + 1))
        out: list[bytes] = []
        kept = start = hit = 0
        ends, _ = self._syntax.line_ends(ready, 0, 0)
        if not ends or ends[-1] < len(ready):
            ends.append(len(ready))
        for end in ends:
            while hits[hit][1] <= start:
                hit += 1
            if self._header or every or hits[hit][0] < end:
                line = ready[start:end]
                new = self._line(line, tally)
                if new is not line:
                    out += (ready[kept:start], new)
                    kept = end
            start = end
        if not out:
            return ready
        out.append(ready[kept:])
        return b"".join(out)

    def _line(self, line: bytes, tally: Tally) -> bytes:
        body = line.removesuffix(b"\n").removesuffix(b"\r")
        if body == b"\\.":
            return line  # the end of data, as the old protocol writes it
        fields = self._syntax.fields(body)
        if len(fields) != self._plan.width:
            raise CannotMask("a COPY row with another number of columns than described")
        if self._header:
            # Column names come from the catalogue or the statement, never from a row.
            self._header = False
            return line
        changed = False
        for column in self._plan.columns:
            value = self._syntax.value(fields[column.position])
            if value is None:
                continue
            new = column.cover(value, tally)
            if new is not value:
                fields[column.position] = self._syntax.null if new is None else self._syntax.written(new)
                changed = True
        if not changed:
            return line
        masked = self._syntax.delimiter.join(fields) + line[len(body) :]
        if len(masked) > MAX_ROW_BYTES:
            raise CannotMask("a COPY row too long once masked")
        return masked
