"""How much text may be parsed at all.

The parser recurses over operator chains (``1+1+1…``) without checking its stack: about 130
bytes a level, so that 65,000 levels end an 8 MiB stack and the process with it (tried). Its
grammar stops every other nesting at 10,000. A chain needs two characters a level, so text
below SMALL cannot get there; above it, what stands inside literals is put aside and the
rest is counted.
"""

from __future__ import annotations

import re

MAX_TEXT = 16 << 20
"""Characters of a text, literals included."""
MAX_CODE = 256 << 10
"""Characters of a text outside literals and comments: a tree of some 100 MB at worst."""
MAX_CHAIN = 30_000
"""Operators and other words that nest to the left."""
SMALL = 48 << 10

_PIECE = re.compile(
    r"""
      (?P<word>[A-Za-z_\x80-\U0010ffff][\w$]*)
    | (?P<string>'[^']*')
    | (?P<name>"[^"]*")
    | (?P<line>--[^\n\r]*)
    | (?P<block>/\*)
    | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?\$)
    | (?P<other>[^A-Za-z_\x80-\U0010ffff'"\-/$]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_CHAIN = re.compile(
    r"[-+*/<>=~!@#%^&|`?:]+|\b(?:is|isnull|notnull|collate|at|like|ilike|similar|between|in|overlaps"
    r"|operator|and|or|join|union|except|intersect)\b",
    re.IGNORECASE,
)


def too_much(text: str) -> str:
    """Why *text* must not be parsed, or empty."""
    if len(text) <= SMALL:
        return ""
    if len(text) > MAX_TEXT:
        return f"more than {MAX_TEXT} characters of text"
    code = bare(text)
    if len(code) > MAX_CODE:
        return f"more than {MAX_CODE} characters of SQL outside literals"
    if len(code) > SMALL and len(_CHAIN.findall(code)) > MAX_CHAIN:
        return "more operators than can safely be read"
    return ""


def bare(text: str) -> str:
    """*text* with its literals and comments put aside, cut off once past MAX_CODE.

    Follows PostgreSQL's lexer with standard_conforming_strings on (manual, "Lexical
    Structure"). What does not end as it should stays in.
    """
    out: list[str] = []
    size = position = 0
    match = _PIECE.match
    while position < len(text) and size <= MAX_CODE:
        piece = match(text, position)
        if piece is None:
            raise AssertionError("the last alternative takes any character")
        kind, end = piece.lastgroup, piece.end()
        if kind == "word" and text[position:end] in ("e", "E") and text[end : end + 1] == "'":
            escaped = _ESCAPED.match(text, end)
            kept, end = ("''", escaped.end()) if escaped else (piece[0], end)
        elif kind in ("string", "name", "line"):
            kept = "''"
        elif kind == "block":
            kept, end = " ", _comment_end(text, end)
        elif kind == "dollar":
            close = text.find(piece[0], end)
            kept, end = ("''", close + len(piece[0])) if close >= 0 else (piece[0], end)
        else:
            kept = piece[0]
        out.append(kept)
        size += len(kept)
        position = end
    return "".join(out)


def _comment_end(text: str, position: int) -> int:
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, position):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)
