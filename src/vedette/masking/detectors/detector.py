"""What a detector is: a cheap anchor, a pattern, a check."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vedette.masking.patterns import compile_bytes

Span = tuple[int, int]
Check = Callable[[bytes, int, int, bool], Iterable[Span]]

CONTEXT_BYTES = 48
"""How far in front of a candidate a context word may stand."""


@dataclass(frozen=True, slots=True)
class Detector:
    """Finds one kind of value in text.

    *anchor* and *pattern* are RE2 sources over bytes. The anchor is looked for
    in a whole run of rows at once: it must match within every find (before
    folding aside), and must not look at what stands around the find, because
    that may be framing. *pattern* names candidates in one cell, *check* turns
    each into the spans that are finds; its last argument says that the column's
    name holds one of *words*. *hinted* is the anchor for such columns, empty
    for the same one. *numbers*: a number column may hold this value.
    """

    name: str
    group: str
    anchor: bytes
    pattern: bytes
    check: Check
    words: bytes = b""
    hinted: bytes = b""
    numbers: bool = False

    def finds(self, text: bytes, hinted: bool = False) -> list[Span]:
        """Spans of *text*, in order, each not empty and none overlapping the one before."""
        found: list[Span] = []
        floor = 0
        for candidate in compile_bytes(self.pattern).finditer(text):
            low, high = candidate.span()
            if low < floor:
                continue  # inside a find that reached beyond its own candidate
            for start, end in self.check(text, low, high, hinted):
                if start >= floor:
                    found.append((start, end))
                    floor = end
        return found

    def speaks_of(self, name: str) -> bool:
        """Whether a column of this *name* says what it holds."""
        return bool(self.words) and compile_bytes(self.words).search(name.encode()) is not None


def is_word(text: bytes, at: int) -> bool:
    """Whether an ASCII letter or digit stands at *at* (False outside of *text*)."""
    return 0 <= at < len(text) and text[at : at + 1].isalnum()


def is_digit(text: bytes, at: int) -> bool:
    return 0 <= at < len(text) and text[at : at + 1].isdigit()


def near(text: bytes, start: int, words: bytes) -> bool:
    """Whether one of *words* stands shortly before *start*."""
    return compile_bytes(words).search(text[max(0, start - CONTEXT_BYTES) : start]) is not None


def whole(text: bytes, start: int, end: int, hinted: bool) -> Iterable[Span]:
    """A check for what its pattern settles: the candidate, unless it is part of a longer word."""
    if not is_word(text, start - 1):
        yield start, end


_DIGITS = re.compile(rb"[0-9]+")


def digit_groups(text: bytes, start: int, end: int) -> list[Span]:
    """The unbroken digit sequences between *start* and *end*."""
    return [match.span() for match in _DIGITS.finditer(text, start, end)]


_IDENTIFIER = rb"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}|[0-9A-Fa-f]{24,}"
_WIDEST = 128


def in_identifier(text: bytes, start: int, end: int) -> bool:
    """Whether the span is part of a UUID or of a long hexadecimal number that shows a letter."""
    low = max(0, start - _WIDEST)
    for match in compile_bytes(_IDENTIFIER).finditer(text, low, end + _WIDEST):
        first, last = match.span()
        if first <= start and end <= last:
            return not match.group().replace(b"-", b"").isdigit()
        if first >= end:
            break
    return False
