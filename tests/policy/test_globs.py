from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vedette.policy.globs import Glob, Globs, fits, kind_of, misspelt
from vedette.sql.catalog import qualified

texts = st.text("ab.:*", max_size=8)
names = st.text("ab.:", max_size=8)


@pytest.mark.parametrize(
    ("glob", "name", "matches"),
    [
        ("public.payments", "public.payments", True),
        ("public.payments", "public.payments2", False),
        ("public.payments", "Public.payments", False),
        ("public.*", "public.t", True),
        ("public.*", "publics.t", False),
        ("*.secrets", "hr.secrets", True),
        ("*.secrets", "hr.secrets2", False),
        ("*", "hr.t", True),
        ("*", "function:public.f", False),
        ("*", "", True),
        ("p*.a*", "public.audit", True),
        ("*pay*", "public.payments", True),
        ("function:*", "function:public.f", True),
        ("function:*", "public.function", False),
        ("function:public.*", "function:public.f", True),
        ("function:public.*", "function:hr.f", False),
        ("file:*", "file:/etc/passwd", True),
        ("aa*aa", "aaa", False),
        ("a*b*c", "a-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("a*b*c", "a-c", False),
        ("*pay*", "pay", True),
        ("*pay*", "function:pay", False),
        ("*", "function", True),
        ("?.t", "a.t", False),
        ("[ab].t", "a.t", False),
    ],
)
def test_a_glob_matches_whole_names_of_its_kind(glob: str, name: str, matches: bool) -> None:
    assert Glob(glob).match(name) is matches
    assert Globs([glob, "x.y"]).match(name) is matches


@given(texts, names)
@settings(deadline=None)
def test_a_star_is_any_run_of_characters(glob: str, name: str) -> None:
    pattern = "".join(".*" if letter == "*" else re.escape(letter) for letter in glob)
    assert fits(glob, name) is (re.fullmatch(pattern, name, re.DOTALL) is not None)


@given(st.text("ab.*", max_size=6), st.text("ab.", min_size=1, max_size=4))
@settings(deadline=None)
def test_a_bare_name_could_match_just_where_some_schema_makes_it(glob: str, bare: str) -> None:
    # Against a pattern that lets the schema be anything: is "anything.bare" among what the glob spells?
    schemas = {
        "",
        *(glob[:end].replace("*", filler) for end in range(len(glob) + 1) for filler in ("", "a", "b.")),
    }
    found = fits(glob, bare) or any(fits(glob, f"{schema}.{bare}") for schema in schemas)
    assert Glob(glob).could_match(bare) is found


@pytest.mark.parametrize(
    ("glob", "bare", "could"),
    [
        ("hr.pay", "pay", True),
        ("hr.pay", "ay", False),
        ("hr.*", "anything", True),
        ("*.pay", "pay", True),
        ("h*y", "pay", True),
        ("h*z", "pay", False),
        ("function:public.f", "function:f", True),
        ("function:public.f", "f", False),
        ("public.f", "function:f", False),
    ],
)
def test_a_bare_name_is_matched_in_any_schema(glob: str, bare: str, could: bool) -> None:
    assert Globs([glob]).could_match(bare) is could
    assert Globs([glob, "other.thing"]).could_match(bare) is could


def test_matching_does_not_backtrack() -> None:
    # Would take a backtracking matcher longer than the universe has.
    assert not fits("*a" * 50 + "b", "a" * 100_000)


@pytest.mark.parametrize(
    ("glob", "fix"),
    [
        ("functon:public.f", "function"),
        ("payments", "public.payments"),
        ("function:", "function:*"),
    ],
)
def test_a_glob_that_can_match_nothing_has_a_fix(glob: str, fix: str) -> None:
    wrong = misspelt(glob)
    assert wrong is not None
    assert fix in wrong[1]


@pytest.mark.parametrize("glob", ["public.t", "*", "pay*", "function:*", "*.t", 'public."a:b"', '"A:b".t'])
def test_a_glob_that_can_match_has_none(glob: str) -> None:
    assert misspelt(glob) is None


def test_no_schema_passes_for_a_kind() -> None:
    """CREATE SCHEMA "setting:x" makes tables whose names begin like those of settings."""
    name = qualified("setting:x", "t")
    assert name == '"setting:x".t'
    assert kind_of(name) == ""
    assert not Globs(("setting:*",)).match(name)
    assert Globs(("*",)).match(name)
    assert qualified("public", "function:f") == 'public."function:f"'
