"""``allow``: this may pass, as far as this rule is concerned."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from vedette.model import Allow, Effect, Touch
from vedette.policy.conditions import Match
from vedette.policy.matching import Looking, Matcher
from vedette.policy.rules.opinion import Opinion
from vedette.policy.strict import Node

KEYS: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AllowRule:
    """Permits what matches for certain, and abstains from everything else."""

    name: str
    matcher: Matcher
    opinion: Opinion = field(init=False, compare=False)
    objectless: Matcher = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "opinion", Opinion(Allow(self.name)))
        object.__setattr__(self, "objectless", replace(self.matcher, objects=None))

    def judge(self, touch: Touch, view: Looking) -> Opinion | None:
        # SELECT 1 and BEGIN read no object at all: whoever may read some object may read none.
        nothing = touch.effect is Effect.READ and not touch.object
        matcher = self.objectless if nothing else self.matcher
        return self.opinion if matcher.match(touch, view) is Match.YES else None


def decode(name: str, matcher: Matcher, siblings: dict[str, Node]) -> AllowRule:
    return AllowRule(name, matcher)
