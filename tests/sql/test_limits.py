"""Reading answers for any text, in bounds, and never raises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vedette
from tests.sql.world import CATALOG, STATE, told
from vedette.model import Effect
from vedette.sql import read
from vedette.sql.parse import Unreadable, statements
from vedette.sql.size import MAX_CODE, MAX_TEXT, SMALL, bare, too_much


def chain(levels):
    return "1" + "+1" * levels


# Those of the first kind may not be parsed in this process if the guard failed: it would end.
DEEP = {
    "chain": "SELECT " + chain(SMALL // 2 - 10),
    "longer chain": "SELECT " + chain(100_000),
    "longest chain": "SELECT " + chain(8_000_000),
    "chain in a block": "DO $$ BEGIN PERFORM " + chain(SMALL // 2 - 40) + "; END $$",
    "longer chain in a block": "DO $$ BEGIN PERFORM " + chain(400_000) + "; END $$",
    "chain in a string": "DO $$ BEGIN EXECUTE 'SELECT " + chain(100_000) + "'; END $$",
    "concatenations": "SELECT a" + "||'x'" * 100_000,
    "joins": "SELECT 1 FROM a" + " JOIN a ON true" * 50_000,
    "collations": "SELECT a" + ' COLLATE "C"' * 70_000,
    "brackets": "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
    "blocks": "DO $$ " + "BEGIN " * 5_000 + "NULL;" + " END;" * 5_000 + " $$",
    "nested comments": "/*" * 20_000,
    "nested comments that end": "/*" * 20_000 + "*/" * 20_000 + "DROP TABLE notes",
    "quotes": "'" * 3_000_001,
    "dollar tags": "".join(f"$a{n}$" for n in range(50_000)),
    "unfinished": "SELECT '" + "x" * SMALL,
    "too long": "SELECT '" + "x" * MAX_TEXT + "'",
    "NUL": "SELECT 1\0; DROP TABLE notes",
    "surrogate": "SELECT '\ud800'",
}


@pytest.mark.parametrize("name", DEEP)
def test_what_is_too_much_is_unknown(name):
    facts = read(DEEP[name], STATE, CATALOG)
    assert told(facts) == {"unknown"}
    assert 0 < len(facts.reason) < 300


def test_how_deep_a_walk_goes_is_the_interpreters_and_no_effect_gets_lost():
    """Python 3.12 and later go deeper than 3.11 does."""
    deep = (
        "WITH w AS (DELETE FROM notes WHERE id = 1) SELECT * FROM "
        + "(SELECT * FROM " * 400
        + "orders"
        + ") x" * 400
    )
    whole = {"delete public.notes", "(read public.notes)", "read public.orders"}
    assert told(read(deep, STATE, CATALOG)) in ({"unknown"}, whole)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT '" + "x" * 8_000_000 + "'", "read"),
        ("SELECT $x$" + "'" * 8_000_000 + "$x$", "read"),
        ("INSERT INTO notes VALUES (1, E'\\\\x" + "ab" * 1_000_000 + "')", "write public.notes"),
        ("INSERT INTO notes VALUES " + ",".join(f"({n}, '')" for n in range(10_000)), "write public.notes"),
        ("SELECT 1 FROM notes WHERE id IN (" + ",".join(map(str, range(20_000))) + ")", "read public.notes"),
        ("SELECT 1 FROM notes WHERE " + " OR ".join(f"id = {n}" for n in range(2_000)), "read public.notes"),
        ("SELECT 'a'" + " || 'b'" * 200, "read"),
        ("SELECT 1" + " UNION ALL SELECT 1" * 300, "read"),
        ("-- " + "x" * 100_000 + "\nDROP TABLE notes", "destroy public.notes"),
        ("/***" + "*" * 400 + "/ SELECT 1 /* a /* b */ c */", "read"),
    ],
)
def test_what_is_only_large_is_read(sql, expected):
    assert told(read(sql, STATE, CATALOG)) == {expected}


def test_a_chain_at_the_limit_does_not_end_the_process():
    """Just below what is refused, in a process of its own."""
    program = (
        "from vedette.sql import EMPTY, State, read\n"
        "from vedette.sql.size import MAX_CHAIN, SMALL\n"
        "for levels in (SMALL // 2 - 10, MAX_CHAIN - 1):\n"
        "    read('SELECT 1' + '+1' * levels + ' ' * SMALL, State(), EMPTY)\n"
        "    read('SELECT a' + '||1' * (levels // 2), State(), EMPTY)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=False,
        timeout=100,
        env={"PYTHONPATH": str(Path(vedette.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a 'b' c", "a '' c"),
        ("a E'\\'' c", "a '' c"),
        ("tablE'b' c", "tablE'' c"),
        ('a "b" c', "a '' c"),
        ("a $$b$$ c $x$ $$ $x$ d", "a '' c '' d"),
        ("a$b$c$b$", "a$b$c$b$"),
        ("a -- 'b\nc", "a -- 'b\nc"),
        ("a /* 'b /* */ ' */ c", "a /* 'b /* */ ' */ c"),
        ("a 'b", None),
        ("a $x$ b $y$", None),
        ("a /* b", None),
        ('a "b', None),
    ],
)
def test_literals_are_put_aside_as_the_server_sees_them(text, expected):
    assert bare(text) == expected


@given(st.text(alphabet="aeE$'\"-/*\\ \n1(+;x", max_size=60))
def test_whatever_parses_has_literals_that_end(text):
    """Our lexer against the server's, on what is hardest to cut."""
    try:
        statements(text)
    except Unreadable:
        return
    assert bare(text) is not None


@given(st.text(max_size=200) | st.text(alphabet=st.characters(max_codepoint=127), max_size=200))
def test_any_text_has_facts(text):
    facts = read(text, STATE, CATALOG)
    assert facts.touches
    assert bool(facts.reason) == any(touch.effect is Effect.UNKNOWN for touch in facts.touches)


def test_the_limits_are_told():
    assert str(MAX_CODE) in too_much("SELECT " + "a," * MAX_CODE)
    assert str(MAX_TEXT) in too_much("x" * (MAX_TEXT + 1))
