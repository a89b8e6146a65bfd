"""COPY's text format: fields between delimiters, everything else by backslash."""

from __future__ import annotations

import re

_ESCAPE = re.compile(rb"\\(?:[0-7]{1,3}|x[0-9A-Fa-f]{1,2}|[\x00-\xff])")
_MEANINGS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


class TextSyntax:
    """Source: PostgreSQL manual, COPY, "Text Format"."""

    plain = True

    def __init__(self, delimiter: bytes, null: bytes) -> None:
        self.delimiter = delimiter
        self.null = null
        self._escapes = {b"\\": b"\\\\", delimiter: b"\\" + delimiter}
        self._escapes.update({code: b"\\" + letter for letter, code in _MEANINGS.items()})
        self._to_escape = re.compile(b"[" + b"".join(map(re.escape, self._escapes)) + b"]")

    def line_ends(self, data: bytes | bytearray, start: int, state: int) -> tuple[list[int], int]:
        """A line feed ends a line unless a backslash stands before it; no state is needed."""
        ends = []
        here = data.find(b"\n", start)
        while here >= 0:
            if here == 0 or data[here - 1] != 0x5C or not _odd_backslashes(data, here):
                ends.append(here + 1)
            here = data.find(b"\n", here + 1)
        return ends, 0

    def fields(self, line: bytes) -> list[bytes]:
        parts = line.split(self.delimiter)
        if b"\\" not in line:
            return parts
        fields = []
        pending: list[bytes] = []
        for part in parts:
            pending.append(part)
            if not _odd_backslashes(part, len(part)):
                fields.append(self.delimiter.join(pending))
                pending = []
        if pending:
            fields.append(self.delimiter.join(pending))
        return fields

    def value(self, field: bytes) -> bytes | None:
        if field == self.null:
            return None
        return _ESCAPE.sub(_meaning, field) if b"\\" in field else field

    def written(self, value: bytes) -> bytes:
        return self._to_escape.sub(lambda match: self._escapes[match.group()], value)


def _odd_backslashes(data: bytes | bytearray, end: int) -> bool:
    here = end
    while here > 0 and data[here - 1] == 0x5C:
        here -= 1
    return (end - here) % 2 == 1


def _meaning(match: re.Match[bytes]) -> bytes:
    code = match.group()[1:]
    if code[:1].isdigit() and code[:1] < b"8":
        return bytes((int(code, 8) & 0xFF,))
    if code[:1] == b"x" and len(code) > 1:
        return bytes((int(code[1:], 16),))
    return _MEANINGS.get(code, code)
