"""``deny``: this is refused, and whatever cannot be told apart from it."""

from __future__ import annotations

from dataclasses import dataclass, field

from vedette.model import Deny, Touch
from vedette.policy.conditions import Match
from vedette.policy.matching import Looking, Matcher
from vedette.policy.rules.opinion import Opinion
from vedette.policy.strict import Node

KEYS: tuple[str, ...] = ("message", "hint")


@dataclass(frozen=True, slots=True)
class DenyRule:
    """Refuses what matches or may match.

    An empty *message* is worded from the touch; an empty *hint* is the pack's, where one is used.
    """

    name: str
    matcher: Matcher
    message: str = ""
    hint: str = ""
    certain: Opinion = field(init=False, compare=False)
    doubtful: Opinion = field(init=False, compare=False)

    def __post_init__(self) -> None:
        verdict = Deny(self.name, self.message, self.hint)
        object.__setattr__(self, "certain", Opinion(verdict))
        object.__setattr__(self, "doubtful", Opinion(verdict, certain=False))

    def judge(self, touch: Touch, view: Looking) -> Opinion | None:
        match self.matcher.match(touch, view):
            case Match.YES:
                return self._hinted(self.certain, touch, view)
            case Match.MAYBE:
                return self._hinted(self.doubtful, touch, view)
            case Match.NO:
                return None

    def _hinted(self, opinion: Opinion, touch: Touch, view: Looking) -> Opinion:
        hint = "" if self.hint else self.matcher.instead(touch, view)
        return Opinion(Deny(self.name, self.message, hint), opinion.certain) if hint else opinion


def decode(name: str, matcher: Matcher, siblings: dict[str, Node]) -> DenyRule:
    texts = {key: siblings[key].text() for key in KEYS if key in siblings}
    return DenyRule(name, matcher, texts.get("message", ""), texts.get("hint", ""))
