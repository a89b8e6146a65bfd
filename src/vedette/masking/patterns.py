"""Patterns that run in linear time over bytes an attacker may have chosen.

Every pattern here goes through RE2 (google-re2), byte by byte, so no cell can
make a search take long and no encoding error can stop one. Python's own ``re``
is used in this package only for a single character class with one repeat.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol, cast

import re2  # type: ignore[import-untyped]


class Match(Protocol):
    def span(self, group: int = 0, /) -> tuple[int, int]: ...

    def group(self, group: int = 0, /) -> bytes: ...


class Pattern(Protocol):
    """What we use of a compiled RE2 pattern; offsets are byte offsets."""

    def search(self, text: bytes, pos: int = ..., endpos: int = ..., /) -> Match | None: ...

    def fullmatch(self, text: bytes, /) -> Match | None: ...

    def finditer(self, text: bytes, pos: int = ..., endpos: int = ..., /) -> Iterator[Match]: ...


_DFA_BYTES = 64 << 20


def _options() -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = _DFA_BYTES
    return options


@lru_cache(maxsize=512)
def compile_bytes(source: bytes) -> Pattern:
    """*source* compiled so that one byte is one character, whatever it encodes.

    Raises:
        ValueError: RE2 does not accept *source*.
    """
    try:
        return cast(Pattern, re2.compile(source, _options()))
    except re2.error as error:
        raise ValueError(f"not a pattern: {source!r}: {error}") from None


class Which:
    """Tells in one pass over a text which of several patterns match somewhere in it."""

    __slots__ = ("_set",)

    def __init__(self, sources: tuple[bytes, ...]) -> None:
        """
        Raises:
            ValueError: RE2 does not accept a source, or all of them together.
        """
        self._set = re2.Set.SearchSet(_options())
        try:
            for source in sources:
                self._set.Add(source)
            self._set.Add(_PROBE)
            self._set.Compile()
        except re2.error as error:
            raise ValueError(f"not a set of patterns: {error}") from None
        # A set too large for its memory says that nothing matches, which must never pass for an answer.
        if self.of(_PROBE) != [len(sources)]:
            raise ValueError("a set of patterns too large to search with")

    def of(self, text: bytes) -> list[int]:
        """Indexes of the sources that match in *text*, in ascending order."""
        return sorted(self._set.Match(text) or ())


_PROBE = b"\x00vedette\x00"


@lru_cache(maxsize=256)
def which_of(sources: tuple[bytes, ...]) -> Which:
    """The set for *sources*, made once."""
    return Which(sources)


def any_of(sources: list[bytes]) -> bytes:
    """One pattern that matches wherever any of *sources* does."""
    return b"|".join(b"(?:" + source + b")" for source in dict.fromkeys(sources))
