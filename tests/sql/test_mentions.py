"""Names that may feed an output, and outputs that nothing feeds. When in doubt, mentioned."""

from __future__ import annotations

import pytest

from tests.sql.world import CATALOG, STATE, catalog, function, view
from vedette.sql import read

KNOWN = catalog(
    view(200, "v", "SELECT c.ssn AS a FROM public.customers c", "a"),
    view(201, "w", "SELECT * FROM public.v", "a"),
    function("peek", "SELECT ssn FROM customers WHERE id = $1", arguments=1),
    function("look", "BEGIN RETURN (SELECT ssn FROM customers LIMIT 1); END", "plpgsql", result="text"),
)

MENTIONS_SSN = [
    "SELECT ssn FROM customers",
    "SELECT upper(ssn) FROM customers",
    "SELECT c.ssn AS other FROM customers c",
    "SELECT x FROM (SELECT ssn AS x FROM customers) s",
    "WITH s (x) AS (SELECT ssn FROM customers) SELECT upper(x) FROM s",
    "SELECT (c).ssn FROM customers c",
    "SELECT ssn(c) FROM customers c",
    "SELECT a || '' FROM v",
    "SELECT a || '' FROM w",
    "SELECT peek(1)",
    "SELECT look()",
    "SELECT 1 FROM customers WHERE ssn LIKE '1%'",
    "SELECT 1 FROM customers ORDER BY ssn",
    "SELECT count(*) FILTER (WHERE ssn LIKE '1%') FROM customers",
    "SELECT query_to_xml('SELECT ssn FROM customers', true, true, '')",
    "UPDATE customers SET id = id WHERE id = 1 RETURNING ssn",
    "SELECT min(ssn) OVER (PARTITION BY id) FROM customers",
    "INSERT INTO notes SELECT id, ssn FROM customers RETURNING body",
]
MENTIONS_EVERYTHING = [
    "SELECT * FROM customers",
    "SELECT c.* FROM customers c",
    "TABLE customers",
    "SELECT c FROM customers c",
    "SELECT customers FROM customers",
    "SELECT row_to_json(c) FROM customers c",
    "SELECT c.row_to_json FROM customers c",
    "SELECT (c).to_jsonb FROM customers c",
    "SELECT c::text FROM customers c",
    "SELECT b FROM customers AS c (a, b, d, e, f)",
    "SELECT b FROM (customers c JOIN orders o ON true) AS j (a, b)",
    "SELECT json_agg(t) FROM (SELECT 1) t",
    "SELECT ARRAY[c] FROM customers c",
    "UPDATE customers c SET id = id WHERE id = 1 RETURNING c",
    "UPDATE customers SET id = id WHERE id = 1 RETURNING old",
    "DELETE FROM customers WHERE id = 1 RETURNING *",
    "SELECT table_to_xml('customers', true, true, '')",
    "COPY customers TO STDOUT",
    "SELECT f FROM generate_series(1, 2) f",
]
MENTIONS_NEITHER = [
    "SELECT count(*) FROM customers",
    "SELECT count(ssn), count(c), count(DISTINCT ssn) FROM customers c",
    "SELECT name FROM customers WHERE EXISTS (SELECT ssn FROM customers)",
    "SELECT name FROM customers AS c WHERE id = 1",
    "SELECT g.a FROM generate_series(1, 3) AS g (a)",
    "SELECT 'ssn'",
    "INSERT INTO customers (id, ssn) VALUES (1, 'x')",
    "UPDATE customers SET ssn = 'x' WHERE id = 1",
]


@pytest.mark.parametrize("sql", MENTIONS_SSN)
def test_a_name_is_mentioned(sql):
    assert "ssn" in read(sql, STATE, KNOWN).mentions


@pytest.mark.parametrize("sql", MENTIONS_EVERYTHING)
def test_a_whole_row_is_mentioned(sql):
    assert "*" in read(sql, STATE, KNOWN).mentions


@pytest.mark.parametrize("sql", MENTIONS_NEITHER)
def test_what_cannot_come_out_is_not_mentioned(sql):
    assert not {"ssn", "*"} & read(sql, STATE, KNOWN).mentions


@pytest.mark.parametrize(
    ("sql", "positions"),
    [
        ("SELECT count(*), ssn, 1, 'x', ssn IS NULL FROM customers", {0, 2, 3, 4}),
        ("SELECT EXISTS (SELECT 1), $1, ssn || 'x' FROM customers", {0, 1}),
        ("SELECT pg_catalog.count(ssn) OVER () FROM customers", {0}),
        ("SELECT 1, *, count(*) FROM customers", {0}),
        ("SELECT 1, c.*, 2 FROM customers c", {0}),
        ("SELECT 1, (c).*, 2 FROM customers c", {0}),
        ("SELECT count(*) UNION SELECT 1", set()),
        ("SELECT public.count(ssn) FROM customers", set()),
        ("SELECT max(ssn), -1 FROM customers", {1}),
        ("SELECT count(*); SELECT 1", set()),
        ("WITH x AS (SELECT 1) SELECT count(*) FROM x", {0}),
    ],
)
def test_outputs_that_are_safe(sql, positions):
    assert read(sql, STATE, CATALOG).counts == positions


def test_a_count_of_the_database_is_not_to_be_trusted():
    known = catalog(function("count", "SELECT $1", arguments=1))
    facts = read("SELECT count(ssn) FROM customers", STATE, known)
    assert facts.counts == set()
    assert "ssn" in facts.mentions
