"""``shell`` and ``record``: whether shells are opened, and what is kept of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.asks import AGENT, APPDB, compiled, policy
from vedette.config.reading import read_text
from vedette.model import (
    SHELL_OBJECT,
    Action,
    Allow,
    Ask,
    Deny,
    Effect,
    Hold,
    Kind,
    Principal,
    Recorded,
    Resource,
    Shell,
    Touch,
    Verdict,
)
from vedette.policy import ConfigError, Marks, compile_policies, describe
from vedette.policy.decide import SessionPolicy

HOST = Resource("bastion", "ssh")
OPENING = Action("ssh", "shell", "", (Touch(Effect.EXECUTE, SHELL_OBJECT),))
EVERYTHING = '{allow: {effects: ["*", unknown]}}'


def session(*rules: str, who: Principal = AGENT, mode: str = "enforce") -> SessionPolicy:
    found = compile_policies([policy(rule, name=f"p{n}", mode=mode) for n, rule in enumerate(rules)], Marks())
    return found.for_session(who, HOST)


def opened(*rules: str, who: Principal = AGENT) -> Verdict:
    found = session(*rules, who=who)
    return found.decide(Ask(who, HOST, OPENING)).verdict


def test_silence_and_an_allowance_of_everything_open_no_shell() -> None:
    for rules in ("[{allow: {effects: [read]}}]", f"[{EVERYTHING}]"):
        verdict = opened(rules)
        assert isinstance(verdict, Deny)
        assert verdict.code == "policy.shell"
        assert session(rules).shell is None


@pytest.mark.parametrize(("way", "guarded"), [("record", False), ("guarded", True)])
def test_a_rule_opens_it_and_nothing_else(way: str, guarded: bool) -> None:
    rules = f"[{{shell: {way}}}]"
    assert opened(rules) == Allow("p0/shell-1")
    assert session(rules).shell == Shell("p0/shell-1", guarded)
    other = Action("ssh", "exec", "sh", (Touch(Effect.EXECUTE, "program:shell"),))
    assert isinstance(session(rules).decide(Ask(AGENT, HOST, other)).verdict, Deny)


def test_a_guard_wins_over_none_in_any_order() -> None:
    for rules in (("record", "guarded"), ("guarded", "record")):
        found = session(*(f"[{{shell: {way}}}]" for way in rules)).shell
        assert found is not None
        assert found.guarded


def test_denials_and_holds_count() -> None:
    deny = "[{shell: record}, {deny: {effects: [execute]}}]"
    assert isinstance(opened(deny), Deny)
    hold = '[{shell: record}, {hold: {objects: ["terminal:*"]}, approvers: {groups: [dba]}}]'
    assert isinstance(opened(hold), Hold)


def test_a_hold_alone_opens_nothing() -> None:
    verdict = opened('[{hold: {objects: ["terminal:*"]}, approvers: {groups: [dba]}}]')
    assert isinstance(verdict, Deny)
    assert verdict.code == "policy.shell"


def test_what_only_observes_opens_nothing_unless_nothing_is_enforced() -> None:
    observing = session("[{shell: record}]", mode="observe")
    assert observing.shell is not None
    found = compiled(
        """
- {name: a, mode: observe, rules: [{shell: record}, {record: {output: 1MB}}]}
- {name: b, rules: [{allow: {effects: [read]}}]}
"""
    ).for_session(AGENT, HOST)
    assert found.shell is None
    assert found.recorded == Recorded()
    assert isinstance(found.decide(Ask(AGENT, HOST, OPENING)).verdict, Deny)


LENT = replace(AGENT, actor="ann")
PEOPLE = "{name: people, who: {kinds: [person]}, rules: [{shell: %s}, {allow: {effects: [read]}}]}"


def test_what_opens_a_shell_for_a_person_opens_none_for_its_agent() -> None:
    text = f"[{PEOPLE % 'record'}, {{name: agents, who: {{kinds: [agent]}}, rules: [{EVERYTHING}]}}]"
    found = compiled(text).for_session(LENT, HOST)
    assert found.shell is None
    assert isinstance(found.decide(Ask(LENT, HOST, OPENING)).verdict, Deny)
    person = Principal("ann", Kind.PERSON)
    assert compiled(text).for_session(person, HOST).shell == Shell("people/shell-1")


def test_a_guard_for_a_person_guards_its_agent() -> None:
    text = f"[{PEOPLE % 'guarded'}, {{name: agents, who: {{kinds: [agent]}}, rules: [{{shell: record}}]}}]"
    assert compiled(text).for_session(LENT, HOST).shell == Shell("people/shell-1", guarded=True)
    assert compiled(text).for_session(AGENT, HOST).shell == Shell("agents/shell-1")


ways = st.lists(
    st.sampled_from(["{shell: record}", "{shell: guarded}", "{allow: {effects: [read]}}"]), max_size=5
)


@given(ways, st.sampled_from(["{shell: record}", "{shell: guarded}"]))
def test_one_more_rule_never_takes_a_guard_away(some: list[str], more: str) -> None:
    before = session(*(f"[{rule}]" for rule in some)).shell
    after = session(*(f"[{rule}]" for rule in (more, *some))).shell
    assert after is not None
    assert before is None or after.guarded >= before.guarded


def test_the_most_is_recorded() -> None:
    assert session("[{allow: {effects: [read]}}]").recorded == Recorded(64 << 10, False)
    found = session(
        "[{record: {output: 1KiB}}]", "[{record: {output: 2KiB, input: true}}]", "[{record: {input: false}}]"
    )
    assert found.recorded == Recorded(2048, True)
    assert session("[{record: {output: 0B}}]").recorded == Recorded(0, False)
    assert session("[{record: {input: true}}]").recorded == Recorded(64 << 10, True)


def test_in_words_and_explained() -> None:
    found = session("[{shell: guarded}, {record: {output: 1KiB, input: true}}]")
    rules = found.policies[0].rules
    assert [describe.rule(rule) for rule in rules] == [
        "interactive shells, guarded",
        "record 1024 bytes of each output and what is typed",
    ]
    opinions = found.explain(Ask(AGENT, HOST, OPENING)).opinions
    assert ("p0/shell-1", "shell", "guarded") in opinions
    assert ("p0/record-2", "record", "1024 bytes of each output and what is typed") in opinions


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("shell: allow", 'unknown kind of shell "allow"'),
        ("shell: true", "one of record, guarded is needed here"),
        ("shell: {guarded: true}", "one of record, guarded is needed here"),
        ("{shell: record, message: hello}", "means nothing to shell"),
        ("record: {}", "needs output, input or both"),
        ("record: {output: 2GiB}", "out of range"),
        ("record: {output: much}", "a size is needed here"),
        ("record: {input: yes please}", "true or false is needed here"),
        ("record: {stdout: 1MB}", 'unknown key "stdout"'),
        ("{record: {input: true}, output: 1MB}", "stands beside record"),
    ],
)
def test_mistakes_are_found(rule: str, message: str) -> None:
    document = read_text(f"- name: p\n  rules:\n    - {rule}\n", "vedette.yaml")
    with pytest.raises(ConfigError) as caught:
        compile_policies(document.value, document.marks)  # type: ignore[arg-type]
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.fix
    assert problem.line == 3


def test_where_there_are_no_terminals_it_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="shell can never matter"):
        compiled("[{name: a, where: {protocols: [postgres]}, rules: [{shell: record}]}]")
    section = [{"name": "a", "rules": [{"record": {"output": "1MB"}}]}]
    with pytest.raises(ConfigError, match="its record rule can never matter"):
        compile_policies(section, Marks(), resources=[APPDB])
    assert compile_policies(section, Marks(), resources=[APPDB, HOST])


def test_the_same_rule_twice_is_found() -> None:
    for rule in ("{shell: guarded}", "{record: {output: 1KiB}}"):
        with pytest.raises(ConfigError, match="says the same as"):
            session(f"[{rule}, {rule}]")
