"""Settings, transactions, prepared statements, cursors and COPY: what the engine follows."""

from __future__ import annotations

import pytest

from tests.sql.world import CATALOG, STATE, read_in_order, told
from vedette.sql import CopyFacts, Setting, read, union


def facts(sql):
    return read(sql, STATE, CATALOG)


@pytest.mark.parametrize(
    ("sql", "setting", "effect"),
    [
        ("SET application_name = 'x'", Setting("application_name", "x"), "read"),
        ("SET Application_Name TO x", Setting("application_name", "x"), "read"),
        ('SET "APPLICATION_NAME" = x', Setting("application_name", "x"), "read"),
        ("SET LOCAL work_mem = 1", Setting("work_mem", "1", True), "read"),
        ("SET datestyle TO ISO, MDY", Setting("datestyle", "iso, mdy"), "read"),
        ("SET TIME ZONE 'UTC'", Setting("timezone", "UTC"), "read"),
        ("SET client_encoding TO 'utf8'", Setting("client_encoding", "utf8"), "read"),
        ("SET client_encoding TO latin1", Setting("client_encoding", "latin1"), "configure"),
        ("SET NAMES 'SJIS'", Setting("client_encoding", "SJIS"), "configure"),
        ("SET standard_conforming_strings = off", Setting("standard_conforming_strings", "off"), "configure"),
        ("SET standard_conforming_strings = ON", Setting("standard_conforming_strings", "on"), "read"),
        ("SET search_path TO a, b", Setting("search_path", "a, b"), "configure"),
        ("SET search_path = ''", Setting("search_path", ""), "read"),
        ("SET SCHEMA 'a'", Setting("search_path", "a"), "configure"),
        ("SET app.tenant = '1'", Setting("app.tenant", "1"), "configure"),
        ("SET row_security = off", Setting("row_security", "off"), "read"),
        ("SET session_replication_role = replica", Setting("session_replication_role", "replica"),
         "configure"),
        ("RESET search_path", Setting("search_path", None), "read"),
        ("SET search_path TO DEFAULT", Setting("search_path", None), "read"),
        ("SELECT set_config('Search_Path', 'a', true)", Setting("search_path", "a", True), "configure"),
        ("SELECT set_config('timezone', 'UTC', false)", Setting("timezone", "UTC"), "read"),
        ("UPDATE pg_settings SET setting = 'a' WHERE name = 'search_path'", Setting("search_path", "a"),
         "configure"),
        ("SELECT set_config(name, 'a', false) FROM pg_settings WHERE name = 'work_mem'",
         Setting("work_mem", "a"), "read"),
    ],
)  # fmt: skip
def test_a_setting_is_told_and_weighed(sql, setting, effect):
    found = facts(sql)
    assert found.settings == (setting,)
    assert f"{effect} setting:{setting.name}" in told(found)
    assert not found.constant_free


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT set_config(name, 'a', false) FROM customers",
        "SELECT set_config(name, 'a', false) FROM pg_settings",
        "SELECT set_config(name, 'a', false) FROM pg_settings WHERE name = 'work_mem' OR true",
        "SELECT (SELECT set_config(name, 'bob', false) FROM (VALUES ('role')) v (name)) "
        "FROM pg_settings WHERE name = 'work_mem'",
        "SELECT set_config(name, 'bob', false) FROM customers UNION "
        "SELECT '1' FROM pg_settings WHERE name = 'work_mem'",
        "SELECT set_config('search_path', name, false) FROM customers",
        "SELECT set_config($1, $2, false)",
        "UPDATE pg_settings SET setting = 'bob'",
        "UPDATE pg_settings SET setting = 'bob' WHERE name LIKE 'role'",
    ],
)
def test_a_setting_that_is_named_when_it_runs_is_unknown(sql):
    assert "unknown" in told(facts(sql))


@pytest.mark.parametrize(
    ("sql", "role"),
    [
        ("SET ROLE bob", "bob"),
        ("SET LOCAL ROLE 'bob'", "bob"),
        ("SET SESSION AUTHORIZATION bob", "bob"),
        ("SELECT set_config('role', 'bob', false)", "bob"),
        ("UPDATE pg_settings SET setting = 'bob' WHERE name = 'role'", "bob"),
    ],
)
def test_another_role_is_a_grant(sql, role):
    assert f"grant role:{role}" in told(facts(sql))


def test_giving_up_a_role_is_configuration():
    for sql in ("RESET ROLE", "SET SESSION AUTHORIZATION DEFAULT", "DISCARD ALL"):
        assert any(one.startswith("configure setting:") for one in told(facts(sql))), sql
    assert any(one.startswith("grant role:") for one in told(facts("SET ROLE NONE")))


def test_transactions_are_told_in_order():
    sql = "BEGIN; SAVEPOINT a; ROLLBACK TO a; RELEASE a; COMMIT; START TRANSACTION; ABORT; END"
    assert facts(sql).transaction == (
        "begin", "savepoint", "rollback to", "release", "commit", "begin", "rollback", "commit",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "prepared"),
    [
        ("PREPARE p AS SELECT 1", ("p", "SELECT 1")),
        ("PREPARE p (int, text[]) AS SELECT $1 AS x", ("p", "SELECT $1 AS x")),
        ('PREPARE "a ( AS b" (numeric(3, 2)) AS SELECT 1', ("a ( AS b", "SELECT 1")),
        ("PREPARE as_is AS SELECT 1 ;", ("as_is", "SELECT 1")),
        ("/* PREPARE x AS */ PREPARE p -- AS\n AS /* AS */ SELECT 'AS'", ("p", "/* AS */ SELECT 'AS'")),
        ("SELECT 'ä'; PREPARE p AS SELECT 'ö'; SELECT 1", ("p", "SELECT 'ö'")),
    ],
)
def test_what_is_prepared_is_told_with_its_text(sql, prepared):
    assert facts(sql).prepares == (prepared,)


def test_a_prepared_statement_counts_when_made_and_when_run():
    made, run = read_in_order(["PREPARE p AS DELETE FROM notes", "EXECUTE p"], CATALOG)
    assert "delete public.notes" in told(made)
    assert "delete public.notes" in told(run)
    assert run.unscoped
    assert run.executes == ("p",)
    assert "unknown" in told(facts("EXECUTE p"))


def test_a_cursor_counts_when_made_and_when_fetched():
    made, run = read_in_order(["DECLARE c CURSOR FOR SELECT ssn FROM customers", "FETCH 5 FROM c"], CATALOG)
    assert made.cursors == ("c",)
    assert run.fetches == ("c",)
    assert told(run) == {"read public.customers"}
    assert "ssn" in run.mentions
    assert "unknown" in told(facts("MOVE c"))


def test_a_name_that_stood_for_two_things_does_both():
    both = union([facts("DELETE FROM notes WHERE id = 1"), facts("SELECT ssn FROM customers")])
    run = read("EXECUTE p", STATE, CATALOG, {"p": both})
    assert {"delete public.notes", "read public.customers"} <= told(run)
    assert told(union([])) == {"unknown"}


TEXT = ("\t", "\\N", "", "")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("COPY customers TO STDOUT",
         CopyFacts("out", "public.customers", (), False, "text", *TEXT, False, True)),
        ("COPY public.customers (id, ssn) FROM STDIN",
         CopyFacts("in", "public.customers", ("id", "ssn"), False, "text", *TEXT, False, True)),
        ("COPY customers TO STDOUT CSV HEADER DELIMITER ';'",
         CopyFacts("out", "public.customers", (), False, "csv", ";", "", '"', '"', True, True)),
        ("COPY customers TO STDOUT (FORMAT csv, QUOTE '''', NULL 'x', HEADER off)",
         CopyFacts("out", "public.customers", (), False, "csv", ",", "x", "'", "'", False, True)),
        ("COPY customers TO STDOUT (FORMAT csv, ESCAPE '!')",
         CopyFacts("out", "public.customers", (), False, "csv", ",", "", '"', "!", False, True)),
        ("COPY BINARY customers TO STDOUT",
         CopyFacts("out", "public.customers", (), False, "binary", "", "", "", "", False, True)),
        ("COPY (SELECT 1) TO STDOUT",
         CopyFacts("out", "", (), True, "text", *TEXT, False, True, text="SELECT 1")),
        ("COPY notes FROM STDIN (HEADER match, FORMAT csv)",
         CopyFacts("in", "public.notes", (), False, "csv", ",", "", '"', '"', True, True)),
        ("COPY notes FROM PROGRAM 'x'",
         CopyFacts("in", "public.notes", (), False, "text", *TEXT, False, False)),
        ("SELECT 1", None),
    ],
)  # fmt: skip
def test_copy_is_told_with_the_servers_defaults(sql, expected):
    assert facts(sql).copy == expected


@pytest.mark.parametrize(
    "sql",
    [
        "COPY notes TO STDOUT; SELECT 1",
        "COPY notes TO STDOUT; COPY notes TO STDOUT",
        "COPY notes TO STDOUT (ENCODING 'latin1')",
        "COPY notes TO STDOUT (FORMAT xml)",
        "COPY notes TO STDOUT (brand_new true)",
        "COPY notes TO STDOUT (FORMAT csv, FORMAT binary)",
    ],
)
def test_a_copy_that_cannot_be_followed_is_unknown(sql):
    assert "unknown" in told(facts(sql))


def test_for_policy_it_is_one_mapping_and_the_same_each_time():
    found = facts("BEGIN; DELETE FROM notes")
    assert found.for_policy() is found.for_policy()
    assert dict(found.for_policy()["sql"]) == {
        "unscoped": True,
        "verbs": ["BEGIN", "DELETE"],
        "statements": 2,
        "ddl": False,
        "copy_in": False,
        "copy_out": False,
        "transaction": ["begin"],
    }


@pytest.mark.parametrize(
    ("sql", "verbs"),
    [
        ("SELECT 1", ("SELECT",)),
        ("SELECT 1 INTO t", ("SELECT INTO",)),
        ("DROP TABLE notes", ("DROP TABLE",)),
        ("DROP MATERIALIZED VIEW v", ("DROP MATVIEW",)),
        ("ALTER TABLE notes RENAME TO x", ("ALTER TABLE",)),
        ("ALTER VIEW v OWNER TO x", ("ALTER VIEW",)),
        ("CREATE TABLE t AS SELECT 1", ("CREATE TABLE",)),
        ("CREATE ROLE x", ("CREATE ROLE",)),
        ("CREATE EXTENSION x", ("CREATE EXTENSION",)),
        ("GRANT x TO y", ("GRANT",)),
        ("REVOKE SELECT ON notes FROM y", ("REVOKE",)),
        ("ALTER SYSTEM RESET ALL", ("ALTER SYSTEM",)),
        ("SET x.y = 1", ("SET",)),
        ("RESET ALL", ("RESET",)),
        ("EXPLAIN ANALYZE SELECT 1", ("EXPLAIN",)),
        ("VACUUM", ("VACUUM",)),
        ("ANALYZE", ("ANALYZE",)),
        ("CALL p()", ("CALL",)),
        ("MERGE INTO notes USING notes n ON true WHEN MATCHED THEN DO NOTHING", ("MERGE",)),
        ("BEGIN; COMMIT; ABORT", ("BEGIN", "COMMIT", "ROLLBACK")),
        ("LISTEN x; NOTIFY x; CLOSE ALL", ("LISTEN", "NOTIFY", "CLOSE")),
        ("", ()),
    ],
)
def test_the_verb(sql, verbs):
    assert facts(sql).verbs == verbs
