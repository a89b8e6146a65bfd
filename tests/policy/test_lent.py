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
