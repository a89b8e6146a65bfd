"""What each kind of statement does, and to what."""

from __future__ import annotations

import pytest

from tests.sql.world import CATALOG, STATE, catalog, told, view
from vedette.model import Effect
from vedette.sql import EMPTY, State, read

TABLE = [
    ("SELECT 1", {"read"}),
    ("", {"read"}),
    ("BEGIN", {"read"}),
    ("SELECT * FROM customers", {"read public.customers"}),
    ("SELECT * FROM public.customers, audit.log", {"read public.customers", "read audit.log"}),
    ('SELECT * FROM "Customers"', {"read? Customers"}),
    ("SELECT * FROM nosuch", {"read? nosuch"}),
    ("SELECT * FROM nosuch.t", {"read nosuch.t"}),
    ('SELECT * FROM "a.b"."c"', {'read "a.b".c'}),
    ("SELECT * FROM pg_authid", {"read pg_catalog.pg_authid"}),
    ("SELECT * FROM pg_temp.t", {"read pg_temp.t"}),
    ("TABLE orders", {"read public.orders"}),
    ("SELECT (SELECT id FROM notes LIMIT 1) FROM orders", {"read public.notes", "read public.orders"}),
    ("SELECT 1 FROM orders o JOIN LATERAL (SELECT FROM notes WHERE notes.id = o.id) x ON true",
     {"read public.notes", "read public.orders"}),
    ("INSERT INTO notes VALUES (1, 'x')", {"write public.notes"}),
    ("INSERT INTO notes SELECT id, name FROM customers", {"write public.notes", "read public.customers"}),
    ("INSERT INTO notes VALUES (1, 'x') RETURNING id", {"write public.notes", "read public.notes"}),
    ("UPDATE notes SET body = 'x' WHERE id = 1", {"write public.notes", "(read public.notes)"}),
    ("DELETE FROM notes WHERE id = 1", {"delete public.notes", "(read public.notes)"}),
    ("DELETE FROM notes WHERE id = 1 RETURNING *",
     {"delete public.notes", "read public.notes", "(read public.notes)"}),
    ("MERGE INTO notes n USING orders o ON n.id = o.id WHEN MATCHED THEN DELETE "
     "WHEN NOT MATCHED THEN INSERT VALUES (o.id, '')",
     {"write public.notes", "delete public.notes", "(read public.notes)", "read public.orders"}),
    ("TRUNCATE notes, audit.log", {"destroy public.notes", "destroy audit.log"}),
    ("DROP TABLE notes, nosuch", {"destroy public.notes", "destroy? nosuch"}),
    ("DROP SCHEMA audit", {"destroy schema:audit"}),
    ("DROP FUNCTION f(int)", {"destroy function:public.f"}),
    ("DROP TRIGGER t ON notes", {"destroy trigger:t", "alter public.notes"}),
    ("DROP DATABASE app", {"destroy database:app"}),
    ("DROP ROLE bob", {"destroy role:bob", "grant role:bob"}),
    ("DROP EXTENSION vector", {"destroy extension:vector"}),
    ("ALTER TABLE notes DROP COLUMN body", {"destroy public.notes"}),
    ("ALTER TABLE notes ADD COLUMN a int", {"alter public.notes"}),
    ("ALTER TABLE notes OWNER TO bob", {"grant public.notes"}),
    ("ALTER TABLE notes RENAME TO other", {"alter public.notes"}),
    ("ALTER FUNCTION f(int) OWNER TO bob", {"grant function:public.f"}),
    ("ALTER SCHEMA audit RENAME TO other", {"alter schema:audit"}),
    ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO bob", {"grant default:*"}),
    ("CREATE TABLE t (a int)", {"create public.t"}),
    ("CREATE TEMP TABLE t (a int)", {"create pg_temp.t"}),
    ("CREATE TABLE audit.t (a int REFERENCES customers)",
     {"create audit.t", "(alter public.customers)"}),
    ("CREATE TABLE t (LIKE customers)", {"create public.t", "read public.customers"}),
    ("CREATE TABLE t AS SELECT * FROM customers", {"create public.t", "read public.customers"}),
    ("SELECT * INTO t FROM customers", {"create public.t", "read public.customers"}),
    ("CREATE VIEW v AS SELECT * FROM customers", {"create public.v", "read public.customers"}),
    ("CREATE OR REPLACE VIEW v AS SELECT 1", {"create public.v", "alter public.v"}),
    ("CREATE INDEX i ON notes (body)", {"create index:i", "alter public.notes"}),
    ("CREATE SEQUENCE s", {"create public.s"}),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'DELETE FROM notes'", {"create function:public.f"}),
    ("CREATE SCHEMA s CREATE TABLE t (a int)", {"create schema:s", "create s.t"}),
    ("CREATE TYPE m AS ENUM ('a')", {"create type:public.m"}),
    ("CREATE DOMAIN d AS int CHECK (value > 0)", {"create domain:public.d"}),
    ("CREATE ROLE bob", {"grant role:bob"}),
    ("CREATE DATABASE d", {"create database:d"}),
    ("CREATE EXTENSION vector", {"create extension:vector", "execute extension:vector"}),
    ("GRANT SELECT ON notes, customers TO bob", {"grant public.notes", "grant public.customers"}),
    ("REVOKE admin FROM bob", {"grant role:admin"}),
    ("GRANT USAGE ON SCHEMA audit TO bob", {"grant schema:audit"}),
    ("GRANT EXECUTE ON FUNCTION f(int) TO bob", {"grant function:public.f"}),
    ("COMMENT ON COLUMN notes.body IS 'x'", {"alter public.notes"}),
    ("VACUUM notes", {"alter public.notes"}),
    ("ANALYZE", {"alter database:*"}),
    ("LOCK TABLE notes", {"write public.notes"}),
    ("LOCK TABLE notes, orders IN ACCESS SHARE MODE", {"read public.notes", "read public.orders"}),
    ("LISTEN news", {"read channel:news"}),
    ("NOTIFY news", {"write channel:news"}),
    ("SELECT pg_notify('news', 'x')", {"write channel:news"}),
    ("SELECT nextval('audit.log_id_seq')", {"write audit.log_id_seq"}),
    ("SELECT nextval('audit.log_id_seq'::regclass)", {"write audit.log_id_seq"}),
    ("SELECT setval(104, 1)", {"write audit.log_id_seq"}),
    ("SELECT nextval(name) FROM customers", {"write? *", "read public.customers"}),
    ("SELECT pg_read_file('/etc/passwd')", {"export file:/etc/passwd"}),
    ("SELECT pg_read_file(name) FROM customers", {"export? file:*", "read public.customers"}),
    ("SELECT lo_import('/x')", {"export file:/x", "write pg_catalog.pg_largeobject"}),
    ("SELECT lo_export(1, '/x')", {"export file:/x", "read pg_catalog.pg_largeobject"}),
    ("SELECT pg_terminate_backend(1)", {"execute function:pg_catalog.pg_terminate_backend"}),
    ("SELECT pg_advisory_lock(1)", {"write lock:advisory"}),
    ("SELECT pg_reload_conf()", {"configure system:pg_reload_conf"}),
    ("SELECT table_to_xml('customers', true, true, '')", {"read public.customers"}),
    ("SELECT query_to_xml('SELECT 1 FROM notes', true, true, '')", {"read public.notes"}),
    ("SELECT schema_to_xml('audit', true, true, '')", {"read schema:audit", "read audit.log"}),
    ("SELECT * FROM pg_settings", {"read pg_catalog.pg_settings"}),
    ("LOAD 'x'", {"execute file:x"}),
    ("CHECKPOINT", {"configure system:checkpoint"}),
    ("ALTER SYSTEM SET work_mem = '1MB'", {"configure setting:work_mem", "configure system:work_mem"}),
    ("COMMIT PREPARED 'x'", {"execute transaction:x"}),
    ("EXPLAIN DELETE FROM notes", {"read public.notes", "(read public.notes)"}),
    ("EXPLAIN (ANALYZE false) TRUNCATE notes", {"unknown"}),
    ("EXPLAIN ANALYZE DELETE FROM notes", {"delete public.notes", "(read public.notes)"}),
    ("EXPLAIN CREATE TABLE t AS SELECT 1", {"read public.t"}),
    ("DO $$ BEGIN INSERT INTO notes VALUES (1, 'x'); PERFORM id FROM orders; END $$",
     {"write public.notes", "read public.orders"}),
    ("DO LANGUAGE plpython3u 'x'", {"unknown"}),
    ("SELECT nosuch()", {"unknown function:public.nosuch"}),
    ("SELECT brinhandler(1)", {"unknown"}),
    ("UPDATE pg_authid SET rolsuper = true WHERE rolname = 'x'",
     {"write pg_catalog.pg_authid", "grant pg_catalog.pg_authid", "(read pg_catalog.pg_authid)"}),
    ("CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p",
     {"export subscription:s", "configure subscription:s"}),
    ("CREATE PUBLICATION p FOR TABLE notes", {"export publication:p", "export public.notes"}),
    ("CREATE USER MAPPING FOR bob SERVER away", {"grant usermapping:away", "configure usermapping:away"}),
    ("SELEC 1", {"unknown"}),
    ("SELECT 1; SELEC 1", {"unknown"}),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), TABLE, ids=[sql[:50] for sql, _ in TABLE])
def test_what_a_statement_does(sql, expected):
    facts = read(sql, STATE, CATALOG)
    assert told(facts) == expected, facts.reason


def test_what_is_unknown_says_why():
    for sql, expected in TABLE:
        facts = read(sql, STATE, CATALOG)
        unknown = any(touch.effect is Effect.UNKNOWN for touch in facts.touches)
        assert bool(facts.reason) == unknown == any(one.startswith("unknown") for one in expected), sql


def test_without_a_path_no_bare_name_is_resolved():
    facts = read("SELECT * FROM customers, pg_class, public.notes", State(()), CATALOG)
    assert told(facts) == {"read? customers", "read? pg_class", "read public.notes"}
    assert facts.unresolved == {"customers", "pg_class"}


def test_without_a_catalogue_qualified_names_stand():
    facts = read("SELECT * FROM public.customers, orders", STATE, EMPTY)
    assert told(facts) == {"read public.customers", "read? orders"}
    assert facts.unresolved == {"public.customers", "orders"}


def test_the_first_schema_of_the_path_wins():
    assert told(read("SELECT * FROM log", State(("audit", "public")), CATALOG)) == {"read audit.log"}


def test_a_cte_hides_the_table_only_where_it_is_in_scope():
    def reads(sql):
        return told(read(sql, STATE, CATALOG))

    assert reads("WITH notes AS (SELECT 1) SELECT * FROM notes") == {"read"}
    assert reads("WITH notes AS (SELECT 1) SELECT * FROM public.notes") == {"read public.notes"}
    assert reads("WITH notes AS (SELECT * FROM notes) SELECT * FROM notes") == {"read public.notes"}
    assert reads("WITH RECURSIVE notes AS (SELECT 1 UNION SELECT * FROM notes) TABLE notes") == {"read"}
    assert reads("WITH a AS (TABLE notes), notes AS (SELECT 1) TABLE a") == {"read public.notes"}
    assert reads("SELECT * FROM (WITH notes AS (SELECT 1) TABLE notes) x, notes") == {"read public.notes"}
    assert reads("(WITH notes AS (SELECT 1) TABLE notes) UNION TABLE notes") == {"read public.notes"}
    assert reads("WITH notes AS (SELECT 1) SELECT 1 WHERE EXISTS (TABLE notes)") == {"read"}
    assert "delete public.notes" in reads("WITH notes AS (SELECT 1) DELETE FROM notes WHERE id = 1")


def test_behind_a_view_the_tables_are_implied():
    known = catalog(view(200, "v", "SELECT c.id FROM public.customers c"),
                    view(201, "w", "SELECT v.id FROM public.v"))  # fmt: skip
    assert told(read("SELECT * FROM w", STATE, known)) == {
        "read public.w",
        "(read public.v)",
        "(read public.customers)",
    }
    assert told(read("DELETE FROM v WHERE id = 1", STATE, known)) == {
        "delete public.v",
        "(read public.v)",
        "(delete public.customers)",
        "(read public.customers)",
    }


def test_a_view_without_its_definition_is_unknown():
    assert "unknown" in told(read("SELECT * FROM v", STATE, catalog(view(200, "v", ""))))


def test_a_change_of_search_path_is_felt_by_the_next_statement():
    moved = read("SET search_path = audit; SELECT * FROM notes", STATE, CATALOG)
    assert "read? notes" in told(moved)
    inside = read("DO $$ BEGIN PERFORM set_config('search_path', 'audit', false); END $$; TABLE notes",
                  STATE, CATALOG)  # fmt: skip
    assert "read? notes" in told(inside)
    emptied = read("SELECT set_config('search_path', '', false); TABLE notes", STATE, CATALOG)
    assert "read? notes" in told(emptied)


def test_ddl_and_locks_are_told():
    def flags(sql):
        facts = read(sql, STATE, CATALOG)
        return facts.ddl, facts.writes_or_locks

    assert flags("SELECT 1") == (False, False)
    assert flags("SELECT * FROM notes FOR SHARE") == (False, True)
    assert flags("UPDATE notes SET body = '' WHERE id = 1") == (False, True)
    assert flags("CREATE TABLE t ()") == (True, True)
    assert flags("SET application_name = 'x'") == (False, False)
    assert flags("nonsense") == (True, True)
