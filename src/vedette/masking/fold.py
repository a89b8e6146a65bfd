"""Seeing through disguises: fullwidth digits, zero-width characters, escapes.

``fold`` gives the text that a reader would see, in ASCII where there is an
ASCII way to write it, together with a map back to the original bytes. Detectors
look at both texts, so folding can only add finds, never lose one.

What folds: compatibility forms and digits of other scripts, typographic dashes,
dots and spaces, characters without width (dropped), combining marks (dropped),
bytes that are not UTF-8 (dropped), and the escapes ``%40``, ``\\u0040`` and
``&#64;``, one level deep.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator

from vedette.masking.patterns import any_of, compile_bytes

# Blocks in which some character folds to ASCII or to nothing. Only these are
# tried, because trying all of Unicode would cost a third of a second at import.
_BLOCKS = (
    (0x00A0, 0x00BF), (0x0300, 0x036F), (0x061C, 0x061C), (0x0660, 0x0669), (0x06F0, 0x06F9),
    (0x07C0, 0x07C9), (0x0966, 0x096F), (0x09E6, 0x09EF), (0x0A66, 0x0A6F), (0x0AE6, 0x0AEF),
    (0x0B66, 0x0B6F), (0x0BE6, 0x0BEF), (0x0C66, 0x0C6F), (0x0CE6, 0x0CEF), (0x0D66, 0x0D6F),
    (0x0DE6, 0x0DEF), (0x0E50, 0x0E59), (0x0ED0, 0x0ED9), (0x0F20, 0x0F29), (0x1040, 0x1049),
    (0x1090, 0x1099), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x17E0, 0x17E9), (0x180B, 0x1819),
    (0x1946, 0x194F), (0x19D0, 0x19DA), (0x1A80, 0x1A99), (0x1AB0, 0x1ACE), (0x1B50, 0x1B59),
    (0x1BB0, 0x1BB9), (0x1C40, 0x1C59), (0x1D2C, 0x1D6A), (0x1DC0, 0x1DFF), (0x2000, 0x209C),
    (0x20D0, 0x20F0), (0x2100, 0x217F), (0x2212, 0x2212), (0x2215, 0x2215), (0x2236, 0x2236),
    (0x2460, 0x24FF), (0x2776, 0x2793), (0x2800, 0x2800), (0x2E3A, 0x2E3B), (0x3000, 0x3002),
    (0x3164, 0x3164), (0xA620, 0xA629), (0xA8D0, 0xA8D9), (0xA900, 0xA909), (0xA9D0, 0xA9D9),
    (0xA9F0, 0xA9F9), (0xAA50, 0xAA59), (0xABF0, 0xABF9), (0xFE00, 0xFE0F), (0xFE13, 0xFE13),
    (0xFE20, 0xFE33), (0xFE50, 0xFE6B), (0xFEFF, 0xFEFF), (0xFF01, 0xFF61), (0xFFA0, 0xFFA0),
    (0xFFF9, 0xFFFB), (0x104A0, 0x104A9), (0x10D30, 0x10D39), (0x11066, 0x1106F),
    (0x1D400, 0x1D7FF), (0x1E950, 0x1E959), (0x1F100, 0x1F12B), (0x1FBF0, 0x1FBF9),
    (0xE0000, 0xE007F), (0xE0100, 0xE01EF),
)  # fmt: skip

# Characters with no NFKC form in ASCII that people nevertheless read as ASCII.
_READ_AS = {0x3002: ".", 0xFF61: ".", 0x2027: ".", 0x2024: ".", 0x2E3A: "-", 0x2E3B: "-", 0x2212: "-",
            0x2215: "/", 0x2044: "/", 0x2236: ":", 0x2800: " ", 0x2022: ".", 0x00B7: "."}  # fmt: skip
_WIDTHLESS = frozenset({"Cf", "Mn", "Me"})
_FILLERS = frozenset({0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0})


def _read(char: str) -> str | None:
    """What *char* reads as in ASCII ("" where it shows nothing), None where it stays."""
    code = ord(char)
    if code in _READ_AS:
        return _READ_AS[code]
    category = unicodedata.category(char)
    if category in _WIDTHLESS or code in _FILLERS:
        return ""
    if category in {"Zs", "Zl", "Zp"}:
        return " "
    if category == "Pd":
        return "-"
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return str(digit)
    plain = unicodedata.normalize("NFKC", char)
    # U+2488 is "1." and U+2474 "(1)": all of it is what a reader sees.
    return plain if plain.isascii() and plain.isprintable() else None


def _table() -> dict[bytes, bytes]:
    table = {}
    for first, last in _BLOCKS:
        for code in range(first, last + 1):
            plain = _read(chr(code))
            if plain is not None:
                table[chr(code).encode()] = plain.encode()
    return table


_FOLDS = _table()


def _alternatives() -> bytes:
    """The keys of the table as one byte pattern, grouped by everything but the last byte."""
    by_prefix: dict[bytes, list[int]] = {}
    for raw in _FOLDS:
        by_prefix.setdefault(raw[:-1], []).append(raw[-1])
    escaped = (
        b"".join(b"\\x%02x" % byte for byte in prefix)
        + b"["
        + b"".join(b"\\x%02x" % byte for byte in sorted(lasts))
        + b"]"
        for prefix, lasts in sorted(by_prefix.items())
    )
    return b"|".join(escaped)


_ESCAPES = rb"%[2-7][0-9A-Fa-f]|\\u[0-9A-Fa-f]{4}|&#[0-9]{2,6};|&#[xX][0-9A-Fa-f]{2,5};"
_DISGUISE = compile_bytes(any_of([_alternatives(), _ESCAPES]))
_WELL_FORMED = compile_bytes(
    rb"(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}"
    rb"|\xf4[\x80-\x8f][\x80-\xbf]{2})+"
)

# Where UTF-8 is broken between two characters, seen in a run of rows. A zero byte
# belongs to the framing, never to text, so what stands beside one is left out.
_BROKEN = (
    rb"[\x01-\x7f][\x80-\xbf]|[\xc0-\xff][\x01-\x7f]|[\xe0-\xff][\x80-\xbf][\x01-\x7f]"
    rb"|[\xf0-\xff][\x80-\xbf]{2}[\x01-\x7f]|[\xc0-\xdf][\x80-\xbf]{2}|[\xe0-\xef][\x80-\xbf]{3}"
    rb"|[\xf0-\xff][\x80-\xbf]{4}|[\xc0\xc1\xf5-\xfe]|\xe0[\x80-\x9f]|\xed[\xa0-\xbf]|\xf0[\x80-\x8f]"
    rb"|\xf4[\x90-\xbf]|[\xc2-\xf4][\xc0-\xfe]|[\xe0-\xf4][\x80-\xbf][\xc0-\xfe]"
)

DISGUISES = any_of([_alternatives(), _ESCAPES, _BROKEN])
"""Pattern source: every text that folding changes has a match of it."""


class Folded:
    """A folded text and the way back from its offsets to those of the original."""

    __slots__ = ("_from", "_to", "text")

    def __init__(self, original: bytes, edits: list[tuple[int, int, bytes]]) -> None:
        pieces: list[bytes] = []
        self._from: list[int] = []  # offset in the folded text where a piece begins
        self._to: list[tuple[int, int]] = []  # its offset in the original, and 0 or the edit's length
        here, length = 0, 0
        for start, end, plain in edits:
            self._piece(length, here, 0)
            pieces.append(original[here:start])
            length += start - here
            if plain:
                self._piece(length, start, end - start)
                pieces.append(plain)
                length += len(plain)
            here = end
        self._piece(length, here, 0)
        pieces.append(original[here:])
        self.text = b"".join(pieces)

    def _piece(self, folded: int, original: int, edited: int) -> None:
        if self._from and self._from[-1] == folded:
            self._from.pop()
            self._to.pop()
        self._from.append(folded)
        self._to.append((original, edited))

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original that reads as ``text[start:end]``; *end* > *start*."""
        first = bisect_right(self._from, start) - 1
        origin, edited = self._to[first]
        low = origin if edited else origin + start - self._from[first]
        last = bisect_right(self._from, end - 1) - 1
        origin, edited = self._to[last]
        high = origin + edited if edited else origin + end - self._from[last]
        return low, high


def fold(text: bytes) -> Folded | None:
    """*text* as a reader would see it; None where that is *text* itself. Never raises."""
    if text.isascii() and b"%" not in text and b"\\u" not in text and b"&#" not in text:
        return None
    edits = sorted([*_disguises(text), *_ill_formed(text)])
    return Folded(text, edits) if edits else None


def _disguises(text: bytes) -> Iterator[tuple[int, int, bytes]]:
    for match in _DISGUISE.finditer(text):
        start, end = match.span()
        raw = match.group()
        plain = _FOLDS.get(raw)
        yield start, end, _unescape(raw) if plain is None else plain


def _unescape(raw: bytes) -> bytes:
    if raw.startswith(b"%"):
        return bytes((int(raw[1:], 16),))
    if raw.startswith(b"\\u"):
        code = int(raw[2:], 16)
    elif raw[2:3] in b"xX":
        code = int(raw[3:-1], 16)
    else:
        code = int(raw[2:-1])
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return b""
    char = chr(code)
    plain = None if char.isascii() else _read(char)
    return (char if plain is None else plain).encode()


def _ill_formed(text: bytes) -> Iterator[tuple[int, int, bytes]]:
    try:
        text.decode()
        return
    except UnicodeDecodeError:
        pass  # the gaps between the well-formed stretches are what is wrong
    here = 0
    for match in _WELL_FORMED.finditer(text):
        start, end = match.span()
        if start > here:
            yield here, start, b""
        here = end
    if here < len(text):
        yield here, len(text), b""
