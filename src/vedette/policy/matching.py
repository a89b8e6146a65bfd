"""What a rule is about: effects on objects, a pattern in the text, a condition over the ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from vedette.model import Action, Ask, Effect, Touch
from vedette.policy.conditions import Condition, Match
from vedette.policy.facts import ACTION, DIALECTS
from vedette.policy.globs import OPEN, Globs, kind_of

# More than this many objects are not put before a condition: what it says of them then counts as unknown.
MAX_OBJECTS = 1000
MAX_REMEMBERED = 128
_ABSENT = object()

Memory = dict[tuple[object, ...], Match]


@dataclass(frozen=True, slots=True)
class Pattern:
    """An RE2 expression, searched for in the text of the action."""

    source: str
    program: Any = field(compare=False, repr=False)

    def match(self, text: str) -> Match:
        try:
            return Match.YES if self.program.search(text) else Match.NO
        except UnicodeError:
            return Match.MAYBE  # a text that is not UTF-8 cannot be searched


class Looking(Protocol):
    """What matchers ask about the whole action."""

    def pattern(self, pattern: Pattern) -> Match: ...
    def condition(self, condition: Condition) -> Match: ...


class Blind:
    """Sees no action, and says YES to all that is asked of one: shows what a touch alone rules out."""

    def pattern(self, pattern: Pattern) -> Match:
        return Match.YES

    def condition(self, condition: Condition) -> Match:
        return Match.YES


class View:
    """One ask as the rules of a session look at it: what they ask twice is worked out once.

    *session* are the values of principal and resource, *lenders* the same for each whom the
    principal may act for; *memory* keeps, for the session, what conditions said of which facts.
    """

    __slots__ = ("_lenders", "_memory", "_seen", "_session", "action")

    def __init__(
        self, ask: Ask, session: Mapping[str, object], memory: Memory,
        lenders: Sequence[Mapping[str, object]] = (),
    ) -> None:  # fmt: skip
        self.action = ask.action
        self._session = session
        self._lenders = lenders
        self._memory = memory
        self._seen: dict[int, Match] = {}

    def pattern(self, pattern: Pattern) -> Match:
        found = self._seen.get(id(pattern))
        if found is None:
            found = self._seen[id(pattern)] = pattern.match(self.action.text)
        return found

    def condition(self, condition: Condition) -> Match:
        found = self._seen.get(id(condition))
        if found is None:
            found = self._seen[id(condition)] = self._evaluate(condition)
        return found

    def _evaluate(self, condition: Condition) -> Match:
        if condition.reads_text:
            return self._ask(condition)
        # Without the text, a condition is a function of the few facts it names; principal and resource are
        # the session's. So its answers are remembered by those facts.
        key = (condition.source, condition.lent, *[_fact(self.action, path) for path in condition.of_action])
        try:
            found = self._memory.get(key)
        except TypeError:  # a fact that is no value, such as a mapping
            return self._ask(condition)
        if found is None:
            if len(self._memory) >= MAX_REMEMBERED:
                self._memory.clear()
            found = self._memory[key] = self._ask(condition)
        return found

    def _ask(self, condition: Condition) -> Match:
        values = self._values(condition.of_action)
        if not condition.lent:
            return condition.match(values)
        return max((condition.match({**values, **each}) for each in self._lenders), default=Match.MAYBE)

    def _values(self, paths: Sequence[tuple[str, ...]]) -> dict[str, object]:
        """Principal, resource, and of the action no more than stands at *paths*."""
        action: dict[str, Any] = {}
        everything = [(name,) for name in (*ACTION, *DIALECTS)]
        for path in everything if () in paths else paths:
            value = _fact(self.action, path)
            inner = action.setdefault(path[0], {}) if len(path) == 2 else action
            if value is not _ABSENT:
                inner[path[-1]] = value
        return {**self._session, "action": action}


def _fact(action: Action, path: tuple[str, ...]) -> object:
    """The value at *path*, _ABSENT where it is not known.

    Where anything of an action could not be read, none of what its dialect
    says of it is known either: an unread function may do what the text does not.
    """
    if path[0] in DIALECTS:
        facts = action.facts.get(path[0])
        if facts is None:
            return _ABSENT
        for touch in action.touches:
            if touch.effect is Effect.UNKNOWN:
                return _ABSENT
        if len(path) == 1:
            return dict(facts)
        fact = facts.get(path[1], _ABSENT)
        return tuple(fact) if type(fact) is list else fact  # a list cannot be looked up in a memory
    value = ACTION[path[0]](action)
    return _ABSENT if path[0] == "objects" and len(action.objects) > MAX_OBJECTS else value


@dataclass(frozen=True, slots=True)
class Matcher:
    """Everything given must match; what is not given (None) matches anything.

    *effects* None is any effect. *packed* are the matchers of *pack*, of which
    one must match. *hint* says, of one in a pack, what to do instead.
    """

    effects: frozenset[Effect] | None = None
    objects: Globs | None = None
    pattern: Pattern | None = None
    condition: Condition | None = None
    pack: str = ""
    packed: tuple[Matcher, ...] = ()
    hint: str = ""

    def match(self, touch: Touch, view: Looking) -> Match:
        found = self._effect(touch)
        if found and self.objects is not None:
            found = min(found, self._object(touch, self.objects))
        if found and self.packed:
            found = min(found, self._pack(touch, view))
        if found and self.condition is not None:
            found = min(found, view.condition(self.condition))
        if found and self.pattern is not None:
            found = min(found, view.pattern(self.pattern))
        return found

    def _effect(self, touch: Touch) -> Match:
        if self.effects is not None:
            return Match.YES if touch.effect in self.effects else Match.NO
        # Who names no effect did not name "unknown": it may be meant, and is never permitted that way.
        return Match.MAYBE if touch.effect is Effect.UNKNOWN else Match.YES

    def _pack(self, touch: Touch, view: Looking) -> Match:
        if touch.effect is Effect.UNKNOWN:
            return Match.MAYBE  # nothing that a pack lists can be ruled out for what was not read
        return max(each.match(touch, view) for each in self.packed)

    def instead(self, touch: Touch, view: Looking) -> str:
        """What to do instead, by the part of the pack that matches *touch* best; "" where nothing says so."""
        if touch.effect is Effect.UNKNOWN or not self.packed:
            return ""
        return max(self.packed, key=lambda each: each.match(touch, view)).hint

    @staticmethod
    def _object(touch: Touch, objects: Globs) -> Match:
        if not touch.object:
            # A read of nothing reads nothing (SELECT 1). Any other effect without an object may be on any.
            return Match.NO if touch.effect is Effect.READ else Match.MAYBE
        kind = kind_of(touch.object)
        if (touch.resolved or kind in OPEN) and objects.match(touch.object):
            # Of a name known in part: all that it may be is spelt, as its stars are taken for letters.
            return Match.YES
        if touch.resolved and kind != "file":
            return Match.NO
        return Match.MAYBE if objects.could_match(touch.object) else Match.NO

    @property
    def lent(self) -> Matcher | None:
        """The same with its conditions asked of whom the caller acts for; None where that changes nothing."""
        conditions = [part.condition for part in self.parts if part.condition is not None]
        if not any(condition.reads_principal for condition in conditions):
            return None
        return self._lent

    @property
    def _lent(self) -> Matcher:
        condition = self.condition and replace(self.condition, lent=True)
        return replace(self, condition=condition, packed=tuple(part._lent for part in self.packed))

    @property
    def parts(self) -> tuple[Matcher, ...]:
        """This matcher and all inside it."""
        return (self, *(inner for each in self.packed for inner in each.parts))

    @property
    def asks_of_action(self) -> bool:
        """Whether more than the touch decides."""
        return any(part.pattern is not None or part.condition is not None for part in self.parts)

    @property
    def reads_text(self) -> bool:
        return any(
            part.pattern is not None or (part.condition is not None and part.condition.reads_text)
            for part in self.parts
        )
