"""The shape of a text: the same statement with its plain literals put aside.

Two texts of one shape differ in plain number and string literals only. One cheap scan; what
is lexically tricky has no shape and is read in full. It errs towards None, and towards
leaving a number in place, which only makes shapes finer.

Why a string that is replaced is one: comments, dollar quotes, backslashes and quoted names
that hold anything but a word are refused, so the first ``'`` opens a literal; a literal that
is glued to what stands before it (E'', U&'') or continued by another is not replaced, and any
``'`` left over refuses the whole text.
"""

from __future__ import annotations

import re

MAX_CHARACTERS = 4096

_CONTROL = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TRICKY = ("\\", "$", "--", "/*", "&'", '&"')
_PLAIN_NAME = re.compile(r'"[A-Za-z_]\w*"')
# Each starts with a plain character, which lets the search skip ahead; what stood before it is
# looked at afterwards.
_STRING = re.compile(r"""'(?<![\w'"]')[^']*(?:''[^']*)*'(?!\s*'|[\w"])""")
_NUMBER = re.compile(r"""[0-9](?<![\w.'"][0-9])[0-9]*(?:\.[0-9]+)?(?![\w.'"])""")


def shape(text: str) -> str | None:
    """*text* with strings as ``\\x01`` and numbers as ``\\x02``, or None where that is not safe."""
    if len(text) > MAX_CHARACTERS or not text.isascii():
        return None
    for tricky in _TRICKY:
        if tricky in text:
            return None
    if not text.isprintable() and _CONTROL.search(text) is not None:
        return None
    if '"' in text and '"' in _PLAIN_NAME.sub("", text):
        return None
    if "'" in text:
        text = _STRING.sub("\x01", text)
        if "'" in text:
            return None
    return _NUMBER.sub("\x02", text)
