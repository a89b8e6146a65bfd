"""The kinds of rule: one module each, one line each here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vedette.policy.matching import Matcher
from vedette.policy.rules import allow, deny, hold, limit, mask, record, session, shell
from vedette.policy.strict import Node

Judging = allow.AllowRule | hold.HoldRule | deny.DenyRule
Rule = Judging | mask.Masking | limit.Limiting | session.Lasting | shell.Shelling | record.Recording


@dataclass(frozen=True, slots=True)
class Judges:
    """A kind that judges touches: it has matchers inside, and *keys* of its own beside it."""

    keys: tuple[str, ...]
    decode: Callable[[str, Matcher, dict[str, Node]], Judging]


@dataclass(frozen=True, slots=True)
class Obliges:
    """A kind that adds an obligation to what passes, or to the session: all *keys* stand inside it."""

    keys: tuple[str, ...]
    decode: Callable[[str, Node], Rule]


JUDGING = {
    "allow": Judges(allow.KEYS, allow.decode),
    "deny": Judges(deny.KEYS, deny.decode),
    "hold": Judges(hold.KEYS, hold.decode),
}
OBLIGING = {
    "mask": Obliges(mask.KEYS, mask.decode),
    "limit": Obliges(limit.KEYS, limit.decode),
    "session": Obliges(session.KEYS, session.decode),
    "shell": Obliges(shell.KEYS, shell.decode),
    "record": Obliges(record.KEYS, record.decode),
}
KINDS = (*JUDGING, *OBLIGING)
