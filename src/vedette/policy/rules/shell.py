"""``shell``: interactive shells may be opened, recorded only or guarded as well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from vedette.model import SHELL_OBJECT, Effect, Shell
from vedette.policy.globs import Globs
from vedette.policy.matching import Matcher
from vedette.policy.rules.allow import AllowRule
from vedette.policy.strict import Node

KEYS: tuple[str, ...] = ()
WAYS = ("record", "guarded")
_OPENING = Matcher(frozenset({Effect.EXECUTE}), Globs((SHELL_OBJECT,)))


@dataclass(frozen=True, slots=True)
class Shelling:
    """
    Permits opening a shell, and nothing else. *lent*: it binds whom the caller acts for, so that it
    permits nothing here, and a guard still guards.
    """

    name: str
    shell: Shell
    lent: bool = False
    allow: AllowRule = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "allow", AllowRule(self.name, _OPENING))


def decode(name: str, node: Node) -> Shelling:
    if not isinstance(node.value, str):
        node.problem("shell: one of record, guarded is needed here", "write shell: record, or shell: guarded")
        return Shelling(name, Shell(name, guarded=True))
    return Shelling(name, Shell(name, guarded=node.choice(WAYS, what="kind of shell") != "record"))


def strictest(rules: Iterable[Shelling]) -> Shell | None:
    """What holds where all of *rules* do: None where none of them permits; a guard before none."""
    many = tuple(rules)
    if all(rule.lent for rule in many):
        return None
    guards = [rule.shell for rule in many if rule.shell.guarded]
    return guards[0] if guards else next(rule.shell for rule in many if not rule.lent)
