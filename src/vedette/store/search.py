"""Searching the index of actions by words: SQLite's FTS5, or PostgreSQL's own full-text search.

A search is made of words, never of a query language of the database's: whatever somebody types
means itself. Source: the SQLite manual, "FTS5 Extension"; PostgreSQL's, "Full Text Search".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Columns that free words are looked for in; the others only by name.
FREE = ("text", "objects", "principal", "resource", "rule")
#: What is found by words, in the order of the FTS5 table.
COLUMNS = (*FREE, "effects", "verdict", "protocol", "code")
#: PostgreSQL looks into one document made of these; the expression of its index, to the letter.
DOCUMENT = (
    "to_tsvector('simple', text || ' ' || objects || ' ' || principal || ' ' || resource || ' ' || rule)"
)
MAX_WORDS = 20

_PIECE = re.compile(r'"([^"]*)"|(\S+)')
# What FTS5's unicode61 takes for part of a word, near enough: a piece without any has nothing to look for.
_WORD = re.compile(r"[^\W_]")


@dataclass(frozen=True, slots=True)
class Words:
    """*pieces* must all occur, each as it stands (punctuation aside); *prefix*: as a word's beginning."""

    pieces: tuple[tuple[str, bool], ...]

    @classmethod
    def read(cls, text: str) -> Words:
        """
        Words by spaces; ``"..."`` holds some together, ``*`` at the end takes a beginning for the word.

        Raises ValueError where nothing in *text* can be looked for, or it is too much.
        """
        found: list[tuple[str, bool]] = []
        for quoted, plain in _PIECE.findall(text.replace("\0", " ")):
            piece, prefix = (plain[:-1], True) if plain.endswith("*") else (quoted or plain, False)
            piece = piece.replace('"', " ").strip()
            if _WORD.search(piece):
                found.append((piece, prefix))
        if not found:
            raise ValueError("there is no word in this to look for")
        if len(found) > MAX_WORDS:
            raise ValueError(f"look for at most {MAX_WORDS} words")
        return cls(tuple(found))

    def fts(self) -> str:
        """As an FTS5 query over the free columns: strings only, so that nothing in it is an operator."""
        columns = " ".join(FREE)
        return " AND ".join(
            f'{{{columns}}} : "{piece}"{" *" if prefix else ""}' for piece, prefix in self.pieces
        )


def exactly(column: str, value: str) -> str | None:
    """An FTS5 query for rows that may have *value* in *column*; None where it has no word to find it by."""
    plain = value.replace("\0", " ").replace('"', " ")
    return f'{{{column}}} : "{plain}"' if _WORD.search(plain) else None
