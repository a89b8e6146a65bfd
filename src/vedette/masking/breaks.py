"""Where a text may be parted without parting a value: the places between which it is masked piece by piece.

A gap (white space, a quotation mark, an angle bracket) is such a place, unless it may stand within a value:
between groups of digits, in an account number, in the head of a private key, and for a while behind what
may be a secret access key, because a word behind it may say that it is one. Whether a place is one depends on
`LOOKBACK` bytes before it and one behind it, and on nothing else: so it does not matter where reads are cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from vedette.masking.detectors.detector import CONTEXT_BYTES
from vedette.masking.detectors.payment import IBAN_LENGTHS
from vedette.masking.fold import fold
from vedette.masking.patterns import compile_bytes

LOOKBACK = 128

_GAP = re.compile(rb'[ \t\n\r\v\f"<>]+')
_GAP_BYTES = b' \t\n\r\v\f"<>'
# Behind these a space may stand within a number; before those.
_LEFT = re.compile(rb"(?:[0-9+]|&#[0-9A-Fa-fxX]{1,7};)[()./_+\-]{0,8}\Z")
_RIGHT = frozenset(b"0123456789()./_+-%\\&") | frozenset(range(0x80, 0x100))
_ENDS_NUMBER = frozenset(b"0123456789()./_+-;") | frozenset(range(0x80, 0x100))
_LAST_CHARACTER = re.compile(rb"(?:[\xc2-\xf4][\x80-\xbf]{1,3}|[\x80-\xff])\Z")
_NUMBERLIKE = re.compile(rb"[0-9 ()./_+\-]*\Z")

_QUOTE, _AT = b'"@'
_COUNTRY = "|".join(sorted(IBAN_LENGTHS)).encode()
_IBAN = compile_bytes(rb"(?i:" + _COUNTRY + rb")[0-9]{2}(?:[ -]{0,2}[0-9A-Za-z]){0,30}[ -]{0,2}$")
_KEY_HEAD = compile_bytes(rb"-----BEGIN [0-9A-Z ]{0,64}$")
_SECRET = re.compile(rb"(?<![0-9A-Za-z/+])[0-9A-Za-z/+]{40}(?![0-9A-Za-z/+=])")


def _within_iban(before: bytes) -> bool:
    return _IBAN.search(before) is not None


def _within_key_head(before: bytes) -> bool:
    if b"BEGIN" not in before and before.isascii():
        return False
    folded = fold(before)
    return _KEY_HEAD.search(folded.text if folded is not None else before) is not None


def _behind_secret(before: bytes) -> bool:
    for match in _SECRET.finditer(before, max(0, len(before) - 40 - CONTEXT_BYTES)):
        run = match.group()
        if run != run.lower() and run != run.upper() and any(0x30 <= byte <= 0x39 for byte in run):
            return True
    return False


#: By entity: whether what stands before a gap of spaces goes on behind it. The last also over line ends.
_SOFT: dict[str, Callable[[bytes], bool]] = {"iban": _within_iban, "private_key": _within_key_head}


class Breaks:
    """Where texts may be parted when these *entities* are looked for."""

    def __init__(self, entities: Collection[str]) -> None:
        self._soft = tuple(within for name, within in _SOFT.items() if name in entities)
        self._secret = "aws_key" in entities

    def last(self, text: bytes, floor: int, end: int) -> int:
        """The last place at or before *end* and behind *floor*; *floor* where there is none."""
        low = end
        width = 64
        while low > floor:
            high, low = low, max(floor, low - width)
            for match in reversed(list(_GAP.finditer(text, low, high))):
                start, stop = match.span()
                while start == low > floor and text[start - 1] in _GAP_BYTES:
                    start -= 1
                    low -= 1
                if self._is_one(text, start, stop):
                    return stop
            width *= 4
        return floor

    def next(self, text: bytes, start: int, end: int) -> int:
        """The first place at or behind *start*; *end* where there is none before it."""
        for match in _GAP.finditer(text, start, end):
            low, high = match.span()
            while low == start and low and text[low - 1] in _GAP_BYTES:
                low -= 1
                start -= 1
            if self._is_one(text, low, high):
                return high
        return end

    def _is_one(self, text: bytes, low: int, high: int) -> bool:
        """Whether the gap from *low* to *high* parts what stands around it, whatever comes behind *text*."""
        if self._secret and _behind_secret(text[max(0, high - LOOKBACK) : high]):
            return False
        if text[low:high].strip(b" "):
            # A name in quotation marks may go before the @ of an address.
            return text[high - 1] != _QUOTE or (high < len(text) and text[high] != _AT)
        if low and text[low - 1] in _ENDS_NUMBER and (high == len(text) or text[high] in _RIGHT):
            before = text[max(0, low - LOOKBACK) : low]
            if _LEFT.search(before) is not None or _ends_in_disguise(before):
                return False
        if self._soft:
            before = text[max(0, high - LOOKBACK) : high]
            return not any(within(before) for within in self._soft)
        return True


def _ends_in_disguise(before: bytes) -> bool:
    """Whether the last character reads as part of a number, or as nothing."""
    match = _LAST_CHARACTER.search(before)
    folded = fold(match.group()) if match is not None else None
    return folded is not None and _NUMBERLIKE.fullmatch(folded.text) is not None
