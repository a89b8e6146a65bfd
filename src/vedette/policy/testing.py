"""Policies under test: cases that say what should come out, and the explanation of one ask.

Reading a statement is the caller's: it hands in a reader, so that this stays
free of any dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vedette.model import (
    Action,
    Allow,
    Ask,
    Decision,
    Effect,
    Hold,
    Kind,
    Principal,
    Resource,
    Touch,
    Verdict,
)
from vedette.policy.decide import Policies
from vedette.policy.problems import Marks
from vedette.policy.strict import Book, Node

# What a statement with these parameters does on a resource.
Reader = Callable[[str, tuple[str | None, ...], Resource], Action]

CASE_KEYS = (
    "name",
    "who",
    "where",
    "statement",
    "parameters",
    "touches",
    "facts",
    "expect",
    "rule",
    "observed",
)
WHO_KEYS = ("subject", "kind", "groups", "issuer", "email", "actor")
WORDS = ("allow", "hold", "deny")


@dataclass(frozen=True, slots=True)
class Case:
    """One expectation. Either *statement* is read by a reader, or *action* stands as written.

    *rule* and *observed* are checked where they are not empty.
    """

    name: str
    who: Principal
    where: str
    expect: str
    statement: str = ""
    parameters: tuple[str | None, ...] = ()
    action: Action | None = None
    rule: str = ""
    observed: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What came out of *case*. *wrong* says what differs, empty where nothing does."""

    case: Case
    verdict: Verdict | None
    wrong: str = ""

    @property
    def passed(self) -> bool:
        return not self.wrong


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, and which policies had a say in it. *passed_over* are (policy, why not)."""

    decision: Decision
    applied: tuple[str, ...]
    passed_over: tuple[tuple[str, str], ...]
    observing: bool


def word(verdict: Verdict | None) -> str:
    """``allow``, ``hold`` or ``deny``."""
    if isinstance(verdict, Allow):
        return "allow"
    return "hold" if isinstance(verdict, Hold) else "deny"


def explain(policies: Policies, ask: Ask) -> Explanation:
    """What *policies* say of *ask*, and why."""
    session = policies.for_session(ask.principal, ask.resource)
    applied = tuple(policy.name for policy in session.policies)
    over = []
    for policy in policies.policies:
        if policy.name not in applied:
            elsewhere = not policy.where.match(ask.resource)
            why = (
                f'its where does not match "{ask.resource.name}"' if elsewhere else f"it is for {policy.who}"
            )
            over.append((policy.name, why))
    return Explanation(session.explain(ask), applied, tuple(over), session.observing)


def run(
    cases: Sequence[Case], policies: Policies, resources: Mapping[str, Resource], read: Reader
) -> tuple[Result, ...]:
    """Every case against *policies*."""
    return tuple(_one(case, policies, resources, read) for case in cases)


def _one(case: Case, policies: Policies, resources: Mapping[str, Resource], read: Reader) -> Result:
    resource = resources.get(case.where)
    if resource is None:
        return Result(case, None, f'there is no resource "{case.where}"')
    action = case.action or read(case.statement, case.parameters, resource)
    verdict = policies.for_session(case.who, resource).decide(Ask(case.who, resource, action)).verdict
    return Result(case, verdict, _difference(case, verdict))


def _difference(case: Case, verdict: Verdict) -> str:
    if word(verdict) != case.expect:
        because = "" if isinstance(verdict, Allow) else f": {verdict.reason}"
        return f"expected {case.expect}, got {word(verdict)} by {verdict.rule}{because}"
    # A combined hold carries the names of all its rules.
    if case.rule and case.rule not in verdict.rule.split(", "):
        return f"expected {case.expect} by {case.rule}, got it by {verdict.rule}"
    seen = word(verdict.observed) if isinstance(verdict, Allow) and verdict.observed else "allow"
    if case.observed and seen != case.observed:
        return f"expected to observe {case.observed}, observed {seen}"
    return ""


def read_cases(value: object, marks: Marks) -> tuple[Case, ...]:
    """The cases in the plain value of a file: ``cases:`` and a list.

    Raises:
        ConfigError: with every problem of the file.
    """
    book = Book(marks)
    fields = Node(value, (), book).fields(("cases",), required=("cases",))
    found = tuple(_case(node, marks) for node in fields["cases"].entries()) if "cases" in fields else ()
    if not found and not book.problems:
        fields["cases"].problem("there are no cases", "add one")
    book.close()
    return found


def _case(node: Node, marks: Marks) -> Case:
    fields = node.fields(CASE_KEYS, required=("name", "who", "where", "expect"))
    if ("statement" in fields) == ("touches" in fields) and isinstance(node.value, dict):
        node.problem(
            "a case needs either a statement or touches", 'touches are like ["read public.customers"]'
        )
    if "facts" in fields and "touches" not in fields:
        fields["facts"].problem("facts go with touches: a statement has its own", "remove them")
    return Case(
        name=_text(fields, "name"),
        who=_principal(fields["who"]) if "who" in fields else Principal("", Kind.AGENT),
        where=_text(fields, "where"),
        expect=fields["expect"].choice(WORDS) if "expect" in fields else "deny",
        statement=fields["statement"].text(empty=True) if "statement" in fields else "",
        parameters=_parameters(fields.get("parameters")),
        action=_action(fields) if "touches" in fields else None,
        rule=_text(fields, "rule"),
        observed=fields["observed"].choice(WORDS) if "observed" in fields else "",
        line=marks.at(node.path)[0],
    )


def _text(fields: dict[str, Node], name: str) -> str:
    return fields[name].text() if name in fields else ""


def _parameters(node: Node | None) -> tuple[str | None, ...]:
    if node is None:
        return ()
    return tuple(None if each.value is None else each.text(empty=True) for each in node.entries())


def _principal(node: Node) -> Principal:
    fields = node.fields(WHO_KEYS, required=("subject", "kind"))
    return Principal(
        _text(fields, "subject"),
        Kind(fields["kind"].choice(tuple(map(str, Kind)))) if "kind" in fields else Kind.AGENT,
        groups=frozenset(fields["groups"].texts()) if "groups" in fields else frozenset(),
        issuer=_text(fields, "issuer") or "vedette",
        email=_text(fields, "email") or None,
        actor=_text(fields, "actor") or None,
    )


def _action(fields: dict[str, Node]) -> Action:
    touches = []
    for node in fields["touches"].entries():
        effect, _, name = node.text().partition(" ")
        Node(effect, node.path, node.book).choice(tuple(map(str, Effect)), what="effect")
        touches.append(Touch(Effect(effect) if effect in tuple(Effect) else Effect.UNKNOWN, name.strip()))
    facts = fields["facts"].named() if "facts" in fields else {}
    given = {
        dialect: {key: each.value for key, each in node.named().items()} for dialect, node in facts.items()
    }
    return Action("", "", "", tuple(touches), parameters=_parameters(fields.get("parameters")), facts=given)
