"""What is lent keeps what the lender is bound by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.policy.asks import AGENT, APPDB, ask, compiled
from vedette.model import Allow, Bound, Decision, Deny, Hold, Kind, Principal

LENT = replace(AGENT, subject="autogen", actor="alice", groups=frozenset({"staff"}))
ALL = "- {name: all, rules: [{allow: {effects: [read, write]}}]}\n"
RULES = """rules: [{deny: {objects: [public.secret]}}, {hold: {objects: [public.slow]}, approvers: {groups: [dba]}},
  {mask: {entities: [email]}}, {limit: {rows: 5}}, {session: {max: 1m}}, {allow: {effects: [delete]}}]}
"""
LENDERS = ["kinds: [person]", "subjects: [alice]", "subjects: [al*]", "groups: [staff], kinds: [person]"]


def say(text: str, what: str, who: Principal) -> Decision:
    return compiled(text).for_session(who, APPDB).decide(ask(what, who=who))


@pytest.mark.parametrize("who", LENDERS)
def test_a_loan_sheds_nothing_that_binds_the_lender(who: str) -> None:
    text = f"{ALL}- {{name: hers, who: {{{who}}}, {RULES}"
    session = compiled(text).for_session(LENT, APPDB)
    assert isinstance(say(text, "read public.secret", LENT).verdict, Deny)
    assert isinstance(say(text, "read public.slow", LENT).verdict, Hold)
    verdict = say(text, "read public.t", LENT).verdict
    assert isinstance(verdict, Allow)
    assert [mask.rule for mask in verdict.masks] == [mask.rule for mask in session.masks] == ["hers/mask-3"]
    assert [limit.rows for limit in verdict.limits] == [5]
    assert session.lifetime.max == Bound(60, "hers/session-5")


@pytest.mark.parametrize("who", LENDERS)
def test_what_permits_the_lender_permits_the_agent_nothing(who: str) -> None:
    text = f"{ALL}- {{name: hers, who: {{{who}}}, {RULES}"
    assert isinstance(say(text, "delete public.t", LENT).verdict, Deny)
    # Where the agent itself has no policy, it stays shut out as before.
    alone = f"- {{name: hers, who: {{{who}}}, {RULES}"
    assert compiled(alone).for_session(LENT, APPDB).policies == ()


def test_nobody_else_is_bound_by_it() -> None:
    text = f"{ALL}- {{name: hers, who: {{subjects: [alice]}}, {RULES}"
    for who in (replace(LENT, actor="bert"), replace(LENT, actor=None), replace(LENT, actor="alice2")):
        assert isinstance(say(text, "read public.secret", who).verdict, Allow)
    session = compiled(text)
    assert session.for_session(LENT, APPDB).masks
    assert not session.for_session(replace(LENT, actor="bert"), APPDB).masks


def test_a_lender_of_another_issuer_is_known_by_both_names() -> None:
    text = f"{ALL}- {{name: hers, who: {{subjects: [alice], issuers: ['https://id.example']}}, {RULES}"
    who = replace(LENT, actor="https://id.example#alice")
    assert isinstance(say(text, "read public.secret", who).verdict, Deny)
    assert isinstance(say(text, "read public.secret", replace(LENT, actor="alice")).verdict, Allow)


def test_what_only_observes_the_lender_only_observes() -> None:
    text = f"{ALL}- {{name: hers, mode: observe, who: {{kinds: [{Kind.PERSON}]}}, {RULES}"
    verdict = say(text, "read public.secret", LENT).verdict
    assert isinstance(verdict, Allow)
    assert isinstance(verdict.observed, Deny)
    assert verdict.masks == ()


CONDITIONS = [
    'principal.kind == "person"', 'principal.subject == "alice"', '"contractors" in principal.groups',
    'has(principal.email) && principal.email.endsWith("@away.example")', '!has(principal.actor)',
    'principal.subject.startsWith("al") && action.text.contains("1")',
]  # fmt: skip
AWAY = replace(LENT, actor_groups=frozenset({"contractors"}), actor_email="alice@away.example")


@pytest.mark.parametrize("who", ["{}", "{kinds: [person]}", "{subjects: [alice]}"])
@pytest.mark.parametrize("when", CONDITIONS)
def test_a_condition_that_is_true_of_the_lender_binds_the_loan(who: str, when: str) -> None:
    text = f"{ALL}- {{name: hers, who: {who}, rules: [{{deny: {{objects: [public.s], when: '{when}'}}}}]}}\n"
    alice = Principal(
        "alice", Kind.PERSON, frozenset({"staff", "contractors"}), AGENT.issuer, email="alice@away.example"
    )
    for each in (alice, AWAY):
        assert isinstance(say(text, "read public.s", each).verdict, Deny), each
        assert isinstance(say(text, "read public.t", each).verdict, Allow), each
    # An agent of its own, who acts for nobody, is as it was.
    alone = replace(AGENT, subject="autogen", groups=frozenset({"staff"}))
    if who == "{}" and "actor" not in when:
        assert isinstance(say(text, "read public.s", alone).verdict, Allow)


def test_conditions_of_what_binds_agents_alone_are_not_asked_of_the_lender() -> None:
    deny = "rules: [{deny: {objects: [public.s], when: 'principal.kind == \"person\"'}}]"
    text = f"{ALL}- {{name: theirs, who: {{kinds: [agent]}}, {deny}}}\n"
    assert isinstance(say(text, "read public.s", AWAY).verdict, Allow)


def test_a_condition_that_allows_is_asked_of_the_agent_alone() -> None:
    text = "- {name: p, rules: [{allow: {effects: [read], when: 'principal.kind == \"person\"'}}]}\n"
    assert isinstance(say(text, "read public.t", AWAY).verdict, Deny)


def test_a_hold_by_a_condition_on_the_lender_holds() -> None:
    hold = "{hold: {effects: [write], when: 'principal.subject == \"alice\"'}, approvers: {groups: [dba]}}"
    text = f"{ALL}- {{name: hers, rules: [{hold}]}}\n"
    assert isinstance(say(text, "write public.t", AWAY).verdict, Hold)
    assert isinstance(say(text, "write public.t", replace(AWAY, actor="bert")).verdict, Allow)


def test_a_group_that_stays_behind_binds_and_permits_nothing() -> None:
    """A lender who leaves out the group that forbids, masks or bounds does not shed what hangs on it."""
    text = f"{ALL}- {{name: theirs, who: {{groups: [contractors]}}, {RULES}"
    assert isinstance(say(text, "read public.secret", AWAY).verdict, Deny)
    assert isinstance(say(text, "delete public.t", AWAY).verdict, Deny)
    verdict = say(text, "read public.t", AWAY).verdict
    assert isinstance(verdict, Allow)
    assert [mask.rule for mask in verdict.masks] == ["theirs/mask-3"]
    assert isinstance(say(text, "read public.secret", LENT).verdict, Allow)


def test_two_readings_of_an_actor_both_bind() -> None:
    deny = "{deny: {objects: [public.s], when: 'principal.issuer == \"https://id.example\"'}}"
    text = f"{ALL}- {{name: theirs, rules: [{deny}]}}\n"
    who = replace(AWAY, actor="https://id.example#alice")
    assert isinstance(say(text, "read public.s", who).verdict, Deny)
    assert isinstance(say(text, "read public.s", AWAY).verdict, Allow)
