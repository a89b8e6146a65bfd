"""``hold``: people must approve this first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from vedette.model import Hold, Touch
from vedette.policy.conditions import Match
from vedette.policy.matching import Looking, Matcher
from vedette.policy.rules.opinion import Opinion
from vedette.policy.strict import Node

KEYS: tuple[str, ...] = ("approvers", "within", "mode", "uses", "locks", "message")

PATIENCE_SECONDS = 15 * 60.0
MAX_PATIENCE_SECONDS = 7 * 86400.0
MAX_APPROVERS = 10
MAX_USES = 1000


@dataclass(frozen=True, slots=True)
class HoldRule:
    """Holds what matches or may match; what may match needs another rule's permission besides."""

    name: str
    matcher: Matcher
    hold: Hold
    certain: Opinion = field(init=False, compare=False)
    doubtful: Opinion = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "certain", Opinion(self.hold))
        object.__setattr__(self, "doubtful", Opinion(self.hold, certain=False))

    def judge(self, touch: Touch, view: Looking) -> Opinion | None:
        match self.matcher.match(touch, view):
            case Match.YES:
                return self.certain
            case Match.MAYBE:
                return self.doubtful
            case Match.NO:
                return None


def decode(name: str, matcher: Matcher, siblings: dict[str, Node]) -> HoldRule:
    groups, count = _approvers(siblings.get("approvers"))
    mode: Literal["wait", "ticket"] = "wait"
    if "mode" in siblings and siblings["mode"].choice(("wait", "ticket")) == "ticket":
        mode = "ticket"
    uses, locks = siblings.get("uses"), siblings.get("locks")
    if uses is not None and mode == "wait":
        uses.problem("uses is about tickets, and mode wait gives none", "add mode: ticket")
    if locks is not None and mode == "ticket":
        locks.problem("locks is about waiting inside a transaction, and a ticket does not wait", "remove it")
    within = siblings.get("within")
    hold = Hold(
        name,
        siblings["message"].text() if "message" in siblings else "",
        approvers=groups,
        count=count,
        patience=within.duration(1, MAX_PATIENCE_SECONDS) if within else PATIENCE_SECONDS,
        mode=mode,
        uses=uses.integer(1, MAX_USES) if uses else 1,
        locks=locks.boolean() if locks else False,
    )
    return HoldRule(name, matcher, hold)


def _approvers(node: Node | None) -> tuple[frozenset[str], int]:
    if node is None:
        return frozenset(), 1  # missing: noted where the rule is decoded
    fields = node.fields(("groups", "count"), required=("groups",))
    groups = frozenset(fields["groups"].texts()) if "groups" in fields else frozenset()
    count = fields["count"].integer(1, MAX_APPROVERS) if "count" in fields else 1
    return groups, count
