"""The packs, against statements as the gateway reads them."""

from __future__ import annotations

import functools

import pytest

from tests.policy.asks import AGENT, APPDB
from vedette.masking.detectors import DETECTORS
from vedette.model import Action, Ask, Deny
from vedette.policy import Marks, Policies, compile_policies, packs
from vedette.policy.globs import KINDS, kind_of
from vedette.policy.rules import KINDS as RULES
from vedette.policy.testing import word
from vedette.sql.catalog import Catalog, Column, Function, Relation
from vedette.sql.reading import State, read

CATALOG = Catalog(
    [Relation(1, "public", "t", "r", (Column(1, "a", 23), Column(2, "c", 25)))],
    [Function("public", "f", 0, False, "v", "sql", "SELECT 1", "f", False, 0)],
)
STATE = State(("public",), "app", "me")

DESTRUCTIVE = """
DROP TABLE t
DROP SCHEMA public CASCADE
DROP DATABASE app
TRUNCATE t
ALTER TABLE t DROP COLUMN a
DELETE FROM t
DELETE FROM t WHERE true
UPDATE t SET a = 1
UPDATE t SET a = 1 WHERE a = a
DROP OWNED BY bob
WITH gone AS (DELETE FROM t RETURNING 1) SELECT 1
EXPLAIN ANALYZE DELETE FROM t
SELECT 1; DROP TABLE t
"""
PRIVILEGE = """
GRANT SELECT ON t TO bob
REVOKE SELECT ON t FROM bob
GRANT admin TO bob
CREATE ROLE bob
ALTER ROLE bob SUPERUSER
ALTER ROLE bob SET work_mem = '1GB'
DROP ROLE bob
SET ROLE bob
RESET ROLE
SET SESSION AUTHORIZATION bob
REASSIGN OWNED BY bob TO eve
ALTER TABLE t OWNER TO bob
ALTER TABLE t DISABLE ROW LEVEL SECURITY
CREATE POLICY p ON t USING (true)
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO bob
ALTER SYSTEM SET log_statement = 'none'
ALTER DATABASE app SET log_statement = 'none'
CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()
"""
FILESYSTEM = """
COPY t TO PROGRAM 'cat'
COPY t FROM PROGRAM 'ls'
COPY t TO '/data/t'
COPY t FROM '/etc/passwd'
SELECT pg_read_file('/etc/passwd')
SELECT lo_import('/etc/passwd')
LOAD 'library'
CREATE TABLESPACE s LOCATION '/data'
CREATE EXTENSION dblink
CREATE LANGUAGE plperlu
CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw
CREATE USER MAPPING FOR bob SERVER s
CREATE SUBSCRIPTION s CONNECTION 'host=elsewhere' PUBLICATION p
SELECT dblink('host=elsewhere', 'SELECT 1')
"""
HARMLESS = """
SELECT 1
SELECT * FROM t
BEGIN
UPDATE t SET a = 1 WHERE a = 2
DELETE FROM t WHERE a = 2
INSERT INTO t VALUES (1)
CREATE TABLE u (a int)
ALTER TABLE t ADD COLUMN d int
COPY t TO STDOUT
COPY t FROM STDIN
SET statement_timeout = 5
EXPLAIN DELETE FROM t
"""

# Statements on every kind of object there is.
OTHERS = """
COMMIT PREPARED 'x'
PREPARE TRANSACTION 'x'
CREATE AGGREGATE a (int) (sfunc = f, stype = int)
CREATE OPERATOR + (leftarg = int, rightarg = int, function = f)
CREATE OPERATOR CLASS c FOR TYPE int USING btree AS STORAGE int
CREATE OPERATOR FAMILY c USING btree
CREATE TYPE ty AS (a int)
CREATE DOMAIN d AS int
CREATE COLLATION c FROM "C"
CREATE CONVERSION c FOR 'UTF8' TO 'LATIN1' FROM f
CREATE CAST (int AS text) WITHOUT FUNCTION
CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION f(internal))
CREATE TEXT SEARCH CONFIGURATION c (PARSER = p)
CREATE TEXT SEARCH DICTIONARY c (TEMPLATE = p)
CREATE ACCESS METHOD m TYPE table HANDLER f
CREATE STATISTICS s ON a, c FROM t
CREATE PUBLICATION p FOR ALL TABLES
CREATE FOREIGN DATA WRAPPER w
CREATE USER MAPPING FOR bob SERVER s
DROP USER MAPPING FOR bob SERVER s
CREATE INDEX i ON t (a)
DROP INDEX i
REINDEX INDEX i
REINDEX DATABASE app
CREATE SEQUENCE q
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()
DROP TRIGGER tr ON t
DROP FUNCTION f()
DROP PROCEDURE f()
DROP TYPE ty
DROP CAST (int AS text)
DROP OPERATOR + (int, int)
DROP OPERATOR CLASS c USING btree
DROP OPERATOR FAMILY c USING btree
DROP AGGREGATE a(int)
DROP TEXT SEARCH CONFIGURATION c
DROP ACCESS METHOD m
DROP STATISTICS s
DROP PUBLICATION p
DROP SUBSCRIPTION p
DROP EVENT TRIGGER e
DROP FOREIGN DATA WRAPPER w
DROP SERVER s
DROP LANGUAGE l
DROP RULE r ON t
DROP POLICY p ON t
DROP TRANSFORM FOR int LANGUAGE sql
DROP MATERIALIZED VIEW m
DROP FOREIGN TABLE ft
DROP DOMAIN d
DROP CONVERSION c
DROP COLLATION c
ALTER TYPE ty RENAME TO b
ALTER DOMAIN d DROP NOT NULL
ALTER FUNCTION f() OWNER TO bob
ALTER LARGE OBJECT 5 OWNER TO bob
GRANT SELECT ON LARGE OBJECT 5 TO bob
GRANT SET ON PARAMETER work_mem TO bob
GRANT USAGE ON LANGUAGE sql TO bob
GRANT USAGE ON FOREIGN SERVER s TO bob
GRANT USAGE ON FOREIGN DATA WRAPPER s TO bob
GRANT USAGE ON TYPE ty TO bob
GRANT ALL ON ALL TABLES IN SCHEMA public TO bob
GRANT CREATE ON TABLESPACE s TO bob
COMMENT ON DOMAIN d IS 'x'
COMMENT ON OPERATOR FAMILY c USING btree IS 'x'
COMMENT ON LARGE OBJECT 5 IS 'x'
COMMENT ON ACCESS METHOD m IS 'x'
SECURITY LABEL ON ROLE bob IS 'x'
ALTER EXTENSION e ADD TABLE t
ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b
ANALYZE t
CLUSTER t
VACUUM t
REFRESH MATERIALIZED VIEW m
SELECT pg_advisory_lock(1)
SELECT pg_switch_wal()
SELECT pg_notify('a','b')
SELECT lo_unlink(5)
SELECT pg_create_logical_replication_slot('a','b')
LISTEN x
UNLISTEN *
SHOW ALL
DECLARE c CURSOR FOR SELECT 1
FETCH c
CLOSE c
DEALLOCATE ALL
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE
SAVEPOINT s
"""


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@functools.cache
def denying(pack: str) -> Policies:
    every = ["*", "unknown"]
    rules = [{"allow": {"effects": every}}, {"deny": {"pack": pack}}]
    return compile_policies([{"name": "p", "rules": rules}], Marks())


def action(statement: str) -> Action:
    facts = read(statement, STATE, CATALOG)
    return Action(
        "postgres", "query", statement, facts.touches, facts=facts.for_policy(), reason=facts.reason
    )


def said(pack: str, statement: str) -> str:
    session = denying(pack).for_session(AGENT, APPDB)
    return word(session.decide(Ask(AGENT, APPDB, action(statement))).verdict)


@pytest.mark.parametrize("statement", lines(DESTRUCTIVE))
def test_destructive_statements_are_in_the_pack(statement: str) -> None:
    assert said("destructive-sql", statement) == "deny"


@pytest.mark.parametrize("statement", lines(PRIVILEGE))
def test_statements_on_rights_are_in_the_pack(statement: str) -> None:
    assert said("privilege-sql", statement) == "deny"


@pytest.mark.parametrize("statement", lines(FILESYSTEM))
def test_statements_that_leave_the_database_are_in_the_pack(statement: str) -> None:
    assert said("filesystem-sql", statement) == "deny"


@pytest.mark.parametrize("pack", ["destructive-sql", "privilege-sql", "filesystem-sql"])
@pytest.mark.parametrize("statement", lines(HARMLESS))
def test_everyday_statements_are_in_no_pack(pack: str, statement: str) -> None:
    assert said(pack, statement) == "allow"


@pytest.mark.parametrize("pack", ["destructive-sql", "privilege-sql", "filesystem-sql"])
def test_nothing_in_a_pack_is_ruled_out_for_what_cannot_be_read(pack: str) -> None:
    assert said(pack, "not sql") == "deny"


@pytest.mark.parametrize("statement", lines(DESTRUCTIVE + PRIVILEGE + FILESYSTEM + HARMLESS + OTHERS))
def test_every_kind_of_object_can_be_named_in_a_policy(statement: str) -> None:
    kinds = {kind_of(touch.object) for touch in action(statement).touches} - {""}
    assert kinds <= KINDS


def test_the_packs_are_those_of_the_design() -> None:
    sql = {"destructive-sql", "filesystem-sql", "privilege-sql"}
    shell = {"destructive-shell", "credential-theft", "persistence", "exfiltration"}
    kubernetes = {f"{what}-kubernetes" for what in ("destructive", "discovery", "privilege", "secrets")}
    assert set(packs.names(entities=False)) == sql | shell | kubernetes
    assert packs.names(entities=True) == ("personal-data", "secrets")


def test_the_packs_for_masks_cover_every_detector() -> None:
    covered = packs.load("personal-data").entities | packs.load("secrets").entities
    assert covered == DETECTORS.keys()


def test_each_entry_of_a_pack_says_what_it_is() -> None:
    for pack in packs.every().values():
        assert pack.about.endswith(".")
        assert pack.says
        assert all(pack.says)


def test_an_unknown_pack_is_an_error() -> None:
    with pytest.raises(KeyError):
        packs.load("nothing")


def test_a_rule_kind_is_no_pack() -> None:
    assert not set(RULES) & set(packs.every())


HINTED = {
    "DROP TABLE t": "leave it in place",
    "DELETE FROM t": "add a WHERE clause",
    "GRANT SELECT ON t TO bob": "permissions you have",
    "COPY t TO PROGRAM 'cat'": "COPY ... TO STDOUT",
    "CREATE EXTENSION dblink": "pg_extension",
}


@pytest.mark.parametrize(("text", "hint"), HINTED.items())
def test_a_pack_says_what_to_do_instead(text: str, hint: str) -> None:
    sql = [name for name in packs.names(entities=False) if name.endswith("-sql")]
    assert all(each.hint for name in sql for each in packs.load(name).matchers)
    denials = [{"deny": {"pack": pack}} for pack in sql]
    assert hint in refused(text, *denials).hint
    # Whoever wrote the rule knows better.
    own = [rule | {"hint": "ask Ada"} for rule in denials]
    assert refused(text, *own).hint == "ask Ada"


def test_what_could_not_be_read_gets_no_hint_of_a_pack() -> None:
    assert "WHERE" not in refused("nonsense", {"deny": {"pack": "destructive-sql"}}).hint


def refused(text: str, *rules: dict[str, object]) -> Deny:
    allow = {"allow": {"effects": ["*"]}}
    policies = compile_policies([{"name": "p", "rules": [allow, *rules]}], Marks("x.yaml"))
    facts = read(text, STATE, CATALOG)
    action = Action("postgres", "query", text, facts.touches, (), facts.for_policy(), reason=facts.reason)
    verdict = policies.for_session(AGENT, APPDB).decide(Ask(AGENT, APPDB, action)).verdict
    assert isinstance(verdict, Deny)
    return verdict
