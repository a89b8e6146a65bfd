"""Shapes: equal shapes mean equal facts, and what is lexically tricky has none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sql.world import CATALOG, STATE
from vedette.sql import read, shape

ALIKE = [
    ("SELECT 1", "SELECT 22"),
    ("SELECT 1.5", "SELECT 22"),
    ("SELECT 'a'", "SELECT ''"),
    ("SELECT 'it''s'", "SELECT 'x; DROP TABLE y'"),
    ("SELECT a FROM t WHERE b = 1 AND c = 'x' LIMIT 5", "SELECT a FROM t WHERE b = 77 AND c = '' LIMIT 9"),
    ("UPDATE t SET a = a + -1 WHERE b=2;", "UPDATE t SET a = a + -9 WHERE b=5;"),
    ("SELECT interval '1 day'", "SELECT interval '2 days'"),
    ('SELECT "a"."b1" FROM "a" WHERE x = 1', 'SELECT "a"."b1" FROM "a" WHERE x = 2'),
    ("SELECT 'x'::text, ('y')", "SELECT 'z'::text, ('')"),
]
APART = [
    ("SELECT 1", "SELECT '1'"),
    ("SELECT 1", "SELECT -1"),
    ("SELECT t1", "SELECT t2"),
    ("SELECT a", "SELECT A"),
    ("SELECT 1, 2", "SELECT 1"),
    ("SELECT 1e5", "SELECT 1e6"),
    ("SELECT 0x10", "SELECT 0x11"),
    ("SELECT .5", "SELECT .6"),
    ("SELECT 1_000", "SELECT 2_000"),
    ("SELECT a.1", "SELECT a.2"),
]
TRICKY = [
    "SELECT E'a'",
    "SELECT e'\\''",
    "SELECT N'a'",
    "SELECT B'01'",
    "SELECT X'ff'",
    "SELECT U&'a'",
    'SELECT U&"a" FROM t',
    "SELECT $1",
    "SELECT $$a$$",
    "SELECT 1 -- x",
    "SELECT 1 /* x */",
    "SELECT 'a'\n'b'",
    "SELECT 'a' 'b'",
    "SELECT 'a",
    "SELECT 'a'b",
    "SELECT 'é'",
    "SELECT 'a\\'",
    'SELECT "a 1" FROM t',
    'SELECT "a""1 b" FROM t',
    'SELECT "1" FROM t',
    'SELECT "a\'b" FROM t',
    "SELECT '\"a 1\"'",
    "SELECT 'a'\x00",
    "SELECT 1\x0b",
    "SELECT \x01",
    "SELECT date'2024-01-01'",
    "SELECT 'x'" + " " * 5000,
]


@pytest.mark.parametrize(("one", "two"), ALIKE)
def test_texts_that_differ_in_plain_literals_share_a_shape(one, two):
    assert shape(one) is not None
    assert shape(one) == shape(two)


@pytest.mark.parametrize(("one", "two"), APART)
def test_texts_that_differ_in_more_do_not(one, two):
    assert shape(one) is None or shape(one) != shape(two)


@pytest.mark.parametrize("text", TRICKY)
def test_what_is_lexically_tricky_has_no_shape(text):
    assert shape(text) is None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM customers WHERE id = 5 AND name = 'x' ORDER BY 1 LIMIT 1",
        "UPDATE customers SET balance = balance + 5 WHERE id = 7",
        "INSERT INTO notes (id, body) VALUES (1, 'x'), (2, 'y')",
        "DELETE FROM notes WHERE id IN (1, 2, 3) AND body <> 'x'",
        "SELECT date_trunc('day', now()) - interval '1 day', 'x'::regclass",
    ],
)
def test_ordinary_statements_are_free_of_their_constants(sql):
    assert read(sql, STATE, CATALOG).constant_free


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM notes WHERE 1 = 2",
        "DELETE FROM notes WHERE id = 5 OR 1 = 2",
        "DELETE FROM notes WHERE id = 5 OR id <> 6",
        "DELETE FROM notes WHERE id > 7",
        "DELETE FROM notes WHERE body LIKE 'x%'",
        "DELETE FROM notes WHERE coalesce(body, 'x') IS NOT NULL",
        "SELECT nextval('audit.log_id_seq')",
        "SELECT set_config('timezone', 'UTC', false)",
        "SELECT query_to_xml('SELECT 1', true, true, '')",
        "SELECT pg_read_file('x')",
        "SELECT current_setting('x')",
        "UPDATE pg_settings SET setting = 'x' WHERE name = 'y'",
        "SET application_name = 'x'",
        "EXPLAIN (ANALYZE 0) DELETE FROM notes",
        "PREPARE p AS SELECT 1",
        "NOTIFY x, 'y'",
        "COPY notes TO STDOUT (FORMAT 'csv')",
        "DO 'BEGIN END'",
        "DECLARE c CURSOR FOR SELECT 1",
        "CREATE TABLE t (a int DEFAULT 1)",
    ],
)
def test_facts_that_hang_on_a_constant_say_so(sql):
    assert not read(sql, STATE, CATALOG).constant_free


PIECES = st.sampled_from(
    """
    SELECT|UPDATE notes SET body =|DELETE FROM notes WHERE|INSERT INTO notes VALUES|id|body|name|1|42|'x'|''
    |'it''s'|=|<|>|<>|+|-|*|,|(|)|FROM notes|FROM customers|WHERE|AND|OR|NOT|IS NULL|IS NOT NULL|LIKE|IN
    |true|false|LIMIT|ORDER BY|count|nextval|set_config|query_to_xml|'audit.log_id_seq'|'DROP TABLE notes'
    |::text|::int|::regclass|::bool|interval|date|coalesce|CASE WHEN|THEN|ELSE|END|;|EXPLAIN|SET|"a"|.|1.5
    |'%'|'t'|'f'|EXISTS|(SELECT|BETWEEN|RETURNING|*|ON CONFLICT DO NOTHING|AS|t1|E'x'|N|'\n'|--|$1|é
    """.replace("\n", "").split("|")
).map(str.strip)  # fmt: skip
STATEMENTS = st.sampled_from(
    [
        "DELETE FROM notes WHERE {} {} {}",
        "DELETE FROM notes WHERE id = {} OR {} {}",
        "UPDATE notes SET body = {} WHERE {} = {}",
        "UPDATE notes SET body = {} WHERE id {} {} OR id {} {}",
        "SELECT {}({}, {}, {}) FROM notes",
        "SELECT {} FROM notes WHERE {} {} {} LIMIT {}",
        "INSERT INTO notes VALUES ({}, {}) RETURNING {}",
        "SELECT {} WHERE {} LIKE {} AND {} IN ({}, {})",
        "DELETE FROM notes WHERE CASE WHEN {} THEN {} ELSE {} END",
        "DELETE FROM notes WHERE coalesce({}, {}) IS NOT NULL AND {}",
        "DELETE FROM notes WHERE {} BETWEEN {} AND {}",
        "DELETE FROM notes WHERE {}::bool",
        "DELETE FROM notes WHERE {}::int = {}",
    ]
)
LITERALS = ["1", "2", "0", "42", "1.5", "'x'", "'y'", "''", "'1'", "'t'", "'f'", "'%'", "'a%'", "'role'",
            "'work_mem'", "'audit.log_id_seq'", "'DROP TABLE notes'", "'it''s'"]  # fmt: skip


def texts():
    free = st.lists(PIECES, min_size=1, max_size=12).map(" ".join)
    filled = st.tuples(STATEMENTS, st.lists(PIECES | st.sampled_from(LITERALS), min_size=8, max_size=8))
    return free | filled.map(lambda pair: pair[0].format(*pair[1]))


@st.composite
def siblings(draw):
    """Two texts of one shape: literals in the first are exchanged for others."""
    text = draw(texts())
    kind = shape(text)
    if kind is None:
        return text, text
    strings = st.sampled_from([one for one in LITERALS if one[0] == "'"])
    numbers = st.sampled_from([one for one in LITERALS if one[0] != "'"])
    made = "".join(draw(strings) if c == "\x01" else draw(numbers) if c == "\x02" else c for c in kind)
    return text, made


@given(siblings())
def test_equal_shapes_have_equal_facts(pair):
    one, two = pair
    if shape(one) is None or shape(one) != shape(two):
        return
    ours, theirs = read(one, STATE, CATALOG), read(two, STATE, CATALOG)
    if ours.constant_free:
        assert ours == theirs
    else:
        assert not theirs.constant_free
