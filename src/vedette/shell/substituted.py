"""What a command writes, where that is plain to see: a number, a name, the folder."""

from __future__ import annotations

import re

from vedette.shell.scope import ANY, HOME, PLAIN, Scope
from vedette.shell.tree import Assignment, Lit, Sequence, Simple, Word

_FORMAT = re.compile(
    r"\+(?:%[YmdHMSFTsjuUVyN]|[0-9A-Za-z_.:])(?:%[YmdHMSFTsjuUVyN]|[0-9A-Za-z_.:-])*\Z", re.ASCII
)
# Quoted, only a backslash means something to echo; bare, no pattern, brace or assignment may be among it.
_QUOTED = re.compile(r"[^\\]*\Z")
_BARE = re.compile(r"[A-Za-z0-9_./:,@%+-]*\Z", re.ASCII)
_HOME = re.compile(r"~([A-Za-z_][A-Za-z0-9_-]*)?(?=/|\Z)", re.ASCII)


def value_of(body: Sequence, scope: Scope) -> str:
    """The value of ``$(body)``: known, PLAIN, or anything."""
    match body:
        case Sequence(commands=(Simple(assignments=(), words=words),)):
            texts = [_text(word) for word in words if isinstance(word, tuple)]
        case _:
            return ANY
    if len(texts) != len(words) or None in texts or not texts or texts[0] in scope.functions or scope.strange:
        return ANY
    match texts:
        case ["echo", *_]:
            return _echoed(words[1:], scope)
        case ["pwd"]:
            return scope.here()
        case ["nproc"] | ["id", "-u"] | ["id", "-g"] | ["date", "-I"]:
            return PLAIN
        case ["date", str(form)] | ["date", "-u", str(form)] if _FORMAT.match(form):
            return PLAIN
        case ["mktemp"] | ["mktemp", "-d"]:
            return f"/tmp/tmp.{PLAIN}"  # noqa: S108 - where mktemp(1) makes them
    return ANY


def _echoed(words: tuple[Word | Assignment, ...], scope: Scope) -> str:
    """What echo writes, where every shell's writes the same."""
    found = [_spelled(word, scope) for word in words if not isinstance(word, Assignment)]
    if any(text is None for text in found) or (found and str(found[0]).startswith("-")):
        return ANY  # what looks like an option is one in some shells
    return " ".join(map(str, found)).rstrip("\n")


def _spelled(word: Word, scope: Scope) -> str | None:
    text = ""
    for place, part in enumerate(word):
        if not isinstance(part, Lit):
            return None
        more = part.text
        if not part.quoted and not place and (home := _HOME.match(more)):
            if not home[1] and "HOME" in scope.values:
                return None
            text, more = HOME + (home[1] or ""), more[home.end() :]
            if not more and len(word) > 1:
                return None
        if not (_QUOTED if part.quoted else _BARE).match(more):
            return None
        text += more
    return text


def _text(word: Word) -> str | None:
    if any(not isinstance(part, Lit) for part in word):
        return None
    return "".join(part.text for part in word if isinstance(part, Lit))
