"""What a terminal acts upon and does not show: escape sequences and control characters.

``Shown`` gives a text as it is shown, and the way back to the bytes. What a terminal does with
the cursor is not followed: text is taken in the order in which it is sent.

Sources: ECMA-48 (control sequences, control strings) and ECMA-35 (character set designations).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable

#: A control string (window title, hyperlink, picture) longer than this is taken for text.
MAX_STRING_BYTES = 4096

# Linear: no repeat takes the byte that a match begins with. The byte comes first, alone, and what
# follows hangs on it: so `re` looks for one class of bytes, which is many times as fast.
_STRING = rb"[\]PX^_][^\x07\x1b\x18\x1a]{0,%d}" % MAX_STRING_BYTES
_PARAMETERS = rb"[0-?]{0,256}[ -/]{0,8}"
_SEQUENCE = (
    rb"[\x00-\x08\x0e-\x1f\x7f\xc2](?:"
    # ESC alone, where nothing known follows, so that what comes after it counts as text.
    rb"(?<=\x1b)(?:\[" + _PARAMETERS + rb"[@-~]|" + _STRING + rb"(?:\x07|\x1b\\)|[ -/]{1,8}[0-~]"
    rb"|[0-OQ-WYZ\\`-~])?|(?<=\xc2)(?:\x9b" + _PARAMETERS + rb"[@-~]|[\x80-\x9a\x9c-\x9f])|(?<=[^\x1b\xc2]))"
)
_CONTROL = re.compile(_SEQUENCE)
# readline writes a space and a return where a line it edits reaches the margin.
_CONTROL_OR_WRAP = re.compile(_SEQUENCE + rb"|(?<=[^\s] )\r(?!\n)")
_UNFINISHED = re.compile(
    rb"(?:\x1b(?:\["
    + _PARAMETERS
    + rb"|[ -/]{1,8}|"
    + _STRING
    + rb"\x1b?)?|\xc2(?:\x9b"
    + _PARAMETERS
    + rb")?)\Z"
)
_LOOSE = re.compile(rb"(?:\x1b[ -/]{0,8}[0-9A-Za-z]|(?:\x1b\[|\xc2\x9b)" + _PARAMETERS + rb"@)\Z")
_PLAIN = bytes(byte for byte in range(256) if (byte >= 0x20 and byte != 0x7F) or byte in b"\t\n\v\f\r")
_HIDDEN = bytes(set(range(256)) - set(_PLAIN))


def acts(raw: bytes) -> bool:
    """Whether *raw* holds anything that is not shown (a carriage return before a line feed aside)."""
    return len(raw.translate(None, _HIDDEN)) != len(raw) or b"\xc2" in raw or _wraps(raw)


def _wraps(raw: bytes) -> bool:
    return b"\r" in raw and b" \r" in raw  # one byte is looked for many times as fast as two


def shown(raw: bytes) -> bytes:
    """*raw* without what is not shown; *raw* itself where that is nothing."""
    return _controls(raw).sub(b"", raw) if acts(raw) else raw


def _controls(raw: bytes) -> re.Pattern[bytes]:
    return _CONTROL_OR_WRAP if _wraps(raw) else _CONTROL


def loose(raw: bytes) -> int:
    """
    How many bytes at the end of *raw* are an escape sequence that ends in what a value may hold.

    Whoever reads the bytes, and not the screen, may take it for the first one of what follows.
    """
    match = _LOOSE.search(raw, max(0, len(raw) - 300))
    return len(raw) - match.start() if match is not None else 0


def unfinished(raw: bytes) -> int:
    """Where the escape sequence begins with which *raw* breaks off; its length where there is none."""
    size = len(raw)
    floor = max(0, size - MAX_STRING_BYTES - 4)
    here = size
    for _ in range(3):  # the string's own beginning may stand before an ESC that may end it
        here = max(raw.rfind(b"\x1b", floor, here), raw.rfind(b"\xc2", floor, here))
        if here < 0:
            return size
        if _UNFINISHED.match(raw, here):
            before = raw.rfind(b"\x1b", floor, here)
            return before if before >= 0 and _UNFINISHED.match(raw, before) else here
    return size


class Shown:
    """*raw* as it is shown (``text``), with the way from its offsets to those of *raw* and back."""

    __slots__ = ("_ends", "_gaps", "_starts", "raw", "text")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._starts: list[int] = []  # where in *raw* something begins that is not shown
        self._gaps: list[int] = []  # how much of that kind stands before its end
        self._ends: list[int] = []  # where in ``text`` it would stand
        if not acts(raw):
            self.text = raw
            return
        pieces: list[bytes] = []
        here = hidden = 0
        for match in _controls(raw).finditer(raw):
            start, end = match.span()
            pieces.append(raw[here:start])
            here = end
            self._starts.append(start)
            self._ends.append(start - hidden)
            hidden += end - start
            self._gaps.append(hidden)
        pieces.append(raw[here:])
        self.text = b"".join(pieces)

    def raw_at(self, at: int) -> int:
        """Where in *raw* the byte shown at *at* stands; for the end of ``text``, the end of *raw*."""
        if at >= len(self.text):
            return len(self.raw)
        place = bisect_right(self._ends, at)
        return at + (self._gaps[place - 1] if place else 0)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of *raw* that is shown as ``text[start:end]``; *end* > *start*."""
        return self.raw_at(start), self.raw_at(end - 1) + 1

    def outside(self, start: int, end: int) -> tuple[int, int]:
        """The span of ``raw`` less sequences into which it only reaches; itself, if it lies within one."""
        place = bisect_right(self._starts, start) - 1
        if place >= 0 and start < self._starts[place] + self._size(place) < end:
            start = self._starts[place] + self._size(place)
        place = bisect_right(self._starts, end - 1) - 1
        if place >= 0 and start < self._starts[place] and end < self._starts[place] + self._size(place):
            end = self._starts[place]
        return start, end

    def sequence(self, at: int) -> tuple[int, int] | None:
        """Where the sequence begins and ends in which *at* stands."""
        place = bisect_right(self._starts, at) - 1
        if place < 0 or at >= self._starts[place] + self._size(place):
            return None
        return self._starts[place], self._starts[place] + self._size(place)

    def _size(self, place: int) -> int:
        return self._gaps[place] - (self._gaps[place - 1] if place else 0)

    def shown_at(self, at: int) -> int:
        """The offset in ``text`` of the first byte shown that stands at *at* in *raw* or behind it."""
        place = bisect_right(self._starts, at)
        if not place:
            return at
        return max(self._ends[place - 1], at - self._gaps[place - 1])


def kept(raw: bytes) -> bytes:
    """What stays where *raw* is replaced: its escape sequences, which may close what was opened before."""
    return b"".join(match.group() for match in _controls(raw).finditer(raw) if match.group()[:1] == b"\x1b")


def between(raw: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """*raw* with what is shown of it put through *change*, stretch by stretch."""
    pieces, here = [], 0
    for match in _controls(raw).finditer(raw):
        start, end = match.span()
        pieces += [change(raw[here:start]), raw[start:end]]
        here = end
    pieces.append(change(raw[here:]))
    return b"".join(pieces)
