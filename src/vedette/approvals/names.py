"""Names for holds that can be said over the telephone: ``hodil-bakum``."""

from __future__ import annotations

import secrets

_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aiou"


def sayable() -> str:
    """A random name of 32 bits: two words of five letters, consonants and vowels in turn."""
    bits = secrets.randbits(32)
    words = []
    for _ in range(2):
        word = ""
        for place in range(5):
            letters, width = (_VOWELS, 2) if place % 2 else (_CONSONANTS, 4)
            word += letters[bits & ((1 << width) - 1)]
            bits >>= width
        words.append(word)
    return "-".join(words)
