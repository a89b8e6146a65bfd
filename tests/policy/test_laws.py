"""Laws of decisions: order does not matter, more rules never loosen, unknown needs a name."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.asks import PLAIN, ask
from vedette.model import Allow, Ask, Deny, Effect, Hold, Touch, Verdict
from vedette.policy import Marks, Policies, compile_policies

EFFECTS = [str(effect) for effect in Effect]
GLOBS = ["public.a", "public.*", "*.a", "*", "hr.*", "function:*", "function:public.f"]
NAMES = ["public.a", "public.b", "hr.a", "a", "function:public.f", ""]

matchers = st.one_of(
    st.fixed_dictionaries(
        {"effects": st.lists(st.sampled_from(EFFECTS), min_size=1, unique=True)},
        optional={"objects": st.lists(st.sampled_from(GLOBS), min_size=1, unique=True)},
    ),
    st.fixed_dictionaries({"objects": st.lists(st.sampled_from(GLOBS), min_size=1, unique=True)}),
    st.sampled_from(
        [
            {"effects": ["*"]},
            {"when": "action.sql.unscoped"},
            {"when": "!action.sql.ddl"},
            {"pattern": "x"},
            {"pack": "destructive-sql"},
            {"pack": "filesystem-sql"},
        ]
    ),
)
holds = st.fixed_dictionaries(
    {
        "hold": matchers,
        "approvers": st.fixed_dictionaries(
            {"groups": st.lists(st.sampled_from(["dba", "ops", "sec"]), min_size=1, unique=True)},
            optional={"count": st.integers(1, 3)},
        ),
    },
    optional={"within": st.sampled_from(["5m", "1h"]), "mode": st.sampled_from(["wait", "ticket"])},
)
rules = st.one_of(
    st.fixed_dictionaries({"allow": matchers}), st.fixed_dictionaries({"deny": matchers}), holds
)
masks = st.sampled_from([{"mask": {"entities": ["email"]}}, {"limit": {"rows": 3}}])
touches = st.builds(
    Touch,
    st.sampled_from(list(Effect)),
    st.sampled_from(NAMES),
    st.booleans(),
    st.booleans(),
)
asks = st.builds(
    lambda touches, unscoped, known, text: ask(
        *touches, facts={**PLAIN, "unscoped": unscoped} if known else None, text=text
    ),
    st.lists(touches, min_size=1, max_size=4),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["x", "y"]),
)


OPEN = {"allow": {"effects": ["*"]}}


def several(rule: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Rules, half of the time with one that permits a lot: otherwise most asks die of silence."""
    some = st.lists(rule, min_size=1, max_size=6)
    return st.one_of(some, some.map(lambda rules: [OPEN, *rules]))


def policies(*sets: tuple[str, list[Any]]) -> Policies:
    """Each rule as a policy of its own, so that none is refused for making no sense beside another."""
    each = [(mode, rule) for mode, rules in sets for rule in rules]
    return compile_policies(
        [{"name": f"p{place}", "mode": mode, "rules": [rule]} for place, (mode, rule) in enumerate(each)],
        Marks(),
    )


def judge(found: Policies, asked: Ask) -> Verdict:
    return found.for_session(asked.principal, asked.resource).decide(asked).verdict


def strictness(verdict: Verdict) -> int:
    return {Allow: 0, Hold: 1, Deny: 2}[type(verdict)]


def as_strict(new: Verdict, old: Verdict) -> bool:
    """Whether *new* permits nothing that *old* did not, details of holds included."""
    if isinstance(new, Hold) and isinstance(old, Hold):
        return (
            new.approvers <= old.approvers
            and new.count >= old.count
            and new.patience <= old.patience
            and new.uses <= old.uses
            and (new.mode == "ticket" or old.mode == "wait")
            and new.locks <= old.locks
        )
    return strictness(new) >= strictness(old)


def silent(verdict: Verdict) -> bool:
    return isinstance(verdict, Deny) and verdict.rule == "default"


@given(several(rules), asks, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_rules_changes_nothing_that_matters(
    some: list[Any], asked: Ask, order: random.Random
) -> None:
    shuffled = order.sample(some, len(some))
    one, other = policies(("enforce", some)), policies(("enforce", shuffled))
    first, second = judge(one, asked), judge(other, asked)
    assert as_strict(first, second)
    assert as_strict(second, first)


@given(several(rules), several(rules), asks)
@settings(max_examples=300, deadline=None)
def test_one_more_rule_never_loosens(some: list[Any], more: list[Any], asked: Ask) -> None:
    # Against a decided baseline: where silence refused, a rule may of course permit.
    one, other = policies(("enforce", some)), policies(("enforce", some), ("enforce", more))
    before = judge(one, asked)
    if not silent(before):
        assert as_strict(judge(other, asked), before)


@given(several(rules), asks)
@settings(deadline=None)
def test_one_more_denial_never_loosens_even_silence(some: list[Any], asked: Ask) -> None:
    one = policies(("enforce", some))
    other = policies(("enforce", some), ("enforce", [{"deny": {"effects": ["read"]}}]))
    assert as_strict(judge(other, asked), judge(one, asked))


@given(several(rules), several(rules), asks)
@settings(deadline=None)
def test_observing_never_loosens_nor_tightens_what_is_enforced(
    some: list[Any], more: list[Any], asked: Ask
) -> None:
    one, other = policies(("enforce", some)), policies(("enforce", some), ("observe", more))
    before, after = judge(one, asked), judge(other, asked)
    assert type(before) is type(after)
    if isinstance(before, Allow) and isinstance(after, Allow):
        assert (before.rule, before.masks, before.limits) == (after.rule, after.masks, after.limits)
    else:
        assert before == after


@given(several(rules), asks)
@settings(deadline=None)
def test_what_is_observed_is_what_enforcing_would_have_said(some: list[Any], asked: Ask) -> None:
    firm, trial = policies(("enforce", some)), policies(("observe", some))
    found, would = judge(trial, asked), judge(firm, asked)
    assert isinstance(found, Allow)
    assert found.observed == (None if isinstance(would, Allow) else would)


@given(several(rules), asks)
@settings(max_examples=300, deadline=None)
def test_unknown_never_passes_without_being_named(some: list[Any], asked: Ask) -> None:
    found = policies(("enforce", some))
    named = any(
        "unknown" in rule[kind].get("effects", ())
        for rule in some
        for kind in ("allow", "hold")
        if kind in rule
    )
    unread = any(each.effect is Effect.UNKNOWN and not each.implied for each in asked.action.touches)
    if unread and not named:
        assert isinstance(judge(found, asked), Deny)


@given(several(rules), masks, asks)
@settings(deadline=None)
def test_obligations_change_no_verdict(some: list[Any], more: Any, asked: Ask) -> None:
    one, other = policies(("enforce", some)), policies(("enforce", some), ("enforce", [more]))
    assert strictness(judge(one, asked)) == strictness(judge(other, asked))


@given(several(rules), st.lists(asks, min_size=1, max_size=5))
@settings(deadline=None)
def test_what_was_asked_before_changes_nothing(some: list[Any], asked: list[Ask]) -> None:
    found, fresh = policies(("enforce", some)), policies(("enforce", some))
    for each in asked:
        judge(found, each)
    assert judge(found, asked[0]) == judge(fresh, asked[0])


@given(several(rules), asks)
@settings(deadline=None)
def test_explaining_is_deciding(some: list[Any], asked: Ask) -> None:
    found = policies(("enforce", some))
    session = found.for_session(asked.principal, asked.resource)
    assert session.explain(asked).verdict == session.decide(asked).verdict
