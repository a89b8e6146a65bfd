"""Unscoped or not: the table both ways. More of it stands in tests/refusals/."""

from __future__ import annotations

import pytest

from tests.sql.world import CATALOG, STATE, catalog, function
from vedette.sql import EMPTY, read

RESTRICTS = [
    "id = 1",
    "1 = id",
    "id = $1",
    "id = 5 AND true",
    "id = 5 OR false",
    "id = 5 OR id = 6",
    "id <> 5 OR body = 'x'",
    "NOT id = 5",
    "false",
    "NULL",
    "1 = 2",
    "'a' = 'b'",
    "NOT true",
    "id <> id",
    "id IN (1, 2)",
    "id NOT IN (1, 2)",
    "id = ANY ($1)",
    "body IS NULL",
    "body LIKE 'a%'",
    "body NOT LIKE '%'",
    "body ~ 'a.*'",
    "id > 5",
    "id BETWEEN 1 AND 3",
    "length(body) > 3",
    "coalesce(body = 'x', false)",
    "CASE WHEN id = 1 THEN true ELSE false END",
    "(id = 5) IS TRUE",
    "id IN (SELECT id FROM orders)",
    "id IN (SELECT id FROM notes WHERE body = 'x')",
    "id IN (SELECT id FROM notes LIMIT 1)",
    "EXISTS (SELECT 1 FROM orders o WHERE o.id = notes.id AND o.total > 5)",
    "(id, body) = (1, 'x')",
    "lower(body) = body",
    "0.1 + 0.2 = 0.4",
]
DOES_NOT = [
    "true",
    "$1",
    "id = 5 OR $1",
    "'t'",
    "'on'::bool",
    "1::bool",
    "NOT NULL IS NOT NULL",
    "2 > 1 AND 'a' = 'a'",
    "1 + 1 = 2",
    "'a' || 'b' = 'ab'",
    "'x' LIKE '%'",
    "nullif(1, 2) = 1",
    "greatest(1, 2) = 2",
    "(id = 5) IS NOT NULL OR true",
    "id = id AND body = body",
    "body IS NOT DISTINCT FROM body",
    "id >= id",
    "id + 0 = id",
    "id NOT IN (id) IS FALSE",
    "coalesce(body, '') IS NOT NULL",
    "(body IS NULL) IS NOT NULL",
    "body LIKE '%%'",
    "body SIMILAR TO '%'",
    "id >= 1",
    "0 < id",
    "id <> 0",
    "abs(id) > -1",
    "ctid IS NOT NULL",
    "random() < 2",
    "(SELECT count(*) FROM orders) > 0",
    "id IN (SELECT id FROM notes WHERE true)",
    "id IN (SELECT n.id FROM public.notes AS n)",
    "EXISTS (SELECT 1 FROM notes n WHERE n.id = notes.id AND true)",
    "1.0::float8 = 1.0::float8",
    "'a' COLLATE \"C\" = 'a'",
    'body = body COLLATE "C"',
]


@pytest.mark.parametrize("where", RESTRICTS)
def test_this_restricts(where):
    assert not read(f"DELETE FROM notes WHERE {where}", STATE, CATALOG).unscoped
    assert not read(f"UPDATE notes SET body = '' WHERE {where}", STATE, CATALOG).unscoped


@pytest.mark.parametrize("where", DOES_NOT)
def test_this_does_not(where):
    assert read(f"DELETE FROM notes WHERE {where}", STATE, CATALOG).unscoped
    nested = f"WITH x AS (UPDATE notes SET body = '' WHERE {where} RETURNING 1) TABLE x"
    assert read(nested, STATE, CATALOG).unscoped


@pytest.mark.parametrize("where", [w for w in DOES_NOT if "n.id" not in w])
def test_nor_without_a_catalogue(where):
    assert read(f"DELETE FROM public.notes WHERE {where}", STATE, EMPTY).unscoped


def test_a_select_is_never_unscoped():
    assert not read("SELECT * FROM notes WHERE true", STATE, CATALOG).unscoped


def test_a_variable_is_no_column():
    body = "BEGIN DELETE FROM notes WHERE everything OR id = chosen; END"
    known = catalog(function("tidy", body, "plpgsql", 2, signature="everything bool, chosen int"))
    assert read("SELECT tidy(true, 1)", STATE, known).unscoped
    body = "BEGIN DELETE FROM notes WHERE id = chosen; END"
    known = catalog(function("tidy", body, "plpgsql", 1, signature="chosen int"))
    assert not read("SELECT tidy(1)", STATE, known).unscoped


def test_of_a_merge_each_branch_counts():
    def unscoped(rest):
        return read(f"MERGE INTO notes n USING orders o ON {rest}", STATE, CATALOG).unscoped

    assert not unscoped("n.id = o.id WHEN MATCHED THEN DELETE")
    assert unscoped("true WHEN MATCHED THEN DELETE")
    assert not unscoped("true WHEN MATCHED AND n.id = 1 THEN DELETE")
    assert not unscoped("true WHEN NOT MATCHED THEN INSERT VALUES (1, '')")
    assert unscoped("n.id = o.id WHEN NOT MATCHED BY SOURCE THEN UPDATE SET body = ''")
    assert not unscoped("n.id = o.id WHEN NOT MATCHED BY SOURCE AND n.id = 3 THEN DELETE")


def test_an_upsert_is_bounded_by_its_rows_unless_they_are_the_tables_own():
    def unscoped(sql):
        return read(sql, STATE, CATALOG).unscoped

    rest = "ON CONFLICT (id) DO UPDATE SET body = ''"
    assert not unscoped(f"INSERT INTO notes VALUES (1, 'x') {rest}")
    assert not unscoped(f"INSERT INTO notes SELECT id, name FROM customers {rest}")
    assert unscoped(f"INSERT INTO notes SELECT * FROM notes {rest}")
    assert not unscoped(f"INSERT INTO notes SELECT * FROM notes WHERE id = 1 {rest}")
    assert not unscoped("INSERT INTO notes SELECT * FROM notes ON CONFLICT DO NOTHING")
