"""``session``: how long a session may last is a rule of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.asks import AGENT, APPDB, ask, compiled, policy, ruled
from vedette.config.reading import read_text
from vedette.model import Bound, Kind, Lifetime, Principal
from vedette.policy import ConfigError, Marks, compile_policies, describe
from vedette.policy.rules.session import strictest


def lifetime(*rules: str, who: Principal = AGENT) -> Lifetime:
    found = compile_policies([policy(rule, name=f"p{n}") for n, rule in enumerate(rules)], Marks())
    return found.for_session(who, APPDB).lifetime


def test_a_rule_bounds_the_session_and_names_itself() -> None:
    assert lifetime("[{session: {max: 8h, idle: 30m, recheck: 5m}}]") == Lifetime(
        Bound(8 * 3600, "p0/session-1"), Bound(1800, "p0/session-1"), Bound(300, "p0/session-1")
    )


def test_without_a_rule_nothing_is_bounded() -> None:
    assert lifetime("[{allow: {effects: [read]}}]") == Lifetime()
    assert compiled("[]").for_session(AGENT, APPDB).lifetime == Lifetime()


def test_each_bound_is_the_shortest_of_all_policies() -> None:
    first, second = "[{session: {max: 8h, idle: 30m}}]", "[{session: {max: 9h, idle: 1m, recheck: 5m}}]"
    for found in (lifetime(first, second), lifetime(second, first)):
        seconds = [bound.seconds for bound in (found.max, found.idle, found.recheck) if bound]
        assert seconds == [8 * 3600, 60, 300]


def test_what_only_observes_and_what_is_for_others_bounds_nothing() -> None:
    text = """
- {name: a, mode: observe, rules: [{session: {max: 1m}}]}
- {name: b, who: {kinds: [person]}, rules: [{session: {max: 2m}}]}
- {name: c, rules: [{session: {max: 3m}}]}
"""
    found = compiled(text)
    assert found.for_session(AGENT, APPDB).lifetime.max == Bound(180, "c/session-1")
    assert found.for_session(Principal("ann", Kind.PERSON), APPDB).lifetime.max == Bound(120, "b/session-1")


bounds = st.none() | st.builds(Bound, st.floats(1, 1e6), st.sampled_from("abc"))
lifetimes = st.builds(Lifetime, bounds, bounds, bounds)


@given(st.lists(lifetimes), lifetimes)
def test_one_more_rule_never_lengthens(some: list[Lifetime], more: Lifetime) -> None:
    before, after = strictest(some), strictest([more, *some])
    for name in ("max", "idle", "recheck"):
        one, two = getattr(before, name), getattr(after, name)
        assert one is None or (two is not None and two.seconds <= one.seconds)


def test_it_has_no_opinion_on_actions() -> None:
    found = ruled("[{allow: {effects: [read]}}, {session: {max: 1m}}]")
    session = found.for_session(AGENT, APPDB)
    asked = ask("read public.t")
    assert session.decide(asked).verdict.rule == "p/allow-1"
    assert ("p/session-2", "session", "max 1m") in session.explain(asked).opinions


def test_in_words() -> None:
    (rule,) = ruled("[{session: {max: 8h, recheck: 90s}}]").policies[0].rules
    assert describe.rule(rule) == "session max 8h, recheck 1m30s"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("session: {}", "needs max, idle, recheck"),
        ("session: 8h", "a mapping is needed here"),
        ("session: {max: 8}", "a duration is needed here"),
        ("session: {max: 0s}", "out of range"),
        ("session: {max: 31d}", "out of range"),
        ("session: {most: 8h}", 'unknown key "most"'),
        ("session: {max: 30m, idle: 30m}", "never ends a session that max has not ended"),
        ("{session: {max: 1h}, idle: 5m}", "stands beside session"),
        ("{session: {max: 1h}, message: hello}", "means nothing to session"),
    ],
)
def test_mistakes_are_found(rule: str, message: str) -> None:
    document = read_text(f"- name: p\n  rules:\n    - {rule}\n", "vedette.yaml")
    with pytest.raises(ConfigError) as caught:
        compile_policies(document.value, document.marks)  # type: ignore[arg-type]
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.fix or "mapping" in message
    assert problem.line == 3


def test_the_same_rule_twice_is_found() -> None:
    with pytest.raises(ConfigError, match="says the same as"):
        ruled("[{session: {max: 1h}}, {session: {max: 60m}}]")
