from __future__ import annotations

import pytest

from tests.policy.asks import AGENT, APPDB, ask, compiled, decision, ruled, touch, verdict
from vedette.model import Allow, Deny, Hold, Kind, Principal, Resource, Touch
from vedette.policy.testing import word

HELD = """
- allow: {effects: [read]}
- hold: {effects: [write], objects: ["public.payments"]}
  approvers: {groups: [dba]}
- deny: {effects: [destroy]}
"""


def said(rules: str, *touches: object, **more: object) -> str:
    return word(verdict(ruled(rules), ask(*touches, **more)))  # type: ignore[arg-type]


# The strictest wins, silence denies


def test_what_a_rule_allows_passes() -> None:
    assert said(HELD, "read public.t") == "allow"


def test_what_no_rule_permits_is_refused() -> None:
    found = verdict(ruled(HELD), ask("write public.t"))
    assert isinstance(found, Deny)
    assert (found.rule, found.code) == ("default", "policy.default")
    assert found.reason == "no rule permits write on public.t"


def test_a_hold_permits_what_it_holds() -> None:
    found = verdict(ruled(HELD), ask("write public.payments"))
    assert isinstance(found, Hold)
    assert (found.approvers, found.count, found.patience, found.mode, found.uses) == (
        {"dba"},
        1,
        900.0,
        "wait",
        1,
    )
    assert found.reason == "write on public.payments needs one person of dba within 15m"


def test_the_strictest_opinion_on_any_touch_is_the_verdict() -> None:
    assert said(HELD, "read public.t", "write public.payments") == "hold"
    assert said(HELD, "read public.t", "write public.payments", "destroy public.t") == "deny"
    assert said(HELD, "read public.t", "write public.other") == "deny"


def test_a_denial_beats_an_allowance_of_the_same_touch() -> None:
    rules = '[{allow: {effects: [read]}}, {deny: {objects: ["hr.*"]}}]'
    assert said(rules, "read public.t") == "allow"
    assert said(rules, "read hr.pay") == "deny"


def test_where_no_policy_applies_everything_is_refused() -> None:
    policies = compiled("[{name: p, who: {kinds: [person]}, rules: [{allow: {effects: [read]}}]}]")
    found = verdict(policies, ask("read public.t"))
    assert isinstance(found, Deny)
    assert found.reason == 'no policy applies to you on "appdb"'


@pytest.mark.parametrize("touches", [(), (touch("read public.t", implied=True),)], ids=["none", "implied"])
def test_an_action_with_nothing_to_judge_is_refused(touches: tuple[object, ...]) -> None:
    assert said(HELD, *touches) == "deny"
    assert said('[{hold: {effects: ["*"]}, approvers: {groups: [dba]}}]', *touches) == "deny"


# Implied touches


def test_an_implied_touch_needs_no_permission() -> None:
    assert (
        said('[{allow: {objects: ["public.view"]}}]', "read public.view", touch("read hr.pay", implied=True))
        == "allow"
    )


@pytest.mark.parametrize("kind", ["deny", "hold"])
def test_a_denial_or_hold_on_an_implied_touch_counts(kind: str) -> None:
    approvers = ", approvers: {groups: [dba]}" if kind == "hold" else ""
    rules = f'[{{allow: {{objects: ["public.*"]}}}}, {{{kind}: {{objects: ["hr.*"]}}{approvers}}}]'
    assert said(rules, "read public.view", touch("read hr.pay", implied=True)) == kind


# What could not be read


@pytest.mark.parametrize(
    "rules",
    [
        '[{allow: {effects: ["*"]}}]',
        "[{allow: {effects: [read, write, delete, destroy, create, alter, grant, execute]}}]",
        '[{allow: {objects: ["*"]}}]',
        "[{allow: {pattern: DROP}}]",
        "[{allow: {when: 'principal.kind == \"agent\"'}}]",
        "[{allow: {pack: destructive-sql}}]",
        '[{hold: {effects: ["*"]}, approvers: {groups: [dba]}}]',
        '[{hold: {objects: ["*"]}, approvers: {groups: [dba]}}]',
        "[{hold: {pack: destructive-sql}, approvers: {groups: [dba]}}]",
    ],
)
def test_unknown_is_permitted_by_no_rule_that_does_not_name_it(rules: str) -> None:
    found = verdict(ruled(rules), ask("unknown", text="DROP", reason="syntax error", unscoped=True))
    assert isinstance(found, Deny)
    assert found.code == "policy.unknown"
    assert "syntax error" in found.reason


def test_unknown_is_permitted_by_a_rule_that_names_it() -> None:
    assert said("[{allow: {effects: [unknown]}}]", "unknown") == "allow"
    assert said('[{allow: {effects: ["*", unknown]}}]', "unknown") == "allow"
    assert said("[{hold: {effects: [unknown]}, approvers: {groups: [dba]}}]", "unknown") == "hold"


@pytest.mark.parametrize(
    "denial",
    [
        '{effects: ["*"], objects: ["hr.*"]}',
        '{objects: ["hr.*"]}',
        "{pack: destructive-sql}",
        "{when: action.sql.ddl}",
    ],
)
def test_what_cannot_be_ruled_out_of_an_unread_action_is_refused(denial: str) -> None:
    found = verdict(ruled(f"[{{allow: {{effects: [unknown]}}}}, {{deny: {denial}}}]"), ask("unknown"))
    assert isinstance(found, Deny)
    assert "could not be ruled out" in found.reason


def test_a_denial_that_names_other_effects_leaves_unknown_to_who_names_it() -> None:
    assert said("[{allow: {effects: [unknown]}}, {deny: {effects: [destroy]}}]", "unknown") == "allow"


# Objects


def test_reading_nothing_is_permitted_to_whoever_may_read_something() -> None:
    rules = '[{allow: {effects: [read], objects: ["public.a"]}}, {deny: {objects: ["hr.*"]}}]'
    assert said(rules, "read") == "allow"
    assert said('[{allow: {effects: [write], objects: ["public.a"]}}]', "read") == "deny"


def test_another_effect_on_no_object_may_be_on_any() -> None:
    rules = '[{allow: {effects: [delete]}}, {deny: {objects: ["hr.*"]}}]'
    assert said(rules, "delete public.t") == "allow"
    assert said(rules, "delete") == "deny"
    assert said('[{allow: {effects: [delete], objects: ["public.*"]}}]', "delete") == "deny"


def test_a_name_without_a_schema_is_allowed_by_no_rule_that_names_objects() -> None:
    lost = touch("read pay", resolved=False)
    assert said('[{allow: {objects: ["hr.pay", "*.pay", "*"]}}]', lost) == "deny"
    assert said("[{allow: {effects: [read]}}]", lost) == "allow"


@pytest.mark.parametrize(("glob", "matches"), [("hr.pay", True), ("hr.*", True), ("hr.other", False)])
def test_a_name_without_a_schema_is_denied_in_any(glob: str, matches: bool) -> None:
    rules = f'[{{allow: {{effects: [read]}}}}, {{deny: {{objects: ["{glob}"]}}}}]'
    assert said(rules, touch("read pay", resolved=False)) == ("deny" if matches else "allow")


def test_a_hold_on_a_name_without_a_schema_needs_a_permission_besides() -> None:
    hold = 'hold: {objects: ["public.pay"]}, approvers: {groups: [dba]}'
    lost = touch("read pay", resolved=False)
    assert said(f"[{{{hold}}}]", lost) == "deny"
    assert said(f"[{{allow: {{effects: [read]}}}}, {{{hold}}}]", lost) == "hold"


# Conditions


UNSCOPED = "{when: 'action.sql.unscoped && principal.kind == \"agent\"'}"


def test_a_condition_decides_by_the_facts() -> None:
    rules = f"[{{allow: {{effects: [delete]}}}}, {{deny: {UNSCOPED}, message: add a WHERE clause}}]"
    assert said(rules, "delete public.t") == "allow"
    found = verdict(ruled(rules), ask("delete public.t", unscoped=True))
    assert isinstance(found, Deny)
    assert (found.rule, found.reason) == ("p/deny-2", "add a WHERE clause")


def test_an_unknown_fact_makes_an_allowance_abstain_and_a_denial_or_hold_fire() -> None:
    nothing = {"facts": None}
    assert said("[{allow: {when: '!action.sql.unscoped'}}]", "read public.t", **nothing) == "deny"
    assert (
        said(f"[{{allow: {{effects: [read]}}}}, {{deny: {UNSCOPED}}}]", "read public.t", **nothing) == "deny"
    )
    hold = f"{{hold: {UNSCOPED}, approvers: {{groups: [dba]}}}}"
    assert said(f"[{{allow: {{effects: [read]}}}}, {hold}]", "read public.t", **nothing) == "hold"
    assert said(f"[{hold}]", "read public.t", **nothing) == "deny"


def test_an_unknown_fact_that_decides_nothing_changes_nothing() -> None:
    person = Principal("ann", Kind.PERSON)
    rules = f"[{{allow: {{effects: [read]}}}}, {{deny: {UNSCOPED}}}]"
    assert said(rules, "read public.t", facts=None, who=person) == "allow"


def test_what_a_token_did_not_say_is_unknown() -> None:
    rules = "[{allow: {effects: [read]}}, {deny: {when: 'principal.email.endsWith(\"@evil.example\")'}}]"
    assert said(rules, "read public.t") == "allow"
    assert said(rules, "read public.t", who=Principal("bot", Kind.AGENT)) == "deny"


def test_facts_of_an_action_that_was_not_read_whole_are_unknown() -> None:
    rules = "[{allow: {effects: [unknown, read]}}, {deny: {when: action.sql.unscoped}}]"
    assert said(rules, "read public.t", "unknown function:public.f", unscoped=False) == "deny"


def test_patterns_search_the_text() -> None:
    rules = '[{allow: {effects: ["*"]}}, {deny: {pattern: "(?i)pg_sleep"}}]'
    assert said(rules, "read", text="SELECT 1") == "allow"
    assert said(rules, "read", text="SELECT PG_SLEEP(9)") == "deny"
    assert said(rules, "read", text="\udcff") == "deny"


def test_all_matchers_of_a_rule_must_match() -> None:
    rules = '[{allow: {effects: ["*"]}}, {deny: {effects: [write], objects: ["public.*"], pattern: secret}}]'
    assert said(rules, "write public.t", text="secret") == "deny"
    assert said(rules, "write public.t", text="other") == "allow"
    assert said(rules, "write hr.t", text="secret") == "allow"
    assert said(rules, "read public.t", text="secret") == "allow"


# Several holds


def hold(groups: str, more: str = "") -> str:
    return f'{{hold: {{objects: ["public.*"]}}, approvers: {groups}{more}}}'


def test_several_holds_become_one_as_strict_as_each() -> None:
    one = hold("{groups: [dba, security], count: 2}", ", within: 1h, mode: ticket, uses: 5")
    other = "{hold: {effects: [write]}, approvers: {groups: [security, ops]}, within: 10m}"
    found = verdict(ruled(f"[{one}, {other}]"), ask("write public.t"))
    assert isinstance(found, Hold)
    assert (found.approvers, found.count, found.patience) == ({"security"}, 2, 600.0)
    assert (found.mode, found.uses, found.locks) == ("ticket", 1, False)
    assert found.rule == "p/hold-1, p/hold-2"


def test_holds_that_nobody_can_approve_together_are_a_refusal_that_says_so() -> None:
    other = "{hold: {effects: [write]}, approvers: {groups: [ops]}}"
    found = verdict(ruled(f"[{hold('{groups: [dba]}')}, {other}]"), ask("write public.t"))
    assert isinstance(found, Deny)
    assert "p/hold-1 (dba), p/hold-2 (ops)" in found.reason


# Obligations


def test_masks_and_limits_go_with_whatever_passes() -> None:
    policies = ruled(
        HELD
        + '- mask: {entities: [email], as: partial}\n- mask: {columns: ["public.c.ssn"]}\n- limit: {rows: 5}'
    )
    allowed, held = verdict(policies, ask("read public.t")), verdict(policies, ask("write public.payments"))
    assert isinstance(allowed, Allow)
    assert isinstance(held, Hold)
    assert allowed.masks == held.masks == policies.for_session(AGENT, APPDB).masks
    assert [mask.rule for mask in allowed.masks] == ["p/mask-4", "p/mask-5"]
    assert allowed.limits == held.limits
    assert allowed.limits[0].rows == 5


# Observing


def test_a_policy_that_observes_lets_pass_and_says_what_it_would_have_done() -> None:
    policies = ruled(HELD, mode="observe")
    session = policies.for_session(AGENT, APPDB)
    assert session.observing
    for touches, would in (
        ("read public.t", None),
        ("write public.payments", Hold),
        ("destroy public.t", Deny),
    ):
        found = session.decide(ask(touches)).verdict
        assert isinstance(found, Allow)
        assert found.observed is None if would is None else isinstance(found.observed, would)


def test_silence_and_unread_actions_pass_where_only_observing_policies_apply() -> None:
    found = verdict(ruled(HELD, mode="observe"), ask("unknown"))
    assert isinstance(found, Allow)
    assert isinstance(found.observed, Deny)


def test_masks_and_limits_of_an_observing_policy_are_told_not_applied() -> None:
    session = ruled(
        '[{allow: {effects: ["*"]}}, {mask: {entities: [email]}}, {limit: {rows: 1}}]', mode="observe"
    )
    found = session.for_session(AGENT, APPDB)
    assert found.masks == found.limits == ()
    assert ("p/mask-2", "mask (observing)", "email") in found.explain(ask("read public.t")).opinions


BOTH = """
- name: firm
  rules: [{allow: {effects: [read]}}, {mask: {entities: [email]}}]
- name: trial
  mode: observe
  rules: [{allow: {effects: [write]}}, {deny: {objects: ["hr.*"]}}, {mask: {entities: [phone]}}]
"""


def test_an_enforcing_policy_is_not_loosened_by_one_that_observes() -> None:
    assert isinstance(verdict(compiled(BOTH), ask("write public.t")), Deny)
    found = verdict(compiled(BOTH), ask("read hr.pay"))
    assert isinstance(found, Allow)
    assert isinstance(found.observed, Deny)
    assert found.observed.rule == "trial/deny-2"
    assert [mask.rule for mask in found.masks] == ["firm/mask-2"]
    clean = verdict(compiled(BOTH), ask("read public.t"))
    assert isinstance(clean, Allow)
    assert clean.observed is None


# Sessions


@pytest.mark.parametrize(
    ("who", "applies"),
    [
        ("{}", True),
        ("{kinds: [agent]}", True),
        ("{kinds: [person]}", False),
        ("{kinds: [person, agent]}", True),
        ("{groups: [other, ai-agents]}", True),
        ("{groups: [other]}", False),
        ("{kinds: [agent], groups: [other]}", False),
        ('{subjects: ["b*"]}', True),
        ("{subjects: [bo]}", False),
        ("{issuers: [vedette]}", True),
        ("{issuers: [ved]}", False),
    ],
)
def test_a_policy_applies_to_whom_it_names(who: str, applies: bool) -> None:
    policies = compiled(f"[{{name: p, who: {who}, rules: [{{allow: {{effects: [read]}}}}]}}]")
    assert bool(policies.for_session(AGENT, APPDB).policies) is applies


@pytest.mark.parametrize(
    ("where", "applies"),
    [
        ("{}", True),
        ("{resources: [appdb]}", True),
        ('{resources: ["app*"]}', True),
        ("{resources: [app]}", False),
        ("{labels: {env: prod}}", True),
        ("{labels: {env: [test, prod]}}", True),
        ("{labels: {env: test}}", False),
        ("{labels: {env: prod, tier: gold}}", False),
        ("{protocols: [postgres]}", True),
    ],
)
def test_a_policy_applies_where_it_says(where: str, applies: bool) -> None:
    policies = compiled(f"[{{name: p, where: {where}, rules: [{{allow: {{effects: [read]}}}}]}}]")
    assert bool(policies.for_session(AGENT, APPDB).policies) is applies


def test_an_ask_of_another_session_is_an_error() -> None:
    session = ruled(HELD).for_session(AGENT, APPDB)
    with pytest.raises(ValueError, match="another principal"):
        session.decide(ask("read public.t", who=Principal("eve", Kind.AGENT)))
    with pytest.raises(ValueError, match="another resource"):
        session.decide(ask("read public.t", where=Resource("other", "postgres")))


def test_every_decision_names_the_version_of_the_policies() -> None:
    policies = ruled(HELD)
    found = decision(policies, ask("read public.t"))
    assert found.policy == policies.hash == policies.for_session(AGENT, APPDB).hash
    assert len(found.policy) == 32
    assert found.opinions == ()


def test_the_hash_changes_with_the_rules_and_only_with_them() -> None:
    assert ruled(HELD).hash == ruled(HELD).hash
    assert ruled(HELD).hash != ruled(HELD.replace("dba", "ops")).hash


@pytest.mark.parametrize(
    ("rule", "reads"),
    [
        ("{allow: {effects: [read]}}", False),
        ("{deny: {pack: destructive-sql}}", False),
        ("{deny: {when: action.sql.unscoped}}", False),
        ("{deny: {when: '\"x\" in action.objects'}}", False),
        ("{deny: {when: 'resource.name == \"x\"'}}", False),
        ("{deny: {pattern: x}}", True),
        ("{deny: {when: 'action.text.contains(\"x\")'}}", True),
        ("{deny: {when: '\"x\" in action.parameters'}}", True),
        ("{deny: {when: 'action.kind == \"copy\"'}}", True),
        ('{deny: {when: \'action["text"] == "x"\'}}', True),
    ],
)
def test_a_session_knows_whether_equal_facts_mean_equal_verdicts(rule: str, reads: bool) -> None:
    assert ruled(f"[{rule}]").for_session(AGENT, APPDB).reads_text is reads


def test_answers_are_remembered_by_the_facts_they_depend_on() -> None:
    rules = "[{allow: {effects: [read]}}, {deny: {when: 'action.sql.verbs[0] == \"DROP TABLE\"'}}]"
    session = ruled(rules).for_session(AGENT, APPDB)
    for verb, expected in (
        ("SELECT", "allow"),
        ("DROP TABLE", "deny"),
        ("SELECT", "allow"),
        ("DROP TABLE", "deny"),
    ):
        assert word(session.decide(ask("read public.t", verbs=[verb])).verdict) == expected


def test_a_memory_that_is_full_begins_anew() -> None:
    rules = "[{allow: {effects: [read]}}, {deny: {when: 'action.sql.statements > 500'}}]"
    session = ruled(rules).for_session(AGENT, APPDB)
    for count in range(1000):
        assert word(session.decide(ask("read public.t", statements=count)).verdict) == (
            "deny" if count > 500 else "allow"
        )


def test_conditions_on_very_many_objects_are_undecided() -> None:
    rules = "[{allow: {effects: [read]}}, {deny: {when: '\"hr.pay\" in action.objects'}}]"
    assert said(rules, *(f"read s.t{number}" for number in range(1000))) == "allow"
    assert said(rules, *(f"read s.t{number}" for number in range(1001))) == "deny"


def test_an_explanation_lists_who_said_what() -> None:
    found = ruled(HELD).for_session(AGENT, APPDB).explain(ask("write public.payments", "read public.t"))
    assert found.opinions == (
        ("p/allow-1", "allow", "read public.t"),
        ("p/hold-2", "hold", "write public.payments"),
    )


def test_of_several_refusals_the_one_with_a_message_is_told() -> None:
    rules = "[{deny: {effects: [destroy]}}, {deny: {pack: destructive-sql}, message: no DROP here}]"
    found = verdict(ruled(rules), ask("write public.t", "destroy public.t"))
    assert isinstance(found, Deny)
    assert found.reason == "no DROP here"


def test_names_in_a_reason_are_inert_and_short() -> None:
    found = verdict(ruled(HELD), ask("write public.a\x1b[31m\nb" + "x" * 500))
    assert isinstance(found, Deny)
    assert found.reason.isprintable()
    assert len(found.reason) < 300


def test_a_condition_that_holds_permits() -> None:
    assert said("[{allow: {when: '!action.sql.unscoped'}}]", "read public.t") == "allow"
    assert said("[{allow: {when: '!action.sql.unscoped'}}]", "read public.t", unscoped=True) == "deny"
    assert said('[{allow: {pattern: "^SELECT"}}]', "read public.t") == "allow"


def test_a_condition_may_look_at_the_whole_action() -> None:
    rules = '[{allow: {effects: [read]}}, {deny: {when: \'action["text"] == "SELECT 2"\'}}]'
    assert said(rules, "read public.t") == "allow"
    assert said(rules, "read public.t", text="SELECT 2") == "deny"
    facts = '[{allow: {effects: [read]}}, {deny: {when: \'action["sql"]["ddl"]\'}}]'
    assert said(facts, "read public.t") == "allow"
    assert said(facts, "read public.t", ddl=True) == "deny"
    dialect = "[{allow: {effects: [read]}}, {deny: {when: 'action.sql[\"ddl\"]'}}]"
    assert said(dialect, "read public.t") == "allow"
    assert said(dialect, "read public.t", ddl=True) == "deny"


def test_the_rule_that_is_told_permits_what_was_asked_not_what_follows() -> None:
    rules = '[{allow: {objects: ["hr.*"]}}, {allow: {objects: ["public.*"]}}, {deny: {when: action.sql.ddl}}]'
    found = verdict(ruled(rules), ask(touch("read hr.pay", implied=True), "read public.view"))
    assert found.rule == "p/allow-2"


def test_waiting_with_locks_needs_every_hold_to_permit_it() -> None:
    one = "{hold: {effects: [write]}, approvers: {groups: [a]}, locks: true}"
    other = '{hold: {objects: ["public.*"]}, approvers: {groups: [a]}}'
    both = verdict(ruled(f"[{one}, {other}]"), ask("write public.t"))
    assert isinstance(both, Hold)
    assert not both.locks
    alone = verdict(ruled(f"[{one}]"), ask("write public.t"))
    assert isinstance(alone, Hold)
    assert alone.locks


def test_a_pattern_beside_a_pack_reads_the_text() -> None:
    session = ruled("[{deny: {pack: destructive-sql, pattern: x}}]").for_session(AGENT, APPDB)
    assert session.reads_text


def test_only_a_session_with_an_observing_policy_is_observing() -> None:
    assert not ruled(HELD).for_session(AGENT, APPDB).observing
    assert compiled(BOTH).for_session(AGENT, APPDB).observing


def test_one_rule_that_reads_the_text_is_enough() -> None:
    assert ruled("[{allow: {effects: [read]}}, {deny: {pattern: x}}]").for_session(AGENT, APPDB).reads_text


def test_an_ask_of_an_equal_principal_is_of_the_session() -> None:
    session = ruled(HELD).for_session(AGENT, APPDB)
    twin = Principal("bot", Kind.AGENT, frozenset({"ai-agents"}), email="bot@example.com")
    again = Resource("appdb", "postgres", {"env": "prod"})
    assert word(session.decide(ask("read public.t", who=twin, where=again)).verdict) == "allow"


@pytest.mark.parametrize(
    ("touched", "doubt"),
    [
        (touch("unknown"), "the action could not be read"),
        (touch("read pay", resolved=False), "the schema of pay is not known"),
        (touch("delete"), "the object is not known"),
    ],
)
def test_what_could_not_be_ruled_out_is_said(touched: Touch, doubt: str) -> None:
    rules = '[{allow: {effects: [read, delete, unknown]}}, {deny: {objects: ["hr.pay"]}}]'
    found = verdict(ruled(rules), ask(touched))
    assert isinstance(found, Deny)
    assert f"(the rule could not be ruled out: {doubt})" in found.reason


def test_a_fact_that_is_not_known_is_said() -> None:
    rules = "[{allow: {effects: [read]}}, {deny: {when: action.sql.unscoped}}]"
    found = verdict(ruled(rules), ask("read public.t", facts=None))
    assert isinstance(found, Deny)
    assert "a fact that its condition asks for is not known" in found.reason
