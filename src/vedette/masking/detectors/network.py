"""Network addresses, version 4 and 6."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address

from vedette.masking.detectors.detector import Detector, Span, digit_groups, is_digit, is_word, near

_V4 = rb"[0-9]+(?:\.[0-9]+){3,}"
_V6 = rb"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:[0-9A-Fa-f:]*(?:(?:\.[0-9]{1,3}){3})?"
# "version 1.2.3.4" is a build, not a machine.
_VERSION = rb"(?i)(?:version|release|build|firmware|\bv|oid)[ :=.\"]{0,3}$"


def _address(text: bytes, start: int, end: int, hinted: bool) -> Iterator[Span]:
    if is_word(text, start - 1) or is_word(text, end):
        return
    if b":" in text[start:end]:
        yield from _v6(text, start, end)
    elif _v4(text, start, end) and not near(text, start, _VERSION):
        yield start, end


def _v4(text: bytes, start: int, end: int) -> bool:
    parts = digit_groups(text, start, end)
    if len(parts) != 4 or (text[start - 1 : start] == b"." and is_digit(text, start - 2)):
        return False
    return all(b - a <= 3 and int(text[a:b]) <= 255 and (b - a == 1 or text[a] != 0x30) for a, b in parts)


def _v6(text: bytes, start: int, end: int) -> Iterator[Span]:
    """Needs four hexadecimal digits at least: ``::1`` and ``a::b`` are notation more often than machines."""
    low, high = start, end
    if text[low] == 0x3A and text[low : low + 2] != b"::":
        low += 1
    if text[high - 1] == 0x3A and text[high - 2 : high] != b"::":
        high -= 1
    if high - low > 45 or sum(text[at : at + 1].isalnum() for at in range(low, high)) < 4:
        return
    try:
        IPv6Address(text[low:high].decode("ascii"))
    except AddressValueError:
        return  # not an address after all: a time, a MAC address, a C++ name
    yield low, high


DETECTORS = (
    Detector(
        "ip_address",
        "network",
        anchor=rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]|::[0-9A-Fa-f]|[0-9A-Fa-f]::",
        pattern=_V4 + rb"|" + _V6,
        check=_address,
    ),
)
