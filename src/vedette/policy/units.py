"""Durations and sizes as people write them: ``15m``, ``1h30m``, ``50MB``, ``1GiB``."""

from __future__ import annotations

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {
    "": 1,
    "B": 1,
    "kB": 1000,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
}
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:ms|s|m|h|d))+", re.ASCII)
_PART = re.compile(r"([0-9]+)(ms|s|m|h|d)", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,15})\s?([kKMGT]?i?B|)", re.ASCII)


def duration(text: str) -> float | None:
    """Seconds, or None where *text* is no duration. A bare number is none: it does not say of what."""
    if not _DURATION.fullmatch(text):
        return None
    parts = _PART.findall(text)
    units = [unit for _, unit in parts]
    if len(set(units)) != len(units):
        return None
    return sum(int(count) * _SECONDS[unit] for count, unit in parts)


def size(text: str) -> int | None:
    """Bytes, or None where *text* is no size. ``MB`` is a million, ``MiB`` 2**20."""
    match = _SIZE.fullmatch(text)
    if match is None or match[2] not in _BYTES:
        return None
    return int(match[1]) * _BYTES[match[2]]


def spoken(seconds: float) -> str:
    """*seconds* as people write them: ``90`` is ``1m30s``."""
    left = round(seconds * 1000)
    words = []
    for unit, each in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, each)
        if count:
            words.append(f"{count}{unit}")
    return "".join(words) or "0s"
