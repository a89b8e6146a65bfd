"""How much text may be parsed at all.

The parser recurses over operator chains (``1+1+1…``) without checking its stack: about 130
bytes a level, so that 65,000 levels end an 8 MiB stack and the process with it (tried). Its
grammar stops every other nesting at 10,000. A chain needs two characters a level, so text
below SMALL cannot get there; above it, what stands inside literals is put aside and the
rest is counted. And its lexer, as the server's, takes quadratic time over runs of ``/*/*/*``
(40 KB: three seconds).
"""

from __future__ import annotations

import re

MAX_TEXT = 16 << 20
"""Characters of a text, literals included."""
MAX_CODE = 256 << 10
"""Characters of a text outside literals, comments included: a tree of some 100 MB at worst."""
MAX_CHAIN = 30_000
"""Operators and other words that nest to the left."""
SMALL = 48 << 10

_OPERATORS = re.compile(r"[-+*/<>=~!@#%^&|`?]{512,}")
_MANY_COMMENTS = 32

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
_ESCAPED = re.compile(r"'(?:[^'\\]++|\\.|'')*+'", re.DOTALL)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_CHAIN = re.compile(
    r"[-+*/<>=~!@#%^&|`?:]+|\b(?:is|isnull|notnull|collate|at|like|ilike|similar|between|in|overlaps"
    r"|operator|and|or|join|union|except|intersect)\b",
    re.IGNORECASE,
)


def too_much(text: str) -> str:
    """Why *text* must not be parsed, or empty."""
    if "/*" in text and any(run[0].count("/*") > _MANY_COMMENTS for run in _OPERATORS.finditer(text)):
        return "comments within comments, too many to be read"
    if len(text) <= SMALL:
        return ""
    if len(text) > MAX_TEXT:
        return f"more than {MAX_TEXT} characters of text"
    code = bare(text)
    if code is None:
        return "a literal or a comment that does not end"
    if len(code) > MAX_CODE:
        return f"more than {MAX_CODE} characters of SQL outside literals"
    if len(code) > SMALL and len(_CHAIN.findall(code)) > MAX_CHAIN:
        return "more operators than can safely be read"
    return ""


def bare(text: str) -> str | None:
    """*text* with its literals put aside, cut off once past MAX_CODE; None if one does not end.

    Follows PostgreSQL's lexer with standard_conforming_strings on (manual, "Lexical Structure").
    """
    out: list[str] = []
    size = position = 0
    while position < len(text) and size <= MAX_CODE:
        end, kept = _piece(text, position)
        if end < 0:
            return None
        out.append(kept)
        size += len(kept)
        position = end
    return "".join(out)


def _piece(text: str, position: int) -> tuple[int, str]:
    """Where the next piece ends (-1: nowhere) and what of it counts."""
    piece = _PIECE.match(text, position)
    if piece is None:
        raise AssertionError("the last alternative takes any character")
    kind, end = piece.lastgroup, piece.end()
    if kind == "word" and piece[0] in ("e", "E") and text[end : end + 1] == "'":
        escaped = _ESCAPED.match(text, end)
        return (-1, "") if escaped is None else (escaped.end(), "''")
    if kind in ("string", "name"):
        return end, "''"
    if kind == "block":
        end = _comment_end(text, end)
        return end, text[position:end]
    if kind == "dollar":
        close = text.find(piece[0], end)
        return (-1, "") if close < 0 else (close + len(piece[0]), "''")
    if kind == "other" and piece[0] in ("'", '"'):
        return -1, ""
    return end, piece[0]


def _comment_end(text: str, position: int) -> int:
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, position):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return -1
