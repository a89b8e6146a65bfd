"""What other policies would have said of what is on record, and the least rules that would have let it pass.

A recorded action is judged again as it was: the principal, the touches and the session's state come from its
record; what conditions ask of the text is read anew from the text. Policies in force judge the same beside,
so that what differs is due to the rules and to nothing else. Nothing is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vedette.config import Settings
from vedette.explain import supposed
from vedette.model import Action, Ask, Effect, Kind, Principal, Touch
from vedette.policy.decide import SessionPolicy
from vedette.policy.testing import word

Body = Mapping[str, Any]

#: Examples that are kept of each flip.
EXAMPLES = 3
#: What a rule takes for more than itself: an object that is called so cannot be named by one.
_GLOB = frozenset("*?[]{}!\\")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What policies say of one action: *word* is allow, hold, deny or gone (no such resource)."""

    word: str
    rule: str


@dataclass(slots=True)
class Flip:
    """*count* actions of *principal* on *resource* that *before* and *after* differ on."""

    principal: str
    resource: str
    before: Verdict
    after: Verdict
    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """
    *judged* actions in all, of which the *flips* would come out otherwise. *odd*: policies in force no longer
    say what is on record of these (other facts, a catalogue that was known then); *left*: not judged again,
    by reason.
    """

    judged: int = 0
    odd: int = 0
    flips: list[Flip] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)


def backtest(records: Iterable[Body], now: Settings, then: Settings) -> Report:
    """Judge the bodies of ``action.judged`` records by the policies of *now*, and by those of *then*."""
    report, flips = Report(), dict[tuple[object, ...], Flip]()
    before, after = _Judge(now), _Judge(then)
    for body in records:
        why = _left(body)
        if why or body["resource"] not in now.resources:
            why = why or "the resource is configured no more"
            report.left[why] = report.left.get(why, 0) + 1
            continue
        was, would = before.say(body), after.say(body)
        report.judged += 1
        report.odd += body["policy"] == now.policies.hash and was.word != recorded(body)
        if was.word == would.word:
            continue
        principal = str(body["who"]["principal"])
        key = (principal, body["resource"], was, would)
        flip = flips.setdefault(key, Flip(principal, str(body["resource"]), was, would))
        flip.count += 1
        text = str(body.get("text") or body.get("shape", ""))
        if len(flip.examples) < EXAMPLES and text not in flip.examples:
            flip.examples.append(text)
    report.flips = sorted(flips.values(), key=lambda flip: (flip.principal, flip.resource, -flip.count))
    return report


def recorded(body: Body) -> str:
    """What policy said, by the record: an action that people were asked about was held."""
    if body.get("approval") or str(body.get("code", "")).startswith("approval."):
        return "hold"
    return str(body["verdict"])


def _left(body: Body) -> str:
    """Why an action cannot be judged again; empty where it can."""
    code = str(body.get("code", ""))
    if code and not code.startswith(("policy.", "approval.")):
        return f"refused by something else than a policy: {code}"
    return ""


class _Judge:
    """The policies of one configuration, session by session."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sessions: dict[tuple[Principal, str], SessionPolicy] = {}

    def say(self, body: Body) -> Verdict:
        resource = self._settings.resources.get(str(body["resource"]))
        if resource is None:
            return Verdict("gone", "")
        principal = caller(body["who"])
        key = (principal, resource.name)
        policy = self._sessions.get(key)
        if policy is None:
            policy = self._settings.policies.for_session(principal, resource.resource)
            self._sessions[key] = policy
        text = str(body.get("text") or body.get("shape", ""))
        parameters = tuple(body.get("parameters") or ())
        facts = supposed(text, parameters, resource)
        action = Action(
            str(body["protocol"]), str(body["form"]), text, tuple(map(_touch, body["touches"])), parameters,
            facts.facts, tuple((name, value) for name, value in body.get("state", ())),
            str(body.get("unread", "")),
        )  # fmt: skip
        decision = policy.decide(Ask(principal, resource.resource, action, str(body["session"])))
        return Verdict(word(decision.verdict), decision.verdict.rule)


def caller(who: Body) -> Principal:
    """The principal that a record names."""
    issuer, _, subject = str(who["principal"]).rpartition("#")
    return Principal(
        subject, Kind(who["kind"]), frozenset(who.get("groups", ())), issuer, who.get("email") or None,
        who.get("actor") or None, str(who.get("credential", "")), owner=str(who.get("owner", "")),
    )  # fmt: skip


def _touch(touch: Body) -> Touch:
    return Touch(
        Effect(touch["effect"]), str(touch.get("object", "")), bool(touch.get("resolved", True)),
        bool(touch.get("implied", False)),
    )  # fmt: skip


# --- suggestions -----------------------------------------------------------------------------------


@dataclass(slots=True)
class Line:
    """One rule: *effects* on *objects* of *resource*, and what it rests on."""

    resource: str
    effects: tuple[str, ...]
    objects: tuple[str, ...]
    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Suggestion:
    """*lines* by resource; *unread* actions that no rule can allow, because they could not be read."""

    lines: list[Line]
    seen: int = 0
    unread: int = 0


def suggest(records: Iterable[Body]) -> Suggestion:
    """The least allowing rules for these ``action.judged`` bodies: on nothing that was not touched."""
    found = Suggestion([])
    wanted: dict[tuple[str, str, str], Line] = {}
    for body in records:
        found.seen += 1
        touches = [_touch(each) for each in body["touches"]]
        if any(
            touch.effect is Effect.UNKNOWN or not touch.resolved or _GLOB & set(touch.object)
            for touch in touches
        ):
            found.unread += 1
            continue
        text = str(body.get("text") or body.get("shape", ""))
        for touch in touches:
            if touch.implied:
                continue  # needs no permission of its own
            key = (str(body["resource"]), touch.effect.value, touch.object)
            line = wanted.setdefault(key, Line(key[0], (key[1],), (touch.object,)))
            line.count += 1
            if len(line.examples) < EXAMPLES and text not in line.examples:
                line.examples.append(text)
    found.lines = _merged(wanted.values())
    return found


def _merged(lines: Iterable[Line]) -> list[Line]:
    """Objects of the same effects together: as few rules as say the same."""
    by_object: dict[tuple[str, str], Line] = {}
    for line in lines:
        one = by_object.setdefault((line.resource, line.objects[0]), Line(line.resource, (), line.objects))
        one.effects = tuple(sorted({*one.effects, *line.effects}))
        _rest(one, line)
    by_effects: dict[tuple[str, tuple[str, ...], bool], Line] = {}
    for line in by_object.values():
        key = (line.resource, line.effects, line.objects == ("",))
        one = by_effects.setdefault(key, Line(line.resource, line.effects, ()))
        one.objects = tuple(sorted({*one.objects, *line.objects}))
        _rest(one, line)
    return sorted(by_effects.values(), key=lambda line: (line.resource, line.effects, line.objects))


def _rest(one: Line, more: Line) -> None:
    one.count += more.count
    one.examples = list(dict.fromkeys([*one.examples, *more.examples]))[:EXAMPLES]
