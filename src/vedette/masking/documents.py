"""Hiding values inside JSON without ceasing to be JSON.

The document is not parsed into objects and written again: that would lose
repeated members, the spelling of numbers and the order. Its strings and numbers
are replaced where they stand.
"""

from __future__ import annotations

import json
import re

from vedette.masking.patterns import compile_bytes
from vedette.masking.scan import Scanner
from vedette.masking.tally import Tally

# Source: RFC 8259 sections 6 and 7. Strings first, so that no number is seen inside one.
_TOKEN = compile_bytes(rb'"(?:[^"\\]|\\[\x00-\xff])*"|[-+.0-9Ee]*[0-9][-+.0-9Ee]*')
_BETWEEN = compile_bytes(rb"(?:[\s{}\[\],:]|true|false|null)*")
_COLON = re.compile(rb"\s*:")
_REDACTED = b'"[redacted]"'


def hide_in_json(text: bytes, scanner: Scanner, tally: Tally) -> bytes | None:
    """
    *text* with finds replaced inside its strings, and numbers that are finds replaced by strings.

    *text* itself where there is none. What turns out not to be JSON is hidden as
    plain text. A find that is to be null becomes ``null`` (``"[redacted]"`` as a key).
    """
    pieces: list[bytes] = []
    changed = False
    here = 0
    key = b""
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        between = text[here:start]
        if _BETWEEN.fullmatch(between) is None:
            return scanner.hide(text, tally)
        if b"," in between or b"{" in between or b"}" in between:
            key = b""
        token = text[start:end]
        is_key = token[:1] == b'"' and _COLON.match(text, end) is not None
        new = _token(token, scanner, tally, key, is_key)
        if is_key:
            key = token.strip(b'"') + b": "
        changed = changed or new is not token
        pieces += (between, new)
        here = end
    if _BETWEEN.fullmatch(text[here:]) is None:
        return scanner.hide(text, tally)
    if not changed:
        return text
    pieces.append(text[here:])
    return b"".join(pieces)


def _token(token: bytes, scanner: Scanner, tally: Tally, key: bytes, is_key: bool) -> bytes:
    if token[:1] != b'"':
        hidden = scanner.hide(token, tally, key)
        return token if hidden == token else (_quoted(hidden) if hidden is not None else b"null")
    plain = _unquoted(token)
    hidden = scanner.hide(plain, tally, key)
    if hidden == plain:
        return token
    if hidden is None:
        return _REDACTED if is_key else b"null"
    return _quoted(hidden)


def _unquoted(token: bytes) -> bytes:
    if b"\\" not in token:
        return token[1:-1]
    try:
        text = json.loads(token.decode("utf-8", "surrogateescape"), strict=False)
    except ValueError:
        return token[1:-1]  # an escape JSON does not know: read as it stands
    # A lone surrogate becomes bytes that are not UTF-8, which folding drops.
    return str(text).encode("utf-8", "surrogatepass")


def _quoted(plain: bytes) -> bytes:
    return json.dumps(plain.decode("utf-8", "replace"), ensure_ascii=False).encode()
