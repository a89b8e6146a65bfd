"""The text of what PREPARE prepares: it is needed again when the name is executed."""

from __future__ import annotations

import re

from vedette.sql.parse import Node

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n\r]*) | (?P<block>/\*) | (?P<name>"(?:[^"]|"")*")
    | (?P<open>[(\[]) | (?P<close>[)\]])
    | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$]*) | (?P<string>'[^']*') | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def body_of(text: str, statement: Node) -> str:
    """What stands after AS in ``PREPARE name (types) AS body``; empty where it cannot be found.

    The grammar gives no place for the body, so the head is stepped over: a name, perhaps types
    in brackets, then AS.
    """
    raw = text.encode()
    start = statement.get("stmt_location", 0)
    length = statement.get("stmt_len", 0) or len(raw) - start
    own = raw[start : start + length].decode()
    position = depth = words = 0
    while position < len(own):
        match = _TOKEN.match(own, position)
        if match is None:
            return ""
        position = match.end()
        if match.lastgroup == "block":
            position = _after_comment(own, position)
        elif match.lastgroup == "open":
            depth += 1
        elif match.lastgroup == "close":
            depth -= 1
        elif match.lastgroup == "word" and depth == 0:
            words += 1
            if words > 1 and match["word"].casefold() == "as" and _named(own, match.start()):
                return own[position:].strip()
    return ""


def _named(own: str, end: int) -> bool:
    """Whether a name stands between PREPARE and the AS at *end*: ``PREPARE as AS …`` has two."""
    head = [m for m in _TOKEN.finditer(own, 0, end) if m.lastgroup in ("word", "name")]
    return len(head) >= 2


def _after_comment(own: str, position: int) -> int:
    depth = 1
    for edge in _COMMENT_EDGE.finditer(own, position):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(own)
