"""National identifiers: the United States social security number."""

from __future__ import annotations

from collections.abc import Iterator

from vedette.masking.detectors.detector import (
    Detector,
    Span,
    digit_groups,
    in_identifier,
    is_word,
    near,
)

_SSN_WORDS = rb"(?i)(?:^|[^\[A-Za-z])(?:ssn|ss#|social|soc[ ._-]?sec|itin|tax[ ._-]?id|tin)(?:$|[^A-Za-z])"
_GAP = rb"[ ._/\-]"


def assignable(digits: bytes) -> bool:
    """Whether nine digits may be a number that was given out.

    Source: Social Security Administration, "Social Security Number
    Randomization": no area 000, 666 or 900 to 999, no group 00, no serial 0000.
    """
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in (b"000", b"666") and area < b"900" and group != b"00" and serial != b"0000"


def _ssn(text: bytes, start: int, end: int, hinted: bool) -> Iterator[Span]:
    groups = digit_groups(text, start, end)
    index = 0
    while index < len(groups):
        low, high = groups[index]
        if high - low == 9 and _bare(text, low, high, hinted):
            yield low, high
        elif index + 2 < len(groups) and _written_out(text, groups, index):
            yield low, groups[index + 2][1]
            index += 2
        index += 1


def _bare(text: bytes, low: int, high: int, hinted: bool) -> bool:
    """Nine digits in a row are a common number; only a word nearby makes them this one."""
    if not assignable(text[low:high]) or is_word(text, low - 1) or is_word(text, high):
        return False
    return hinted or near(text, low, _SSN_WORDS)


def _written_out(text: bytes, groups: list[Span], index: int) -> bool:
    (a, b), (c, d), (e, f) = groups[index : index + 3]
    if (b - a, d - c, f - e) != (3, 2, 4) or not assignable(text[a:b] + text[c:d] + text[e:f]):
        return False
    gap = text[b:c]
    if gap != text[d:e]:
        return False
    # A longer chain of groups with the same separator is a part number or a list.
    before = index > 0 and text[groups[index - 1][1] : a] == gap
    after = index + 3 < len(groups) and text[f : groups[index + 3][0]] == gap
    return not before and not after and not in_identifier(text, a, f)


DETECTORS = (
    Detector(
        "us_ssn",
        "personal",
        anchor=rb"[0-9]{3}" + _GAP + rb"{1,2}[0-9]{2}" + _GAP + rb"{1,2}[0-9]{4}"
        rb"|(?i:ssn|ss#|social|soc[ ._-]?sec|itin|tax[ ._-]?id|tin)[^A-Za-z]",
        pattern=rb"[0-9]+(?:" + _GAP + rb"{1,2}[0-9]+){2,}|[0-9]{9,}",
        check=_ssn,
        words=rb"(?i)ssn|social|(?:^|_)(?:itin|tin|tax_?id)",
        hinted=rb"[0-9]{9}|[0-9]{3}" + _GAP + rb"{1,2}[0-9]{2}" + _GAP + rb"{1,2}[0-9]{4}",
        numbers=True,
    ),
)
