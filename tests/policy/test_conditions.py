from __future__ import annotations

import pytest

from vedette.policy.conditions import MAX_CHARACTERS, Match, Unsound, compile_condition


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ('action.sql.unscoped && principal.kind == "agent"', {"action.sql.unscoped", "principal.kind"}),
        ('resource.labels.env == "prod"', {"resource.labels"}),
        ('resource.labels["env"] == "prod"', {"resource.labels"}),
        ('"action.text" == principal.subject', {"principal.subject"}),
        ("action.text.size() > 5 // action.kind", {"action.text"}),
        ("action\n .text == 'x'", {"action.text"}),
        ('action["text"] == "x"', {"action"}),
        ("action.objects.exists(o, o.startsWith('public.'))", {"action.objects"}),
        ("has(action.sql.ddl) && action.sql.ddl", {"action.sql.ddl"}),
        (
            "action.objects.exists(o, (o) == 'a') && principal.groups.exists(g, g == 'b')",
            {"action.objects", "principal.groups"},
        ),
        ("action.objects.exists(o, o == 'a') && action.text == 'b'", {"action.objects", "action.text"}),
        (r"""principal.subject == r'\' || action.text == "'" """, {"principal.subject", "action.text"}),
        (r"""principal.subject == 'it\'s' && action.sql.ddl""", {"principal.subject", "action.sql.ddl"}),
        ('principal.subject == """a"b""" || action.sql.ddl', {"principal.subject", "action.sql.ddl"}),
        ("'agent' in principal.groups", {"principal.groups"}),
    ],
)
def test_a_condition_knows_what_it_reads(source: str, paths: set[str]) -> None:
    assert {".".join(path) for path in compile_condition(source).paths} == paths


@pytest.mark.parametrize(
    ("source", "message", "fix"),
    [
        ("action.sql.unscopd", "action.sql.unscopd", 'did you mean "unscoped"?'),
        ("action.txt == ''", "action.txt", 'did you mean "text"?'),
        ("principal.mail == ''", "principal.mail", 'did you mean "email"?'),
        ("acton.sql.ddl", 'unknown name "acton"', 'did you mean "action"?'),
        ("action.mongo.ddl", "action.mongo", "known are"),
        ("startWith(action.text, 'x')", 'unknown function "startWith"', 'did you mean "startsWith"?'),
        ("now() == now()", 'unknown function "now"', ""),
        ("[1].map(x, x) == [1]", 'unknown function "map"', ""),
        ("action.text + 'x' == 'y'", "cannot add", ""),
        ("action.sql.statements", "neither true nor false", ""),
        ("action.sql.statements > '1'", "cannot be evaluated", ""),
        ("action.sql.ddl &&", "not CEL", ""),
        ("", "not CEL", ""),
        ("(" * 17 + "true" + ")" * 17, "nested deeper", ""),
        ("true || " * 300 + "true", f"longer than {MAX_CHARACTERS}", ""),
        ("action.objects.exists(o, action.objects.exists(p, o == p))", "inside another", ""),
        ("action.parameters.exists(p, action.text.contains(p))", "read again for each", ""),
        ("action.objects.exists(o, (o == 'x') || action.text.contains(o))", "read again for each", ""),
        ("action.parameters.exists(p, action['text'].contains(p))", "read again for each", ""),
        ("action.sql.ddl || .action.text == 'x'", "nothing before it", ""),
        ("'x' in .action.parameters || action.sql.ddl", "nothing before it", ""),
        ("principal.groups.exists(resource, true)", "cannot name the elements", ""),
        ("principal.groups.exists(g, groups == g)", 'unknown name "groups"', ""),
        ("action.text.matches('(')", "cannot be evaluated", ""),
    ],
)
def test_what_cannot_be_a_condition_is_said_with_the_fix(source: str, message: str, fix: str) -> None:
    with pytest.raises(Unsound) as caught:
        compile_condition(source)
    assert message in str(caught.value)
    assert fix in caught.value.fix


VALUES = {"principal": {}, "resource": {"labels": {}}, "action": {"sql": {"ddl": True, "statements": 1}}}


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("action.sql.ddl", Match.YES),
        ("!action.sql.ddl", Match.NO),
        ("action.sql.unscoped", Match.MAYBE),
        ("!action.sql.unscoped", Match.MAYBE),
        ("action.sql.unscoped && action.sql.ddl", Match.MAYBE),
        ("action.sql.unscoped || action.sql.ddl", Match.YES),
        ("action.sql.unscoped && !action.sql.ddl", Match.NO),
        ("has(action.sql.unscoped) && action.sql.unscoped", Match.NO),
        ('principal.email == "x"', Match.MAYBE),
        ('resource.labels.env == "prod"', Match.MAYBE),
        ("1 / (action.sql.statements - 1) > 0", Match.MAYBE),
    ],
)
def test_a_condition_is_yes_no_or_unknown(source: str, match: Match) -> None:
    assert compile_condition(source).match(VALUES) is match


def test_the_three_values_combine_by_the_least() -> None:
    assert min(Match.YES, Match.MAYBE) is Match.MAYBE
    assert min(Match.MAYBE, Match.NO) is Match.NO
