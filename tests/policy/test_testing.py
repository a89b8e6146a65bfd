from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.policy.asks import APPDB, PLAIN, ask, compiled, touch
from vedette.model import Action, Kind, Principal, Resource
from vedette.policy import ConfigError, Marks
from vedette.policy.describe import rule
from vedette.policy.testing import Case, Result, explain, read_cases, run

POLICIES = compiled("""
- name: agents
  who: {kinds: [agent], groups: [ai]}
  where: {labels: {env: prod}}
  rules:
    - allow: {effects: [read]}
    - hold: {effects: [write]}
      approvers: {groups: [dba]}
      name: writes
    - deny: {pack: destructive-sql}
- name: trial
  mode: observe
  where: {resources: [appdb]}
  rules:
    - deny: {objects: ["hr.*"]}
- name: elsewhere
  where: {resources: [other]}
  rules: [{allow: {effects: [read]}}]
""")


def cases(text: str) -> tuple[Case, ...]:
    return read_cases(yaml.safe_load(text), Marks("cases.yaml"))


def reader(statement: str, parameters: tuple[str | None, ...], resource: Resource) -> Action:
    """A toy dialect: ``write public.t``."""
    return Action(resource.protocol, "query", statement, (touch(statement),), parameters, {"sql": PLAIN})


def outcome(case: str) -> Result:
    who = "who: {subject: bot, kind: agent, groups: [ai]}"
    (found,) = run(
        cases(f"cases: [{{name: c, {who}, where: appdb, {case}}}]"), POLICIES, {"appdb": APPDB}, reader
    )
    return found


@pytest.mark.parametrize(
    "case",
    [
        "statement: read public.t, expect: allow",
        "statement: read public.t, expect: allow, rule: agents/allow-1, observed: allow",
        "statement: write public.t, expect: hold, rule: agents/writes",
        "statement: destroy public.t, expect: deny, rule: agents/deny-3",
        "statement: read hr.pay, expect: allow, observed: deny",
        'touches: ["write public.t"], facts: {sql: {unscoped: true}}, expect: deny',
        'touches: ["read public.t", "write public.t"], facts: {sql: {unscoped: false}}, expect: hold',
        "touches: [unknown], expect: deny",
    ],
)
def test_a_case_that_comes_out_as_expected_passes(case: str) -> None:
    found = outcome(case)
    assert found.wrong == ""
    assert found.passed


@pytest.mark.parametrize(
    ("case", "wrong"),
    [
        ("statement: read public.t, expect: deny", "expected deny, got allow by agents/allow-1"),
        (
            "statement: delete public.t, expect: allow",
            "expected allow, got deny by default: no rule permits delete on public.t",
        ),
        (
            "statement: write public.t, expect: hold, rule: agents/other",
            "expected hold by agents/other, got it by agents/writes",
        ),
        (
            "statement: read public.t, expect: allow, observed: deny",
            "expected to observe deny, observed allow",
        ),
    ],
)
def test_a_case_that_comes_out_otherwise_says_how(case: str, wrong: str) -> None:
    assert outcome(case).wrong == wrong


def test_a_case_for_a_resource_that_is_not_there_fails() -> None:
    (case,) = cases(
        "cases: [{name: c, who: {subject: b, kind: agent}, where: x, statement: read, expect: deny}]"
    )
    (found,) = run([case], POLICIES, {"appdb": APPDB}, reader)
    assert found.wrong == 'there is no resource "x"'


def test_a_case_says_who_asks() -> None:
    who = "{subject: b, kind: person, groups: [a], issuer: i, email: e, actor: x}"
    (case,) = cases(
        f"cases: [{{name: c, who: {who}, where: appdb, statement: '', parameters: [a, null], expect: deny}}]"
    )
    assert case.who == Principal("b", Kind.PERSON, frozenset({"a"}), "i", "e", "x")
    assert case.parameters == ("a", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cases: []", "there are no cases"),
        ("tests: []", 'unknown key "tests"'),
        ("cases: [{name: c}]", 'the key "who" is missing'),
        (
            "cases: [{name: c, who: {subject: b, kind: agent}, where: a, expect: deny}]",
            "either a statement or touches",
        ),
        (
            "cases: [{name: c, who: {subject: b, kind: agent}, where: a, expect: deny, touches: [wipe x]}]",
            'unknown effect "wipe"',
        ),
        (
            "cases: [{name: c, who: {subject: b, kind: agent}, where: a, expect: no, statement: x}]",
            "one of allow, hold, deny",
        ),
        (
            "cases: [{who: {subject: b, kind: agent}, where: a, expect: deny, statement: x, facts: {}}]",
            "facts go with touches",
        ),
    ],
)
def test_a_mistake_in_the_cases_is_said(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        cases(text)
    assert message in str(caught.value)


def test_an_explanation_says_which_policies_had_a_say_and_why_others_had_none() -> None:
    bot = Principal("bot", Kind.AGENT, frozenset({"ai"}))
    found = explain(POLICIES, ask("read hr.pay", who=bot))
    assert found.applied == ("agents", "trial")
    assert found.passed_over == (("elsewhere", 'its where does not match "appdb"'),)
    assert found.observing
    assert ("trial/deny-1", "deny (observing)", "read hr.pay") in found.decision.opinions
    person = explain(POLICIES, ask("read hr.pay", who=Principal("ann", Kind.PERSON)))
    assert person.passed_over[0] == ("agents", "it is for kinds agent; groups ai")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{allow: {effects: [read, write]}}", "allow read, write"),
        ('{allow: {effects: ["*"]}}', "allow anything"),
        ('{deny: {effects: [read], objects: ["hr.*"]}}', "deny read on hr.*"),
        ("{deny: {pack: destructive-sql}}", "deny pack destructive-sql"),
        ("{deny: {pack: destructive-sql, effects: [destroy]}}", "deny pack destructive-sql where destroy"),
        ("{deny: {pattern: x, when: action.sql.ddl}}", "deny anything with text like x when action.sql.ddl"),
        (
            "{hold: {effects: [write]}, approvers: {groups: [b, a], count: 2}, within: 1h, "
            "mode: ticket, uses: 3}",
            "hold write: 2 of a or b within 1h (ticket, usable 3 times)",
        ),
        (
            "{hold: {effects: [write]}, approvers: {groups: [a]}, locks: true}",
            "hold write: 1 of a within 15m (wait, also inside a transaction that may hold locks)",
        ),
        ("{mask: {entities: [email], as: partial}}", "mask email as partial keeping 4"),
        ('{mask: {columns: ["public.t.c"]}}', "mask public.t.c as redact"),
        ("{limit: {rows: 5, bytes: 1kB, per: action}}", "limit to 5 rows and 1000 bytes per action"),
    ],
)
def test_a_rule_in_words(text: str, says: str) -> None:
    policies = compiled(f"[{{name: p, rules: [{text}]}}]")
    found: Any = policies.policies[0].rules[0]
    assert rule(found) == says
