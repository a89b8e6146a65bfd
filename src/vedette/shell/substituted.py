"""What a command writes, where that is plain to see: a number, a name, the folder."""

from __future__ import annotations

import re

from vedette.shell.scope import ANY, PLAIN, Scope
from vedette.shell.tree import Lit, Sequence, Simple

_FORMAT = re.compile(
    r"\+(?:%[YmdHMSFTsjuUVyN]|[0-9A-Za-z_.:])(?:%[YmdHMSFTsjuUVyN]|[0-9A-Za-z_.:-])*\Z", re.ASCII
)


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
        case ["pwd"]:
            return scope.here()
        case ["nproc"] | ["id", "-u"] | ["id", "-g"] | ["date", "-I"]:
            return PLAIN
        case ["date", str(form)] | ["date", "-u", str(form)] if _FORMAT.match(form):
            return PLAIN
        case ["mktemp"] | ["mktemp", "-d"]:
            return f"/tmp/tmp.{PLAIN}"  # noqa: S108 - where mktemp(1) makes them
    return ANY


def _text(word: tuple[object, ...]) -> str | None:
    if any(not isinstance(part, Lit) for part in word):
        return None
    return "".join(part.text for part in word if isinstance(part, Lit))
