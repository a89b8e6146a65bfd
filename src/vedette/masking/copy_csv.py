"""COPY's CSV format: fields between delimiters, quoted where they need it."""

from __future__ import annotations

import re
from collections.abc import Iterator

_OUTSIDE, _INSIDE, _ESCAPED = range(3)


class CsvSyntax:
    """Source: PostgreSQL manual, COPY, "CSV Format"."""

    def __init__(self, delimiter: bytes, null: bytes, quote: bytes, escape: bytes) -> None:
        self.delimiter = delimiter
        self.null = null
        # Doubling any other character could change how a value reads on the wire.
        self.plain = quote == escape == b'"'
        self._quote = quote
        self._escape = escape
        self._marks = re.compile(b"[\\n" + re.escape(quote) + re.escape(escape) + b"]")
        self._in_line = re.compile(b"[" + b"".join(map(re.escape, (delimiter, quote, escape))) + b"]")
        needs = b"[\\r\\n" + b"".join(map(re.escape, (delimiter, quote, escape))) + b"]"
        self._needs_quotes = re.compile(needs)

    def line_ends(self, data: bytes | bytearray, start: int, state: int) -> tuple[list[int], int]:
        """A line feed outside of quotes ends a line; *state* is _OUTSIDE, _INSIDE or _ESCAPED."""
        quoted = state != _OUTSIDE
        escaped = start if state == _ESCAPED else -1  # where a quote or escape is data
        ends = []
        for match in self._marks.finditer(data, start):
            here = match.start()
            mark = match.group()
            if mark == b"\n":
                if not quoted:
                    ends.append(here + 1)
            elif here == escaped:
                continue
            elif mark == self._quote:
                # A doubled quote closes and opens again, which comes to the same.
                quoted = not quoted
            elif quoted:
                escaped = here + 1
        if escaped == len(data):
            return ends, _ESCAPED
        return ends, _INSIDE if quoted else _OUTSIDE

    def fields(self, line: bytes) -> list[bytes]:
        if self._quote not in line:
            return line.split(self.delimiter)
        fields = []
        begin = 0
        for here, mark, quoted in self._marked(line):
            if mark == self.delimiter and not quoted:
                fields.append(line[begin:here])
                begin = here + 1
        fields.append(line[begin:])
        return fields

    def value(self, field: bytes) -> bytes | None:
        if self._quote not in field:
            return None if field == self.null else field
        pieces = []
        begin = 0
        for here, mark, quoted in self._marked(field):
            if mark == self._quote or (mark == self._escape and quoted and self._escapes(field, here)):
                pieces.append(field[begin:here])
                begin = here + 1
        pieces.append(field[begin:])
        return b"".join(pieces)

    def _escapes(self, data: bytes, here: int) -> bool:
        """Whether the escape at *here* stands before something it can escape."""
        return data[here + 1 : here + 2] in (self._quote, self._escape)

    def _marked(self, data: bytes) -> Iterator[tuple[int, bytes, bool]]:
        """Each quote, escape and delimiter that is not escaped itself, and whether inside quotes."""
        quoted = False
        escaped = -1
        for match in self._in_line.finditer(data):
            here = match.start()
            if here == escaped:
                continue
            mark = match.group()
            yield here, mark, quoted
            if quoted and mark == self._escape and self._escapes(data, here):
                escaped = here + 1
            elif mark == self._quote:
                quoted = not quoted

    def written(self, value: bytes) -> bytes:
        if value != self.null and value != b"\\." and self._needs_quotes.search(value) is None:
            return value
        inside = value.replace(self._escape, self._escape * 2)
        if self._escape != self._quote:
            inside = inside.replace(self._quote, self._escape + self._quote)
        return self._quote + inside + self._quote
