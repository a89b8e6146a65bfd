"""Telephone numbers, out of a stretch of digit groups.

Sources: ITU-T E.164 (at most 15 digits) and the North American Numbering Plan
(area code and exchange begin with 2 to 9).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vedette.masking.detectors.detector import (
    Detector,
    Span,
    digit_groups,
    in_identifier,
    is_word,
    near,
)
from vedette.masking.patterns import compile_bytes

_WORDS = rb"(?:phone|tel|telephone|mobile|cell|fax|handy|whatsapp|sms)"
_NEARBY = rb"(?i)(?:^|[^\[A-Za-z])" + _WORDS + rb"(?:$|[^A-Za-z])"
_NANP = compile_bytes(rb"(?:1[ .-]?)?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}")
# What may stand before the first digit; looked for in at most three bytes.
_OPENING = re.compile(rb"(?:\+ ?\(?|\(\+?)$")
_MOST_GROUPS = 8
_MOST_DIGITS = 15
_FEWEST_DIGITS = 7
_YEARS = frozenset({b"18", b"19", b"20", b"21"})


class _Stretch:
    """Digit groups with separators between them, and what stands around them."""

    __slots__ = ("groups", "hinted", "text")

    def __init__(self, text: bytes, start: int, end: int, hinted: bool) -> None:
        self.text = text
        self.hinted = hinted
        self.groups = digit_groups(text, start, end)

    def size(self, index: int) -> int:
        low, high = self.groups[index]
        return high - low

    def sizes(self, first: int, last: int) -> list[int]:
        return [high - low for low, high in self.groups[first : last + 1]]

    def gap(self, index: int) -> bytes:
        """What stands between group *index* - 1 and group *index*; empty at both ends."""
        if not 0 < index < len(self.groups):
            return b""
        return self.text[self.groups[index - 1][1] : self.groups[index][0]]

    def opening(self, first: int) -> bytes:
        """The plus and bracket before group *first*."""
        start = self.groups[first][0]
        match = _OPENING.search(self.text[max(0, start - 3) : start])
        return match.group() if match is not None else b""

    def span(self, first: int, last: int) -> Span:
        return self.groups[first][0] - len(self.opening(first)), self.groups[last][1]

    def ends(self, first: int, most: int) -> list[tuple[int, int]]:
        """(last group, digits) of each number of up to *most* digits from group *first*, longest first."""
        found = []
        digits = 0
        for last in range(first, min(len(self.groups), first + _MOST_GROUPS)):
            digits += self.size(last)
            if digits > most or (last > first and len(self.gap(last)) > 2):
                break
            found.append((last, digits))
        return found[::-1]

    def named(self, first: int) -> bool:
        """Whether the column or a word nearby says that this is a telephone number."""
        return self.hinted or near(self.text, self.span(first, first)[0], _NEARBY)


def _phone(text: bytes, start: int, end: int, hinted: bool) -> Iterator[Span]:
    stretch = _Stretch(text, start, end, hinted)
    if sum(high - low for low, high in stretch.groups) < _FEWEST_DIGITS:
        return
    index = 0
    while index < len(stretch.groups):
        if _date(stretch, index):
            index += 3
            continue
        for last in (kind(stretch, index) for kind in _KINDS):
            if last is None:
                continue
            low, high = stretch.span(index, last)
            if not is_word(text, low - 1) and not in_identifier(text, low, high):
                yield low, high
                index = last
                break
        index += 1


def _date(stretch: _Stretch, index: int) -> bool:
    """``2024-01-15``, ``15.01.2024``, ``1/15/2024``."""
    if index + 2 >= len(stretch.groups) or stretch.opening(index):
        return False
    gap = stretch.gap(index + 1)
    if gap not in (b"-", b".", b"/") or gap != stretch.gap(index + 2):
        return False
    sizes = stretch.sizes(index, index + 2)
    if sizes[0] == 4 and max(sizes[1:]) <= 2:
        year = index
    elif sizes[2] == 4 and max(sizes[:2]) <= 2:
        year = index + 2
    else:
        return False
    low = stretch.groups[year][0]
    return stretch.text[low : low + 2] in _YEARS


def _international(stretch: _Stretch, first: int) -> int | None:
    """Behind a plus, or behind 00 (without separators only where something says what it is)."""
    low = stretch.groups[first][0]
    if b"+" in stretch.opening(first):
        ends, least = stretch.ends(first, _MOST_DIGITS), 8
        valid = stretch.text[low] != 0x30
    else:
        ends, least = stretch.ends(first, _MOST_DIGITS + 2), 10
        # Behind "00" the country code follows at once: "00.590919" is the end of a time.
        valid = stretch.text[low : low + 2] == b"00" and stretch.text[low + 2 : low + 3] in _ONE_TO_NINE
        valid = valid and stretch.size(first) > 2
    for last, digits in ends if valid else ():
        alone = least == 10 and last == first
        if digits >= least and not _runs_on(stretch, last) and (not alone or stretch.named(first)):
            return last
    return None


_ONE_TO_NINE = frozenset(b"%d" % digit for digit in range(1, 10))


def _runs_on(stretch: _Stretch, last: int) -> bool:
    """Whether a letter follows at once, as in a part number."""
    end = stretch.groups[last][1]
    return stretch.text[end : end + 1].isalpha()


def _north_american(stretch: _Stretch, first: int) -> int | None:
    """``(202) 555-0143``, ``1-202-555-0143``; not a part of a longer chain of dashes or dots."""
    last = first + 2 + (stretch.size(first) == 1)
    if last >= len(stretch.groups) or stretch.sizes(last - 2, last) != [3, 3, 4]:
        return None
    low, high = stretch.span(first, last)
    if _NANP.fullmatch(stretch.text[low:high]) is None or is_word(stretch.text, high):
        return None
    chained = stretch.gap(first) in (b"-", b".") or stretch.gap(last + 1) in (b"-", b".")
    return None if chained else last


def _national(stretch: _Stretch, first: int) -> int | None:
    """National numbers behind a trunk 0: ``030 1234567``, ``0171-2345678``, ``06 12 34 56 78``."""
    if stretch.text[stretch.groups[first][0]] != 0x30 or not 2 <= stretch.size(first) <= 5:
        return None
    for last, digits in stretch.ends(first, 12):
        if last > first and digits >= 9 and not _runs_on(stretch, last) and _written(stretch, first, last):
            return last
    return None


def _written(stretch: _Stretch, first: int, last: int) -> bool:
    """Whether people write national numbers in such groups."""
    sizes = stretch.sizes(first, last)
    gap = stretch.gap(first + 1)
    before, after = stretch.gap(first), stretch.gap(last + 1)
    if set(sizes) == {2}:
        # Five pairs, in France and elsewhere; one more on either side makes it a list.
        longer = (before == gap and stretch.size(first - 1) <= 2) or (
            after == gap and stretch.size(last + 1) <= 2
        )
        return len(sizes) == 5 and not longer
    if after == gap and stretch.size(last + 1) == sizes[-1]:
        return False  # a longer number in equal groups
    # "038-3582-24" is an article number: a short last group comes only with short ones before it.
    if min(sizes) < 2 or (sizes[-1] == 2 and set(sizes[1:]) != {2}):
        return False
    if gap == b"-":
        return sizes[1] >= 3
    if gap == b".":
        return sizes[0] >= 3 and len(sizes) >= 3  # two groups are a decimal fraction
    return not gap.strip(b" /)")


def _said(stretch: _Stretch, first: int) -> int | None:
    """Seven digits or more where the column's name or a word nearby says what they are."""
    for last, digits in stretch.ends(first, _MOST_DIGITS):
        if digits >= 7:
            return last if stretch.named(first) else None
    return None


_KINDS = (_international, _north_american, _national, _said)

DETECTORS = (
    Detector(
        "phone",
        "personal",
        anchor=rb"\+ ?[(]?[1-9]|00[1-9][0-9 ()./-]{5}|[2-9][0-9]{2}[) .-]{1,2}[2-9][0-9]{2}[ .-][0-9]{4}"
        rb"|0[0-9]{1,4}(?:[ /)]{1,2}[0-9]{2}|-[0-9]{3})[0-9 ()./-]|0[0-9]{2,4}\.[0-9]{2}[0-9 ()./-]"
        rb"|0[0-9](?:[ ()./-]{1,2}[0-9]{2}){4}"
        rb"|(?i:" + _WORDS + rb")[^A-Za-z]",
        pattern=rb"[0-9][0-9 ()./\-]*[0-9]",
        check=_phone,
        words=rb"(?i)phone|mobile|telef|whatsapp|fax|(?:^|_)(?:tel|cell|handy|sms)(?:$|_|n)",
        hinted=rb"[0-9][0-9 ()./-]{5}",
        numbers=True,
    ),
)
