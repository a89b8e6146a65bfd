"""Rules on claims: equal, or like a pattern."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.identity import Match
from vedette.identity.match import spelt_by


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("a", "a", True),
        ("a", "A", False),
        ("a", "ab", False),
        ("*", "", True),
        ("*", "anything\nat all", True),
        ("a*", "a", True),
        ("a*", "xa", False),
        ("*a", "xa", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "axxbyyc", True),
        ("a*b*c", "acb", False),
        ("ab*ba", "aba", False),
        ("", "", True),
        ("", "a", False),
        ("a.c", "abc", False),
        ("[a]", "a", False),
        ("a?", "ab", False),
        ("a**b", "ab", True),
    ],
)
def test_a_star_is_anything_and_all_else_itself(pattern, text, fits):
    assert Match(("sub",), like=pattern).holds({"sub": text}) is fits


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_it_is_what_a_regular_expression_would_say(pattern, text):
    expression = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)

    assert spelt_by(tuple(pattern.split("*")), text) == bool(expression.fullmatch(text))
    assert spelt_by(tuple(pattern.split("*")), text) == fnmatch.fnmatchcase(text, pattern)


@pytest.mark.parametrize("value", [None, 1, True, {"a": "b"}, [["a"]], []])
def test_only_a_text_is_like_something(value):
    assert not Match(("sub",), like="*").holds({"sub": value})


def test_a_list_fits_where_a_member_does():
    assert Match(("amr",), like="hw*").holds({"amr": ["pwd", "hwk"]})
    assert not Match(("amr",), like="hw*").holds({"amr": ["pwd"]})


@pytest.mark.parametrize("given_", [{}, {"equals": "a", "like": "a"}])
def test_a_rule_says_exactly_one_thing(given_):
    with pytest.raises(ValueError, match="either"):
        Match(("sub",), **given_)
