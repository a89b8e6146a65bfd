"""Strict decoding: each mistake is found, at its place, with its fix."""

from __future__ import annotations

import dataclasses

import pytest

from vedette.config.reading import read_text
from vedette.model import Resource
from vedette.policy import ConfigError, Policies, Problem, compile_policies
from vedette.policy.rules import KINDS
from vedette.policy.spoken import PROTOCOLS, Spoken

HEAD = "- name: p\n  rules:\n"
APPDB = Resource("appdb", "postgres", {"env": "prod"})


def load(text: str, resources: list[Resource] | None = None) -> Policies:
    document = read_text(text, "vedette.yaml")
    assert isinstance(document.value, list)
    return compile_policies(document.value, document.marks, resources=resources)


def problems(text: str, resources: list[Resource] | None = None) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load(text, resources)
    return caught.value.problems


def only(text: str, resources: list[Resource] | None = None) -> Problem:
    (found,) = problems(text, resources)
    return found


@pytest.mark.parametrize(
    ("rule", "message", "fix"),
    [
        ("allow: {efects: [read]}", 'unknown key "efects" in allow', 'did you mean "effects"?'),
        ("allow: {effects: [reed]}", 'unknown effect "reed"', 'did you mean "read"?'),
        ("allow: {effects: []}", "an empty list matches nothing", "leave effects out"),
        ("allow: {effects: read}", "a list is needed here, not text", "[one, two]"),
        ("allow: {effects: [read, read]}", "stands here twice", "remove one"),
        ('allow: {effects: ["*", read]}', "already stands for every effect", '["*"] alone'),
        ('allow: {effects: ["*", read, unknown]}', "already stands for every effect", '["*", unknown]'),
        ("allow: {}", "nothing says what this is about", 'effects: ["*"]'),
        ("allow: null", "a mapping is needed here, not nothing", ""),
        ("allow: {objects: [payments]}", "has no schema", '"public.payments"'),
        ('allow: {objects: ["tabel:x"]}', 'unknown kind of object "tabel"', "known are"),
        ('deny: {pattern: "(?=x)"}', "the pattern is not RE2", "look-around"),
        (f'deny: {{pattern: "{"x" * 4097}"}}', "longer than 4096", ""),
        ("deny: {when: action.sql.unscopd}", 'unknown fact "action.sql.unscopd"', 'did you mean "unscoped"?'),
        ("deny: {when: 1 == 1}", "asks nothing of principal, resource or action", "remove it"),
        ("deny: {when: 5}", "text is needed here, not a number", 'quotes: "5"'),
        ("deny: {pack: destructive}", 'unknown pack "destructive"', "destructive-sql"),
        ("deny: {pack: secrets}", 'pack "secrets" is for masks', "mask: {pack: secrets}"),
        ("mask: {pack: destructive-sql}", 'pack "destructive-sql" has nothing to mask', "personal-data"),
        ("mask: {entities: [emial]}", 'unknown entity "emial"', 'did you mean "email"?'),
        ("mask: {entities: [email], as: partil}", 'unknown strategy "partil"', 'did you mean "partial"?'),
        ("mask: {entities: [email], keep: 2}", "keep means nothing with as: redact", "as: partial"),
        ("mask: {entities: [email], as: partial, keep: 5}", "5 is out of range", "from 1 to 4"),
        ("mask: {as: redact}", "exactly one of entities, columns and pack", ""),
        ('mask: {entities: [email], columns: ["public.t.c"]}', "exactly one of", "a rule for each"),
        ("mask: {columns: [ssn]}", '"ssn" names no table', '"*.ssn"'),
        ('mask: {columns: ["*.ssn"], as: partial, keep: 9}', "9 is out of range", "from 1 to 8"),
        ('mask: {columns: ["public.t.c[1]"]}', "the only wildcard is *", "write *"),
        ("limit: {per: session}", "a limit needs rows, bytes or both", ""),
        ("limit: {rows: 0}", "0 is out of range", ""),
        ("limit: {rows: many}", "a whole number is needed", ""),
        ("limit: {bytes: 5mb}", "a size is needed here", "50MB"),
        ("limit: {rows: 5, per: day}", 'unknown per "day"', "session"),
        ("limit: {rows: 5}, per: session", '"per" stands beside limit', "limit: {per: ...}"),
        ("mask: {entities: [email]}, as: redact", '"as" stands beside mask', "mask: {as: ...}"),
        (
            "allow: {effects: [read]}, objects: [public.t]",
            '"objects" stands beside allow',
            "allow: {objects: ...}",
        ),
        ("allow: {effects: [read]}, message: hi", '"message" means nothing to allow', "deny and hold"),
        ("deny: {effects: [read]}, within: 5m", '"within" means nothing to deny', "hold"),
        ("deny: {effects: [read], message: hi}", '"message" stands inside deny', "beside deny:"),
        (
            "deny: {effects: [read]}, mesage: hi",
            'unknown key "mesage" beside deny',
            'did you mean "message"?',
        ),
        ("hold: {effects: [write]}", "a hold needs approvers", "approvers: {groups: [...]}"),
        ("hold: {effects: [write]}, approvers: {groups: []}", "an empty list matches nothing", ""),
        ("hold: {effects: [write]}, approvers: {count: 1}", '"groups" is missing', "add groups:"),
        ("hold: {effects: [write]}, approvers: {groups: [a], count: 0}", "0 is out of range", "from 1 to 10"),
        ("hold: {effects: [write]}, approvers: {groups: [a]}, within: 15", "a duration is needed", "15m"),
        ("hold: {effects: [write]}, approvers: {groups: [a]}, within: 30d", "out of range", "to 7d"),
        (
            "hold: {effects: [write]}, approvers: {groups: [a]}, mode: tiket",
            'unknown mode "tiket"',
            '"ticket"',
        ),
        (
            "hold: {effects: [write]}, approvers: {groups: [a]}, uses: 2",
            "uses is about tickets",
            "mode: ticket",
        ),
        (
            "hold: {effects: [write]}, approvers: {groups: [a]}, mode: ticket, locks: true",
            "a ticket does not wait",
            "remove it",
        ),
        ("hold: {effects: [write]}, approvers: {groups: [a]}, locks: yes", "true or false is needed", ""),
        (
            "allow: {effects: [read]}, deny: {effects: [write]}",
            "exactly one of allow, deny, hold, mask, limit",
            "",
        ),
        ("alow: {effects: [read]}", "exactly one of", 'did you mean "allow"?'),
        ("allow: {effects: [read]}, name: a/b", "is no name", ""),
    ],
)
def test_a_mistake_in_a_rule_is_said_with_its_fix(rule: str, message: str, fix: str) -> None:
    found = only(f"{HEAD}    - {{{rule}}}\n")
    assert message in found.message
    assert fix in found.fix
    assert (found.file, found.line) == ("vedette.yaml", 3)


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("- {rules: [{allow: {effects: [read]}}]}", 'the key "name" is missing', "add name:"),
        ("- {name: p}", 'the key "rules" is missing', "add rules:"),
        ("- {name: p, rules: []}", "a policy without rules says nothing", ""),
        ("- {name: p q, rules: [{allow: {effects: [read]}}]}", "is no name", ""),
        (
            "- {name: p, mode: observ, rules: [{allow: {effects: [read]}}]}",
            'unknown mode "observ"',
            '"observe"',
        ),
        (
            "- {name: p, who: {kinds: [robot]}, rules: [{allow: {effects: [read]}}]}",
            'unknown kind "robot"',
            "agent",
        ),
        (
            "- {name: p, who: {groups: []}, rules: [{allow: {effects: [read]}}]}",
            "an empty list",
            "leave groups out",
        ),
        (
            "- {name: p, who: {group: [a]}, rules: [{allow: {effects: [read]}}]}",
            'unknown key "group"',
            '"groups"',
        ),
        (
            "- {name: p, where: {labels: {}}, rules: [{allow: {effects: [read]}}]}",
            "matches nothing",
            "leave labels",
        ),
        ("- {name: p, where: {labels: {a: []}}, rules: [{allow: {effects: [read]}}]}", "an empty list", ""),
        (
            "- {name: p, where: {protocols: [postgress]}, rules: [{allow: {effects: [read]}}]}",
            "unknown protocol",
            '"postgres"',
        ),
        (
            "- {name: p, where: {labels: {tier: 1}}, rules: [{allow: {effects: [read]}}]}",
            "text is needed",
            '"1"',
        ),
        ("- just text", "a mapping is needed here, not text", ""),
        (
            "- {name: p, rules: [{limit: {rows: 1}}]}\n- {name: p, rules: [{limit: {rows: 1}}]}",
            'two policies are called "p"',
            "",
        ),
        (
            "- {name: p, rules: [{allow: {effects: [read]}, name: a}, {deny: {effects: [write]}, name: a}]}",
            'two rules of "p" are called "a"',
            "",
        ),
        (
            "- {name: p, rules: [{allow: {effects: [read, write]}}, {allow: {effects: [write, read]}}]}",
            "this rule says the same as p/allow-1",
            "remove one",
        ),
        (
            "- {name: p, rules: [{mask: {entities: [email]}}, {mask: {entities: [email]}}]}",
            "this rule says the same as p/mask-1",
            "",
        ),
        (
            "- {name: p, rules: [{limit: {rows: 5}}, {limit: {rows: 5}}]}",
            "this rule says the same as p/limit-1",
            "",
        ),
        (
            "- {name: p, rules: [{allow: {effects: [read]}}, {deny: {effects: [read, write]}}]}",
            "this allow can never matter: p/deny-2 denies all of it",
            "narrow the denial",
        ),
        (
            '- {name: p, rules: [{allow: {objects: ["hr.p*"]}}, {deny: {objects: ["hr.*"]}}]}',
            "this allow can never matter",
            "",
        ),
        (
            "- {name: p, rules: [{hold: {pack: destructive-sql}, approvers: {groups: [a]}}, "
            "{deny: {effects: [destroy, write, delete]}}]}",
            "this hold can never matter",
            "",
        ),
    ],
)
def test_a_mistake_in_a_policy_is_said_with_its_fix(text: str, message: str, fix: str) -> None:
    found = only(text)
    assert message in found.message
    assert fix in found.fix
    assert found.line >= 1


@pytest.mark.parametrize(
    "rules",
    [
        '[{allow: {effects: [read]}}, {deny: {effects: [read], objects: ["hr.*"]}}]',
        "[{allow: {effects: [read, write]}}, {deny: {effects: [write]}}]",
        "[{allow: {effects: [read]}}, {deny: {effects: [read], when: action.sql.ddl}}]",
        '[{allow: {objects: ["hr.*"]}}, {deny: {objects: ["hr.p*"]}}]',
        '[{allow: {objects: ["function:*"]}}, {deny: {objects: ["*"]}}]',
        "[{allow: {pack: destructive-sql}}, {deny: {effects: [destroy]}}]",
    ],
)
def test_rules_that_only_overlap_load(rules: str) -> None:
    load(f"- {{name: p, rules: {rules}}}")


@pytest.mark.parametrize(
    ("where", "message", "fix"),
    [
        ("{resources: [appbd]}", 'no resource is called "appbd"', 'did you mean "appdb"?'),
        ('{resources: ["web*"]}', 'no resource is called "web*"', "known are appdb"),
        ("{labels: {env: prd}}", 'policy "p" applies to no resource', "compare"),
    ],
)
def test_a_policy_that_reaches_no_resource_is_a_mistake(where: str, message: str, fix: str) -> None:
    found = only(f"- {{name: p, where: {where}, rules: [{{allow: {{effects: [read]}}}}]}}", [APPDB])
    assert message in found.message
    assert fix in found.fix


def test_a_mask_on_what_cannot_be_masked_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROTOCOLS, "telnet", Spoken(masks=False))  # type: ignore[arg-type]
    named = "- {name: p, where: {protocols: [telnet]}, rules: [{mask: {entities: [email]}}]}"
    assert only(named).message == "results of telnet cannot be masked"
    reached = "- {name: p, rules: [{mask: {entities: [email]}}]}"
    assert '"old" speaks telnet' in only(reached, [Resource("old", "telnet")]).message


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = (
        "- name: p\n"
        "  who: {kinds: [robot]}\n"
        "  rules:\n"
        "    - allow: {efects: [read]}\n"
        "    - hold: {effects: [write]}\n"
        "    - mask: {entities: [emial]}\n"
        "  mood: bad\n"
    )
    found = problems(text)
    assert [problem.line for problem in found] == [2, 4, 5, 6, 7]
    assert str(found[1]) == ('vedette.yaml:4:15: unknown key "efects" in allow; did you mean "effects"?')


def test_the_settings_of_a_hold_arrive() -> None:
    text = (
        f"{HEAD}    - hold: {{effects: [write]}}\n"
        "      approvers: {groups: [dba, ops], count: 2}\n"
        "      within: 1h30m\n      mode: ticket\n      uses: 3\n"
        "      message: ask first\n      name: writes\n"
    )
    (rule,) = load(text).policies[0].judging
    hold = rule.hold  # type: ignore[union-attr]
    assert dataclasses.asdict(hold) == {
        "rule": "p/writes",
        "reason": "ask first",
        "approvers": frozenset({"dba", "ops"}),
        "count": 2,
        "patience": 5400.0,
        "mode": "ticket",
        "uses": 3,
        "locks": False,
        "masks": (),
        "limits": (),
    }


def test_masks_and_limits_arrive() -> None:
    text = (
        f"{HEAD}    - mask: {{entities: [email, payment], as: partial, keep: 2}}\n"
        '    - mask: {columns: ["public.c.*"], as: hash}\n'
        "    - limit: {rows: 10, bytes: 1MB, per: action}\n"
    )
    policy = load(text).policies[0]
    first, second = policy.masks
    assert (first.strategy, first.entities, first.keep) == ("partial", {"email", "credit_card", "iban"}, 2)
    assert (second.strategy, second.columns) == ("hash", ("public.c.*",))
    (limit,) = policy.limits
    assert (limit.rows, limit.bytes, limit.per) == (10, 1_000_000, "action")


def test_a_list_that_is_none_is_said() -> None:
    with pytest.raises(ConfigError, match="a list is needed"):
        compile_policies({"a": 1}, read_text("", "f").marks)  # type: ignore[arg-type]


def test_kinds_are_those_of_the_design() -> None:
    assert KINDS == ("allow", "deny", "hold", "mask", "limit", "session", "shell", "record")
