"""A tree that is decoded in pieces is the same tree."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vedette.sql import parse

WIDE = ", ".join(f"abalance + {n} AS c{n}" for n in range(300))
TEXTS = {
    "wide": f"SELECT {WIDE} FROM pgbench_accounts WHERE aid = 1",
    "many": "; ".join(f"SELECT {n} FROM t" for n in range(300)),
    "deep": "SELECT " + "+".join("1" for _ in range(300)),
    "a long literal": "SELECT '" + "x" * 60_000 + "', 'é\\n\"'",
}


@pytest.mark.parametrize("name", TEXTS)
def test_statements_are_the_same_whole_or_in_pieces(name, monkeypatch):
    pieces = parse.statements(TEXTS[name])
    monkeypatch.setattr(parse, "_AT_ONCE", 1 << 30)
    assert pieces == parse.statements(TEXTS[name])


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
)


@settings(max_examples=200, deadline=None)
@given(TREES, st.integers(0, 4))
def test_any_tree_is_the_same(tree, levels):
    raw = msgspec.json.encode(tree)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parse, "_AT_ONCE", 1)
        assert parse._tree(raw, levels) == tree
