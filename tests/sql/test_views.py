"""Which columns a view's outputs may carry."""

from __future__ import annotations

import pytest

from vedette.sql.views import view_sources


@pytest.mark.parametrize(
    ("definition", "sources"),
    [
        ("SELECT c.ssn AS a, c.name FROM public.customers c", [{"ssn"}, {"name"}]),
        ("SELECT upper(ssn) || name FROM customers", [{"ssn", "name"}]),
        ("SELECT s.x FROM (SELECT ssn AS x FROM customers) s", [{"ssn", "x"}]),
        ("WITH s AS (SELECT ssn AS x FROM customers) SELECT x, 1 FROM s", [{"ssn", "x"}, {"ssn", "x"}]),
        ("SELECT id FROM a UNION SELECT ssn FROM b", [{"id", "ssn"}]),
        ("SELECT (SELECT ssn FROM customers LIMIT 1) AS y FROM notes", [{"ssn"}]),
        ("SELECT count(*) FROM customers", [set()]),
    ],
)
def test_the_names_behind_each_output(definition, sources):
    assert [set(one) for one in view_sources(definition) or ()] == sources


@pytest.mark.parametrize(
    "definition",
    [
        "SELECT * FROM customers",
        "SELECT c FROM customers c",
        "SELECT row_to_json(c) FROM customers c",
        "SELECT c.row_to_json FROM customers c",
        "SELECT (SELECT c FROM customers c LIMIT 1) FROM notes",
        "SELECT public.peek(id) FROM customers",
        "SELECT b FROM customers AS c (a, b)",
        "SELECT id FROM a UNION SELECT 1, 2",
        "nonsense",
        "",
        "DELETE FROM notes",
    ],
)
def test_where_it_cannot_be_said_nothing_is(definition):
    assert view_sources(definition) is None
