"""Which columns a plan opens."""

from __future__ import annotations

import pytest

from tests.masking.rows import cells_of, row
from vedette.masking import CannotMask, Output, Tally, plan, rewrite
from vedette.model import MaskRule

SSN = MaskRule("hide-ssn", "redact", columns=("public.customers.ssn",))
CONTENT = MaskRule("content", entities=frozenset({"email"}))


def output(label="ssn", relation="public.customers", column="ssn", type=25, binary=False, tainted=False):
    return Output(label, relation, column, type, binary, tainted)


def shown(out, *rules, value=b"value"):
    made = plan([out], rules, b"key")
    return value if made is None else cells_of(rewrite(made, row(value), Tally()))[0][0]


@pytest.mark.parametrize(
    "out",
    [
        output(),
        output(label="harmless"),
        output(relation="PUBLIC.Customers", column="SSN"),
        output(label="other", relation=None, column=None),
        output(label="other", relation="public.orders", column=None),
        output(label="other", relation="", column=None, tainted=True),
        output(label="SSN", relation="", column=None),
        output(label="x", relation="public.orders", column="x", tainted=True),
    ],
)
def test_a_column_rule_covers(out):
    assert shown(out, SSN) == b"[redacted]"


@pytest.mark.parametrize(
    "out",
    [
        output(label="name", column="name"),
        output(relation="public.orders"),
        output(relation="audit.customers"),
        output(label="count", relation="", column=None),
    ],
)
def test_a_column_rule_leaves_alone(out):
    assert plan([out], [SSN], b"key") is None


@pytest.mark.parametrize("glob", ["*.ssn", "public.*", "public.customers.s?n", "customers.ssn", "ssn", "*"])
def test_globs(glob):
    assert shown(output(), MaskRule("r", columns=(glob,))) == b"[redacted]"


def test_a_star_does_not_cover_every_expression():
    rule = MaskRule("r", columns=("public.customers.*",))

    assert plan([output(label="count", relation="", column=None)], [rule], b"key") is None


def test_the_strictest_rule_wins_in_any_order():
    rules = [MaskRule(strategy, strategy, columns=("*.ssn",)) for strategy in ("hash", "null", "partial")]

    assert shown(output(), *rules) is None
    assert shown(output(), *reversed(rules)) is None


def test_the_unnameable_gets_the_strictest_of_all_column_rules():
    rules = [SSN, MaskRule("other", "null", columns=("public.orders.total",))]

    assert shown(output(relation=None), *rules) is None


def test_content_rules_do_not_mind_where_a_column_is_from():
    assert shown(output(relation=None), CONTENT, value=b"a@b.example") == b"[email]"


def test_types_that_cannot_hold_it_need_no_opening():
    outputs = [output(type=oid) for oid in (16, 21, 23, 20, 700, 1082, 1114, 2950, 1700, 600)]

    assert plan(outputs, [CONTENT], b"key") is None


def test_a_plan_says_which_rules_it_is_made_of():
    made = plan([output(), output(column="mail")], [SSN, CONTENT], b"key")

    assert made is not None
    assert made.rules() == ("content", "hide-ssn")


def test_the_strictest_way_for_one_entity_wins():
    rules = [
        MaskRule(s, s, entities=frozenset({e})) for s, e in (("partial", "email"), ("redact", "personal"))
    ]

    assert shown(output(column="x"), *rules, value=b"jane@x.example") == b"[email]"


def test_a_null_rule_on_content_makes_the_cell_null():
    assert (
        shown(output(column="x"), MaskRule("r", "null", entities=frozenset({"email"})), value=b"a@b.xy")
        is None
    )


@pytest.mark.parametrize(
    "rule",
    [
        MaskRule("r", entities=frozenset({"shoe_size"})),
        MaskRule("r"),
        MaskRule("r", "encrypt", columns=("*",)),  # type: ignore[arg-type]
    ],
)
def test_a_rule_that_cannot_be_applied_is_refused(rule):
    with pytest.raises(CannotMask):
        plan([output()], [rule], b"key")


@pytest.mark.parametrize(
    "rule", [MaskRule("r", "hash", columns=("*",)), MaskRule("r", "hash", entities=frozenset({"email"}))]
)
def test_a_hash_without_a_key_is_refused(rule):
    with pytest.raises(CannotMask, match="key"):
        plan([output()], [rule], b"")


def test_hashes_join_within_a_key_and_not_across():
    rule = MaskRule("r", "hash", columns=("*",))

    def hashed(key, oid):
        return cells_of(rewrite(plan([output(type=oid)], [rule], key), row(b"42"), Tally()))[0][0]

    assert hashed(b"one", 25) == hashed(b"one", 1043) != hashed(b"two", 25)
    assert hashed(b"one", 23) == hashed(b"one", 23) != b"42"
    assert hashed(b"k" * 100, 25)
