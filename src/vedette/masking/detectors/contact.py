"""How to reach a person: e-mail addresses and telephone numbers."""

from __future__ import annotations

from collections.abc import Iterator

from vedette.masking.detectors.detector import (
    Detector,
    Span,
    digit_groups,
    in_identifier,
    is_digit,
    is_word,
    near,
)
from vedette.masking.patterns import compile_bytes

# Source: RFC 5321 section 4.1.2 and RFC 6531 (every byte over 0x7f belongs), less the
# punctuation that nearly always belongs to what is around an address: "?to=a@b.example".
_ATEXT = rb"[0-9A-Za-z+_'~.\x80-\xff-]"
_LABEL = rb"[0-9A-Za-z\x80-\xff](?:[0-9A-Za-z\x80-\xff_-]*[0-9A-Za-z\x80-\xff])?"
_EMAIL = (
    rb"(?:" + _ATEXT + rb'+|"[^"\x00-\x1f]{1,64}")@(?:' + _LABEL + rb"\.)+"
    rb"(?:[Xx][Nn]--[0-9A-Za-z-]+|[A-Za-z\x80-\xff]{2,})"
    rb"|" + _ATEXT + rb"+@\[(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[Ii][Pp][Vv]6:[0-9A-Fa-f:.]+)\]"
)
# "logo@2x.png" is a picture, not a mailbox; none of these is a top-level domain.
_FILE = frozenset({b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js", b"mjs", b"json", b"tgz"})


def _email(text: bytes, start: int, end: int, hinted: bool) -> Iterator[Span]:
    if text[start:end].rpartition(b".")[2].lower() not in _FILE:
        yield start, end


# Source: ITU-T E.164 (at most 15 digits) and the North American Numbering Plan
# (area code and exchange begin with 2 to 9).
_PHONE = rb"\+?[(]?[0-9][0-9 ()./\-]{5,24}[0-9]"
_NANP = compile_bytes(rb"(?:\+?1[ .-]?)?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}")
_DATE = compile_bytes(rb"(?:[0-9]{1,2}[./-]){2}[0-9]{4}|[0-9]{4}(?:[./-][0-9]{1,2}){2}")
_PHONE_WORDS = (
    rb"(?i)(?:^|[^\[A-Za-z])(?:phone|tel|telephone|mobile|cell|fax|handy|whatsapp|sms)(?:$|[^A-Za-z])"
)


def _phone(text: bytes, start: int, end: int, hinted: bool) -> Iterator[Span]:
    """The numbers in a stretch of digits and separators: between dates, and between each other."""
    date = _DATE.search(text[start:end])
    if date is not None and text[start : start + 1] != b"+":
        low, high = date.span()
        yield from _between(text, start, start + low, hinted)
        yield from _between(text, start + high, end, hinted)
        return
    here = start
    for national in _NANP.finditer(text[start:end]):
        first, last = start + national.span()[0], start + national.span()[1]
        if not _joined(text, first, -1) and not _joined(text, last, 1):
            yield first, last
            here = last
    if here == start:
        yield from _one_number(text, start, end, hinted)


def _between(text: bytes, start: int, end: int, hinted: bool) -> Iterator[Span]:
    match = compile_bytes(_PHONE).search(text[start:end])
    if match is not None:
        low, high = match.span()
        yield from _phone(text, start + low, start + high, hinted)


_ONE_TO_NINE = frozenset(b"%d" % digit for digit in range(1, 10))


def _one_number(text: bytes, start: int, end: int, hinted: bool) -> Iterator[Span]:
    if is_digit(text, start - 1) or is_digit(text, end) or in_identifier(text, start, end):
        return
    digits = sum(b - a for a, b in digit_groups(text, start, end))
    body = text[start:end]
    if body.startswith((b"+", b"00")):
        lead = body.lstrip(b"(+")
        spoken = body[:1] == b"+" or not body.isdigit() or hinted or near(text, start, _PHONE_WORDS)
        # Behind "00" the country code follows at once: "00.590919" is the end of a time.
        plausible = lead[:1] != b"0" if body[:1] == b"+" else body[2:3] in _ONE_TO_NINE and digits >= 10
        if 8 <= digits <= 17 and plausible and spoken:
            yield from _unless_in_word(text, start, end)
    elif _trunk(body, digits):
        yield from _unless_in_word(text, start, end)
    elif 7 <= digits <= 15 and not is_word(text, start - 1) and (hinted or near(text, start, _PHONE_WORDS)):
        yield start, end


def _unless_in_word(text: bytes, start: int, end: int) -> Iterator[Span]:
    if not is_word(text, start - 1) and not text[end : end + 1].isalpha():
        yield start, end


def _joined(text: bytes, at: int, step: int) -> bool:
    """Whether digits go on beyond a number's edge, directly or over one dash or dot."""
    beside = at - 1 if step < 0 else at
    if is_word(text, beside):
        return True
    return text[beside : beside + 1] in (b"-", b".") and beside >= 0 and is_digit(text, beside + step)


def _trunk(body: bytes, digits: int) -> bool:
    """National numbers behind a trunk 0: ``030 1234567``, ``0171-2345678``, ``06 12 34 56 78``."""
    if not body.startswith((b"0", b"(0")) or not 9 <= digits <= 12:
        return False
    groups = digit_groups(body, 0, len(body))
    sizes = [high - low for low, high in groups]
    # "038-3582-24" is an article number: a short last group comes only with short ones before it.
    tail = sizes[-1] > 2 or set(sizes[1:]) == {2}
    return len(groups) > 1 and 2 <= sizes[0] <= 5 and min(sizes) >= 2 and tail and b"." not in body[:3]


DETECTORS = (
    Detector(
        "email",
        "personal",
        anchor=rb"[!-~\x80-\xff]@[0-9A-Za-z\x80-\xff\[]",
        pattern=_EMAIL,
        check=_email,
    ),
    Detector(
        "phone",
        "personal",
        anchor=rb"\+ ?[(]?[1-9]|00[1-9][0-9 ()./-]{5}|[2-9][0-9]{2}[) .-]{1,2}[2-9][0-9]{2}[ .-][0-9]{4}"
        rb"|0[0-9]{1,4}(?:[ /.)]{1,2}[0-9]{2}|-[0-9]{3})[0-9 ./-]{4}"
        rb"|(?i:phone|tel|telephone|mobile|cell|fax|handy|whatsapp|sms)[^A-Za-z]",
        pattern=_PHONE,
        check=_phone,
        words=rb"(?i)phone|mobile|telef|whatsapp|fax|(?:^|_)(?:tel|cell|handy|sms)(?:$|_|n)",
        hinted=rb"[0-9][0-9 ()./-]{5}",
        numbers=True,
    ),
)
