"""Payment: card numbers and international bank account numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from vedette.masking.detectors.detector import Detector, Span, digit_groups, in_identifier, is_digit, is_word

# First digits (inclusive range, compared over as many digits as given) and lengths.
# Source: ISO/IEC 7812 ranges as the card schemes publish them. Thirteen-digit Visa
# numbers are long gone and would take one in ten German or Japanese EAN bar codes along.
_ISSUERS: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({16, 19})),  # Visa
    ("51", "55", frozenset({16})),  # Mastercard
    ("2221", "2720", frozenset({16})),
    ("34", "34", frozenset({15})),  # American Express
    ("37", "37", frozenset({15})),
    ("300", "305", frozenset({14})),  # Diners Club
    ("3095", "3095", frozenset({14})),
    ("36", "36", frozenset({14, 16})),
    ("38", "39", frozenset({14, 16})),
    ("3528", "3589", frozenset({16, 19})),  # JCB
    ("6011", "6011", frozenset({16, 19})),  # Discover
    ("644", "659", frozenset({16, 19})),
    ("62", "62", frozenset({16, 17, 18, 19})),  # UnionPay
    ("5018", "5038", frozenset({16, 18, 19})),  # Maestro
    ("5893", "5893", frozenset({16, 18, 19})),
    ("6304", "6304", frozenset({16, 18, 19})),
    ("6759", "6763", frozenset({16, 18, 19})),
    ("2200", "2204", frozenset({16, 19})),  # Mir
    ("9792", "9792", frozenset({16})),  # Troy
    ("508", "508", frozenset({16})),  # RuPay
    ("60", "60", frozenset({16})),
    ("81", "82", frozenset({16})),
)
_BY_FIRST = {digit: tuple(row for row in _ISSUERS if row[0][0] <= digit <= row[1][0]) for digit in "23456789"}
_SHORTEST, _LONGEST = 14, 19
_GAP = rb"[ ._/\-]{0,2}"


def luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1, annex B."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def issued(digits: str) -> bool:
    """Whether a scheme issues cards with this beginning and length."""
    return any(
        len(digits) in lengths and low <= digits[: len(low)] <= high
        for low, high, lengths in _BY_FIRST.get(digits[:1], ())
    )


def _card(text: bytes, start: int, end: int, hinted: bool) -> Iterator[Span]:
    groups = digit_groups(text, start, end)
    first = 0
    while first < len(groups):
        last = _card_from(text, groups, first)
        if last is None:
            first += 1
            continue
        yield groups[first][0], groups[last][1]
        first = last + 1


def _card_from(text: bytes, groups: list[Span], first: int) -> int | None:
    """Index of the group with which a card number beginning at group *first* ends."""
    digits = ""
    for last in range(first, len(groups)):
        low, high = groups[last]
        if len(digits) + high - low > _LONGEST:
            return None
        digits += text[low:high].decode("ascii")
        # Cheapest first: a cell may hold a hundred thousand groups of digits.
        if len(digits) < _SHORTEST or not issued(digits) or not luhn(digits):
            continue
        written = _grouped(text, groups[first : last + 1])
        if written and not _part_of_other(text, groups[first][0], high, first == last):
            return last
    return None


def _grouped(text: bytes, groups: list[Span]) -> bool:
    """Whether people would write one number in these groups: equal ones, or 4-6-5."""
    sizes = [high - low for low, high in groups]
    if len(sizes) == 1:
        return True
    gaps = {text[a[1] : b[0]] for a, b in pairwise(groups)}
    if len(gaps) > 1:
        return False
    even = len(set(sizes[:-1])) == 1 and sizes[-1] <= sizes[0]
    fours = all(size % 4 == 0 for size in sizes)
    return even or fours or sizes in ([4, 6, 5], [4, 6, 4])


def _part_of_other(text: bytes, start: int, end: int, unbroken: bool) -> bool:
    """Whether the digits are the fraction of a number, or part of a UUID or digest."""
    if unbroken and text[start - 1 : start] == b"." and is_digit(text, start - 2):
        return True
    return in_identifier(text, start, end)


# Length of an IBAN by country. Source: the SWIFT IBAN registry (ISO 13616).
IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST",
        26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
_COUNTRY = "|".join(sorted(IBAN_LENGTHS)).encode()
_IBAN = rb"(?i:" + _COUNTRY + rb")[0-9]{2}(?:[ -]{0,2}[0-9A-Za-z]){11,30}"


def mod97(compact: str) -> bool:
    """The check of ISO 7064 MOD 97-10 over an IBAN without spaces, in capitals."""
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def _iban(text: bytes, start: int, end: int, hinted: bool) -> Iterator[Span]:
    if is_word(text, start - 1):
        return
    length = IBAN_LENGTHS[text[start : start + 2].decode("ascii").upper()]
    compact = ""
    here = start
    while here < end and len(compact) < length:
        char = text[here : here + 1]
        if char not in b" -":
            compact += char.decode("ascii").upper()
        here += 1
    if len(compact) == length and not is_word(text, here) and mod97(compact):
        yield start, here


DETECTORS = (
    Detector(
        "credit_card",
        "payment",
        anchor=rb"[0-9](?:" + _GAP + rb"[0-9]){13}",
        pattern=rb"[0-9](?:" + _GAP + rb"[0-9]){13,}",
        check=_card,
        numbers=True,
    ),
    Detector(
        "iban",
        "payment",
        anchor=rb"(?i:" + _COUNTRY + rb")[0-9]{2}(?:[ -]{0,2}[0-9A-Za-z]){11}",
        pattern=_IBAN,
        check=_iban,
    ),
)
