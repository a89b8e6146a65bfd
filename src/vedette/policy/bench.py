"""The judging rules of some policies, and what they say of one ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vedette.model import Allow, Deny, Hold, Touch, Verdict
from vedette.policy import wording
from vedette.policy.holds import combine
from vedette.policy.matching import Blind, View
from vedette.policy.rules import Judging
from vedette.policy.rules.opinion import Opinion

MAX_KNOWN = 4096
_BLIND = Blind()


@dataclass(frozen=True, slots=True)
class Known:
    """What is settled about a touch before any action is seen.

    *opinions* are of rules that look at nothing but the touch, *open* the
    rules that must see the action as well. *plain* is the permission where
    all settled opinions permit, and nothing else needs to be weighed.
    """

    opinions: tuple[Opinion, ...]
    open: tuple[Judging, ...]
    plain: Allow | None


class Bench:
    """Some rules that judge together. What they say of a touch is remembered, whoever asks."""

    __slots__ = ("_known", "rules")

    def __init__(self, rules: Sequence[Judging]) -> None:
        self.rules = tuple(rules)
        self._known: dict[Touch, Known] = {}

    def judge(self, view: View) -> Verdict:
        """The strictest opinion on any touch; silence on one is a refusal."""
        permission: Allow | None = None
        refusals: list[wording.Refusal] = []
        holds: dict[str, Hold] = {}
        for touch in view.action.touches:
            known = self._known.get(touch) or self._learn(touch)
            opinions = self._heard(known, touch, view)
            if opinions is known.opinions and known.plain is not None:
                permission = permission or known.plain
                continue
            permitted = False
            for opinion in opinions:
                verdict = opinion.verdict
                permitted = permitted or opinion.permits
                if isinstance(verdict, Deny):
                    refusals.append(wording.refusal(verdict, touch, view.action, certain=opinion.certain))
                elif isinstance(verdict, Hold):
                    holds.setdefault(verdict.rule, wording.holding(verdict, touch))
                elif not touch.implied:
                    permission = permission or verdict
            if not permitted and not touch.implied:
                refusals.append(wording.silence(touch, view.action))
        if refusals:
            return min(refusals, key=lambda refusal: refusal[0])[1]
        if all(touch.implied for touch in view.action.touches):
            return wording.NOTHING_ASKED
        if holds:
            return combine(tuple(holds.values()))
        return permission or wording.NOTHING_ASKED

    @staticmethod
    def _heard(known: Known, touch: Touch, view: View) -> tuple[Opinion, ...]:
        """All opinions on *touch*; the very tuple of settled ones where the action adds none."""
        opinions = known.opinions
        for rule in known.open:
            opinion = rule.judge(touch, view)
            if opinion is not None:
                opinions = (*opinions, opinion)
        return opinions

    def _learn(self, touch: Touch) -> Known:
        opinions: list[Opinion] = []
        unsettled: list[Judging] = []
        for rule in self.rules:
            opinion = rule.judge(touch, _BLIND)
            if opinion is None:
                continue  # the touch alone rules it out
            if rule.matcher.asks_of_action:
                unsettled.append(rule)
            else:
                opinions.append(opinion)
        permissions = [opinion.verdict for opinion in opinions if isinstance(opinion.verdict, Allow)]
        plain = permissions[0] if permissions and len(permissions) == len(opinions) else None
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        known = Known(tuple(opinions), tuple(unsettled), None if touch.implied else plain)
        self._known[touch] = known
        return known
