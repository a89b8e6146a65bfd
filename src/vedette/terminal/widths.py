"""How many columns of a terminal a character takes. Pure."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_NOTHING = frozenset({"Mn", "Me", "Cf", "Cc", "Zl", "Zp"})


@lru_cache(maxsize=1024)
def width(char: str) -> int:
    """0 (it joins the one before, or shows as nothing), 1 or 2, as wcwidth(3) of current systems says."""
    if char == "\u00ad":
        return 1  # a soft hyphen is a hyphen in a terminal
    if unicodedata.category(char) in _NOTHING or "\u1160" <= char <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
