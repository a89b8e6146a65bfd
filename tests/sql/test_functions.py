"""Calls of functions of the database: what their bodies do counts, and what cannot be read is unknown."""

from __future__ import annotations

import pytest

from tests.sql.world import CATALOG, STATE, catalog, function, told
from vedette.sql import State, read

UNKNOWN = "unknown function:public.f"


def does(sql, *functions, state=STATE):
    return told(read(sql, state, catalog(*functions)))


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (function("f", "SELECT 1"), set()),
        (function("f", "DELETE FROM notes WHERE id = 1"), {"delete public.notes", "(read public.notes)"}),
        (function("f", "BEGIN ATOMIC SELECT count(*) FROM notes; END"), {"read public.notes"}),
        (function("f", "RETURN (SELECT max(id) FROM orders)"), {"read public.orders"}),
        (function("f", "BEGIN RETURN 1; END", "plpgsql"), set()),
        (function("f", "BEGIN TRUNCATE notes; RETURN 1; END", "plpgsql"), {"destroy public.notes"}),
        (function("f", "BEGIN EXECUTE 'TABLE notes'; RETURN 1; END", "plpgsql"), {"read public.notes"}),
        (function("f", "BEGIN EXECUTE q; RETURN 1; END", "plpgsql"), {"unknown"}),
        (function("f", "BEGIN RETURN QUERY EXECUTE q; END", "plpgsql", result="SETOF int"), {"unknown"}),
        (function("f", "BEGIN x := 1; END", "plpgsql", result="int", signature="OUT x int"), set()),
        (function("f", "BEGIN a.b := 1; END", "plpgsql", result="s.t", signature="INOUT a s.t"), set()),
        (function("f", "BEGIN nonsense; END", "plpgsql"), {UNKNOWN}),
        (function("f", "", "sql"), {UNKNOWN}),
        (function("f", "SELEC 1"), {UNKNOWN}),
        (function("f", "pass", "plpython3u"), {UNKNOWN}),
        (function("f", "dblink_exec", "c"), {UNKNOWN}),
        (function("f", "uuid_generate_v4", "c"), set()),
        (function("f", "pg_read_file", "internal"), {UNKNOWN}),
        (function("f", "aggregate_dummy", "internal", kind="a"), {UNKNOWN}),
    ],
)  # fmt: skip
def test_the_body_is_read(made, expected):
    assert does("SELECT f()", made) - {"(read function:public.f)"} == expected


def test_what_is_declared_about_it_proves_nothing():
    for volatility in "isv":
        made = function("f", "DELETE FROM notes", volatility=volatility, security_definer=True)
        assert "delete public.notes" in does("SELECT f()", made)


def test_all_that_could_be_meant_count():
    one = function("f", "DELETE FROM notes", arguments=1)
    other = function("f", "DELETE FROM orders", arguments=1, schema="audit")
    many = function("f", "DELETE FROM customers", arguments=1, variadic=True)
    both = State(("public", "audit"))
    assert "delete public.notes" in does("SELECT f(1)", one, other, state=both)
    assert "delete public.orders" in does("SELECT f(1)", one, other, state=both)
    assert "delete public.orders" not in does("SELECT f(1)", one, other)
    assert {"delete? notes", "delete? orders"} <= does("SELECT f(1)", one, other, state=State(()))
    assert "delete public.customers" in does("SELECT f(1, 2, 3)", one, many)
    assert "delete public.notes" not in does("SELECT f(1, 2, 3)", one, many)
    assert "delete public.notes" in does("SELECT f(1, 2, 3)", one), "the only one of that name"


def test_a_name_of_pg_catalog_may_be_shadowed_by_a_better_match():
    made = function("lower", "DELETE FROM notes", arguments=1)
    assert "delete public.notes" in does("SELECT lower(name) FROM customers", made)
    assert "delete public.notes" not in does("SELECT pg_catalog.lower(name) FROM customers", made)


def test_a_call_may_look_like_a_column():
    made = function("tidy", "DELETE FROM notes", arguments=1)
    assert "delete public.notes" in does("SELECT c.tidy FROM customers c", made)
    assert "delete public.notes" in does("SELECT (c).tidy FROM customers c", made)
    assert "delete public.notes" in does("SELECT 1 FROM customers c WHERE c.tidy = 1", made)
    assert "delete public.notes" not in does("SELECT tidy FROM customers c", made)


def test_defaults_of_left_out_arguments_run():
    inner = function("g", "DELETE FROM notes")
    shown = function("f", "SELECT 1", arguments=1, defaults=1, preset="public.g()")
    hidden = function("f", "SELECT 1", arguments=1, defaults=1)
    assert "delete public.notes" in does("SELECT f()", inner, shown)
    assert "delete public.notes" not in does("SELECT f(1)", inner, shown)
    assert "unknown" in does("SELECT f()", hidden)
    assert "unknown" not in does("SELECT f(1)", hidden)


def test_the_path_that_a_function_sets_is_its_own():
    made = function("f", "SELECT id FROM log", path=("audit",))
    assert "read audit.log" in does("SELECT f()", made)
    assert "read? log" in does("SELECT f()", function("f", "SELECT id FROM log"))


def test_functions_that_lead_back_to_themselves_end():
    one, two = function("f", "SELECT g()"), function("g", "SELECT f(); DELETE FROM notes")
    assert "delete public.notes" in does("SELECT f()", one, two)


def test_bodies_within_bodies_end():
    chain = [function(f"f{n}", f"SELECT f{n + 1}()") for n in range(60)]
    assert "unknown" in does("SELECT f0()", *chain)


def test_a_procedure_is_called_with_its_outputs():
    made = function("p", "BEGIN TRUNCATE notes; END", "plpgsql", 1, kind="p", signature="IN a int, OUT b int")
    assert "destroy public.notes" in does("CALL p(1, NULL)", made)


def test_what_is_new_grammar_may_be_an_old_function():
    made = function("json_scalar", "DELETE FROM notes", arguments=1)
    assert "delete public.notes" in does("SELECT json_scalar(1)", made)
    assert does("SELECT json_scalar(1)") == {"read"}


@pytest.mark.parametrize(
    "body",
    [
        "IF f2() THEN NULL; END IF",
        "IF true THEN NULL; ELSIF f2() THEN NULL; END IF",
        "IF true THEN NULL; ELSE PERFORM f2(); END IF",
        "CASE f2() WHEN 1 THEN NULL; ELSE NULL; END CASE",
        "CASE WHEN f2() THEN NULL; END CASE",
        "CASE 1 WHEN f2() THEN NULL; ELSE NULL; END CASE",
        "WHILE f2() LOOP NULL; END LOOP",
        "LOOP EXIT WHEN f2(); END LOOP",
        "LOOP CONTINUE WHEN f2(); END LOOP",
        "FOR i IN f2()..2 LOOP NULL; END LOOP",
        "FOR i IN 1..f2() LOOP NULL; END LOOP",
        "FOR i IN 1..2 BY f2() LOOP NULL; END LOOP",
        "FOR r IN SELECT f2() LOOP NULL; END LOOP",
        "FOR r IN EXECUTE 'SELECT f2()' LOOP NULL; END LOOP",
        "FOR r IN EXECUTE 'SELECT $1' USING f2() LOOP NULL; END LOOP",
        "FOR r IN c (f2()) LOOP NULL; END LOOP",
        "FOREACH n IN ARRAY f2() LOOP NULL; END LOOP",
        "OPEN c (f2())",
        "OPEN d FOR SELECT f2()",
        "OPEN d FOR EXECUTE 'SELECT f2()'",
        "OPEN d FOR EXECUTE 'SELECT 1' USING f2()",
        "FETCH ABSOLUTE f2() FROM d INTO n",
        "RAISE NOTICE '%', f2()",
        "RAISE EXCEPTION USING message = f2()",
        "ASSERT f2()",
        "ASSERT true, f2()",
        "CALL p(f2())",
        "n := f2()",
        "n = f2()",
        "r.x := f2()",
        "a[f2()] := 1",
        "a[1:f2()] := b",
        "n := count(*) FROM notes WHERE f2()",
        "SELECT f2() INTO n",
        "PERFORM f2()",
        "EXECUTE 'SELECT f2()' INTO n",
        "EXECUTE 'SELECT $1' USING f2()",
        "EXECUTE 'SELECT' || f2()",
        "UPDATE notes SET body = '' WHERE id = f2()",
        "BEGIN NULL; EXCEPTION WHEN others THEN PERFORM f2(); END",
        "DECLARE z int := f2(); BEGIN NULL; END",
        "DECLARE z CURSOR FOR SELECT f2(); BEGIN NULL; END",
        "<<l>> LOOP PERFORM f2(); EXIT l; END LOOP",
    ],
)
def test_wherever_in_a_block_a_call_stands_it_is_read(body):
    declared = "n int; r record; a int[]; b int[]; d refcursor; c CURSOR (z int) FOR SELECT z;"
    known = catalog(function("f2", "DELETE FROM notes"), function("p", "SELECT 1", arguments=1, kind="p"))
    facts = read(f"DO $$ DECLARE {declared} BEGIN {body}; END $$", STATE, known)
    assert "delete public.notes" in told(facts), facts.reason


@pytest.mark.parametrize(
    "query",
    [
        "SELECT {}",
        "SELECT 1 FROM customers WHERE {} IS NULL",
        "SELECT 1 FROM {}",
        "SELECT 1 FROM ROWS FROM ({}) AS t (a)",
        "SELECT 1 FROM customers c JOIN orders o ON {} = 1",
        "SELECT 1 FROM customers GROUP BY {} HAVING {} = 1",
        "SELECT 1 ORDER BY {}",
        "SELECT DISTINCT ON ({}) 1",
        "SELECT 1 LIMIT {}",
        "SELECT 1 OFFSET {}",
        "SELECT sum(id) OVER (PARTITION BY {}) FROM notes",
        "SELECT sum(id) OVER w FROM notes WINDOW w AS (ORDER BY {} ROWS {} PRECEDING)",
        "SELECT string_agg(body, '' ORDER BY {}) FILTER (WHERE {} = 1) FROM notes",
        "SELECT CASE {} WHEN 1 THEN 2 END, CASE WHEN {} = 1 THEN {} ELSE {} END",
        "SELECT ARRAY[{}], ARRAY[[1, {}]], ROW({}), ({}, 1)",
        "SELECT coalesce({}, 1), greatest({}), nullif({}, 1)",
        "SELECT (ARRAY[1])[{}], (ARRAY[1])[{}:2]",
        "SELECT {}::text, CAST({} AS text), -{}, NOT {} = 1, {} IS TRUE",
        "SELECT 1 IN (1, {}), 1 BETWEEN {} AND {}, 1 = ANY (SELECT {}), 'a' LIKE {}",
        "SELECT 1 FROM customers TABLESAMPLE system ({}) REPEATABLE ({})",
        "SELECT extract(year FROM {}), substring('a' FROM {}), now() AT TIME ZONE {}",
        "SELECT xmlelement(name a, xmlattributes({} AS b), {}), xmlforest({} AS c)",
        "SELECT xmlserialize(CONTENT {} AS text), {} IS DOCUMENT",
        "SELECT json_object('a': {}), json_array({}), json_array(SELECT {}), json_objectagg('a': {})",
        "SELECT json_value({}, '$'), json_query('1', '$' PASSING {} AS x), json_exists('1', {})",
        "SELECT json({}), json_scalar({}), json_serialize({}), {} IS JSON",
        "SELECT json_value('1', '$' DEFAULT {} ON EMPTY)",
        "SELECT * FROM JSON_TABLE({}, '$' PASSING {} AS x COLUMNS (a int PATH '$')) j",
        "SELECT * FROM XMLTABLE({} PASSING {} COLUMNS a int PATH {} DEFAULT {}) x",
        "VALUES (1), ({})",
        "SELECT 1 UNION SELECT {}",
        "(SELECT 1 UNION SELECT 2) INTERSECT SELECT {}",
        "WITH a AS (SELECT {}) SELECT 1",
        "WITH RECURSIVE a (n) AS (SELECT 1 UNION ALL SELECT n FROM a WHERE {} = 1) SELECT 1",
        "SELECT (SELECT (SELECT {}))",
        "SELECT EXISTS (SELECT {})",
        "SELECT count({})",
        "SELECT f1(a => {})",
        "SELECT lower(VARIADIC {})",
        "INSERT INTO notes VALUES ({})",
        "INSERT INTO notes SELECT {}",
        "INSERT INTO notes VALUES (1) ON CONFLICT (lower({}::text)) WHERE {} = 1 DO NOTHING",
        "INSERT INTO notes VALUES (1) ON CONFLICT (id) DO UPDATE SET body = {} WHERE {} = 1",
        "INSERT INTO notes VALUES (1) RETURNING {}",
        "UPDATE notes SET body = {} WHERE id = 1",
        "UPDATE notes SET (id, body) = (SELECT {}, 1) WHERE id = 1",
        "UPDATE notes SET body = '' FROM {} WHERE notes.id = 1",
        "UPDATE notes SET body = '' WHERE id = {} RETURNING {}",
        "DELETE FROM notes USING {} WHERE notes.id = 1",
        "DELETE FROM notes WHERE id = {} RETURNING {}",
        "MERGE INTO orders o USING {} s ON o.id = {} WHEN MATCHED AND {} = 1 THEN UPDATE SET total = {}",
        "MERGE INTO orders o USING customers s ON o.id = s.id WHEN NOT MATCHED THEN INSERT VALUES ({})",
        "COPY (SELECT {}) TO STDOUT",
        "COPY notes FROM STDIN WHERE {} = 1",
        "CREATE TABLE t AS SELECT {}",
        "CREATE TABLE t (a int DEFAULT {}, b int CHECK ({} = 1), c int GENERATED ALWAYS AS ({}) STORED)",
        "CREATE TABLE t (a int, EXCLUDE USING gist (a WITH =) WHERE ({} = 1))",
        "CREATE TABLE t (a int) PARTITION BY RANGE (({}))",
        "CREATE TABLE t PARTITION OF notes FOR VALUES FROM ({}) TO (2)",
        "CREATE VIEW v AS SELECT {}",
        "CREATE MATERIALIZED VIEW v AS SELECT {}",
        "CREATE INDEX i ON notes (({})) WHERE {} = 1",
        "CREATE STATISTICS s ON ({}), body FROM notes",
        "CREATE RULE r AS ON INSERT TO notes WHERE {} = 1 DO ALSO SELECT {}",
        "CREATE TRIGGER t BEFORE UPDATE ON notes FOR EACH ROW WHEN ({} = 1) EXECUTE FUNCTION x()",
        "CREATE POLICY p ON notes USING ({} = 1) WITH CHECK ({} = 1)",
        "CREATE DOMAIN d AS int DEFAULT {} CHECK ({} = 1)",
        "ALTER DOMAIN d ADD CHECK ({} = 1)",
        "CREATE FUNCTION g(a int DEFAULT {}) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA s CREATE VIEW v AS SELECT {}",
        "ALTER TABLE notes ADD COLUMN a int DEFAULT {}",
        "ALTER TABLE notes ALTER COLUMN id SET DEFAULT {}",
        "ALTER TABLE notes ALTER COLUMN id TYPE int USING {}",
        "ALTER TABLE notes ADD CHECK ({} = 1)",
        "EXPLAIN SELECT {}",
        "EXPLAIN ANALYZE SELECT {}",
        "PREPARE p AS SELECT {}",
        "DECLARE c CURSOR FOR SELECT {}",
        "PREPARE p (int) AS SELECT $1; EXECUTE p ({})",
        "CALL proc({})",
    ],
)
def test_wherever_in_a_statement_a_call_stands_it_is_read(query):
    """Each place alone, so that no other vouches for it."""
    known = catalog(
        function("hit", "DELETE FROM audit.log"),
        function("f1", "SELECT 1", arguments=1),
        function("proc", "SELECT 1", arguments=1, kind="p"),
    )
    places = query.count("{}")
    for place in range(places):
        sql = query.format(*("hit()" if n == place else "calm()" for n in range(places)))
        facts = read(sql, STATE, known)
        assert "delete audit.log" in told(facts), (sql, facts.reason)


def test_a_function_in_no_catalogue_is_unknown_and_told():
    facts = read("SELECT audit.nosuch(1)", STATE, CATALOG)
    assert told(facts) == {"unknown function:audit.nosuch"}
    assert facts.unresolved == {"audit.nosuch"}
