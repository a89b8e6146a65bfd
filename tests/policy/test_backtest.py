"""Policies held against recorded actions; and the least rules that allow what was seen."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import CONFIG as FILE
from vedette.backtest import Line, backtest, caller, recorded, suggest
from vedette.cli.backtest import _rule
from vedette.cli.yaml_words import flow
from vedette.config import Settings, load
from vedette.explain import explain, supposed
from vedette.model import Kind, Principal
from vedette.policy.testing import word
from vedette.trail import events, judgements

BOT = Principal("bot", Kind.AGENT, frozenset({"ai-agents"}))
_NUMBERS = itertools.count(1)


def settings(folder: Path, rules: str, *, name: str = "vedette.yaml") -> Settings:
    text = FILE.format(port=1, web=2)
    file = folder / name
    file.write_text(text[: text.index("    rules:\n")] + "    rules:\n" + rules)
    return load(file, {})


NOW = """\
      - allow: {effects: [read]}
      - deny: {pack: destructive-sql}
      - hold: {effects: [write], objects: ["public.payments"]}
        approvers: {groups: [dba]}
"""


@pytest.fixture
def now(tmp_path: Path) -> Settings:
    return settings(tmp_path, NOW)


def body(settings: Settings, text: str, who: Principal = BOT, **more: Any) -> dict[str, Any]:
    """What the journal would hold of *text* under *settings*."""
    action, found = explain(settings, who, "appdb", text)
    from vedette.model import Ask

    verdict = found.decision.verdict
    ask = Ask(who, settings.resources["appdb"].resource, replace(action, text=text), "s1")
    event = judgements.judged(
        ask, verdict if word(verdict) != "hold" else _refused(), who=events.caller(who), number=next(_NUMBERS),
        policy=settings.policies.hash, digest="0" * 64, at=time.time(),
    )  # fmt: skip
    return json.loads(msgspec.json.encode(event)) | more


def _refused() -> Any:
    from vedette.model import Deny

    return Deny("agents/hold-3", "nobody answered", code="approval.expired")


def test_what_a_change_would_have_decided(tmp_path: Path, now: Settings) -> None:
    then = settings(
        tmp_path, '      - allow: {effects: [read, write]}\n      - deny: {effects: [read], objects: ["public.secrets"]}\n',
        name="then.yaml",
    )  # fmt: skip
    records = [
        body(now, "SELECT * FROM customers"), body(now, "SELECT * FROM secrets"), body(now, "SELECT * FROM secrets"),
        body(now, "UPDATE payments SET a = 1 WHERE id = 1"), body(now, "DROP TABLE customers"),
        body(now, "SELECT * FROM secrets", replace(BOT, subject="other")),
    ]  # fmt: skip
    report = backtest(records, now, then)
    assert (report.judged, report.odd, report.left) == (6, 0, {})
    found = [
        (f.principal, f.count, f.before.word, f.after.word, f.after.rule, f.examples[0]) for f in report.flips
    ]
    assert found == [
        ("vedette#bot", 2, "allow", "deny", "agents/deny-2", "SELECT * FROM secrets"),
        ("vedette#bot", 1, "hold", "allow", "agents/allow-1", "UPDATE payments SET a = 1 WHERE id = 1"),
        ("vedette#other", 1, "allow", "deny", "agents/deny-2", "SELECT * FROM secrets"),
    ]


def test_the_same_policies_say_the_same(now: Settings) -> None:
    records = [
        body(now, text)
        for text in ("SELECT 1", "DELETE FROM customers", "UPDATE payments SET a = 1", "nonsense(")
    ]
    report = backtest(records, now, now)
    assert (report.judged, report.odd, report.flips) == (4, 0, [])


def test_what_cannot_be_judged_again_is_told(now: Settings, tmp_path: Path) -> None:
    records = [
        body(now, "SELECT 1", code="limit.rows", verdict="deny"),
        body(now, "SELECT 2", resource="gone"),
        body(now, "SELECT 3", verdict="deny", code="policy.denied"),
    ]
    report = backtest(records, now, now)
    assert (report.judged, report.odd) == (1, 1)
    assert report.left == {
        "refused by something else than a policy: limit.rows": 1, "the resource is configured no more": 1,
    }  # fmt: skip


def test_a_resource_that_would_be_gone_refuses_everything(now: Settings, tmp_path: Path) -> None:
    text = FILE.format(port=1, web=2).replace("  appdb:", "  other:")
    (tmp_path / "then.yaml").write_text(text)
    report = backtest([body(now, "SELECT 1")], now, load(tmp_path / "then.yaml", {}))
    assert [flip.after.word for flip in report.flips] == ["gone"]


def test_recorded_touches_count_and_not_what_the_text_says_by_itself(now: Settings, tmp_path: Path) -> None:
    """A view was resolved by the catalogue then; nothing is looked up now."""
    then = settings(tmp_path, '      - allow: {effects: [read], objects: ["public.*"]}\n', name="then.yaml")
    one = body(now, "SELECT * FROM v")
    one["touches"] = [{"effect": "read", "object": "audit.log", "resolved": True, "implied": False}]
    assert [flip.after.word for flip in backtest([one], now, then).flips] == ["deny"]


def test_what_the_record_says() -> None:
    assert recorded({"verdict": "allow"}) == "allow"
    assert recorded({"verdict": "allow", "approval": "h"}) == "hold"
    assert recorded({"verdict": "deny", "code": "approval.denied"}) == "hold"
    who = {"principal": "https://a.example/x#y#bot", "kind": "agent", "groups": ["g"], "actor": "ada"}
    assert caller(who) == Principal("bot", Kind.AGENT, frozenset({"g"}), "https://a.example/x#y", actor="ada")


STATEMENTS = (
    "SELECT 1", "SELECT * FROM customers", "SELECT * FROM orders, customers", "UPDATE orders SET a = 1 WHERE id = 2",
    "INSERT INTO payments VALUES (1)", "DELETE FROM orders WHERE id = 1", "DROP TABLE orders", "SET work_mem = '1MB'",
    'SELECT * FROM "odd name: [x]"', "SELECT now()", "CREATE TABLE x (a int)", "TRUNCATE orders",
)  # fmt: skip


@hypothesis.settings(deadline=None)
@given(seen=st.lists(st.sampled_from(STATEMENTS), max_size=8), tried=st.sampled_from(STATEMENTS))
def test_suggested_rules_allow_what_was_seen_and_no_object_besides(
    tmp_path_factory: pytest.TempPathFactory, seen: list[str], tried: str
) -> None:
    now = settings(tmp_path_factory.mktemp("now"), NOW)
    records = [body(now, text) for text in seen]
    found = suggest(records)
    rules = "".join(f"      - {_rule(line)}\n" for line in found.lines)
    if not rules:
        assert found.unread == len(seen)
        return
    then = settings(tmp_path_factory.mktemp("then"), rules)
    resource = now.resources["appdb"]
    left = [
        text
        for text in seen
        if any(
            t.effect == "unknown" or set(t.object) & set("*?[]{}!\\")
            for t in supposed(text, (), resource).touches
        )
    ]
    assert found.unread == len(left)
    for text in seen:
        if text not in left:
            assert word(explain(then, BOT, "appdb", text)[1].decision.verdict) == "allow", (text, rules)
    touched = {(t.effect, t.object) for text in seen for t in supposed(text, (), resource).touches}
    wanted = {
        (t.effect, t.object) for t in supposed(tried, (), resource).touches if not t.implied and t.object
    }
    if not wanted <= touched:
        assert word(explain(then, BOT, "appdb", tried)[1].decision.verdict) == "deny", (tried, rules)


def test_what_each_line_rests_on(now: Settings) -> None:
    found = suggest(
        [body(now, "SELECT * FROM customers"), body(now, "SELECT * FROM orders"), body(now, "SELECT 1")]
    )
    assert [(line.effects, line.objects, line.count) for line in found.lines] == [
        (("read",), ("",), 1), (("read",), ("public.customers", "public.orders"), 2),
    ]  # fmt: skip
    assert found.lines[1].examples == ["SELECT * FROM customers", "SELECT * FROM orders"]


@pytest.mark.parametrize(
    "name", ["a", "public.orders", "yes", "a, b", "a: b", "#x", "- x", "", "é", '"', "1", "null", "a'b"]
)
def test_names_are_what_they_were_in_yaml(name: str) -> None:
    assert yaml.safe_load(flow((name, name))) == [name, name]
    assert yaml.safe_load(_rule(Line("appdb", ("read",), (name or "x",))))["allow"]["objects"] == [
        name or "x"
    ]
