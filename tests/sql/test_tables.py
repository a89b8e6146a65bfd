"""The tables are complete: every node of the grammar, every function of a server."""

from __future__ import annotations

import pytest

from tests.sql.list_builtins import FUNCTIONS, TABLES, missing
from tests.testbed.postgres import Postgres
from vedette.sql.builtins import EFFECTS, HARMLESS, SPECIAL, UNCALLABLE
from vedette.sql.special import READERS
from vedette.sql.statements import NODES, STATEMENTS
from vedette.sql.system import FUNCTIONS as PLAIN

# What only the server's analyser and planner make, or what never stands alone: never in a raw tree.
ANALYSED = frozenset(
    """
    AccessPriv Aggref Alias AlternativeSubPlan ArrayCoerceExpr ArrayExpr CallContext CaseTestExpr
    CoerceToDomain CoerceToDomainValue CoerceViaIO CollateExpr ConvertRowtypeExpr DistinctExpr FieldSelect
    FieldStore FromExpr FuncExpr InferenceElem InlineCodeBlock IntList IntoClause JsonConstructorExpr JsonExpr
    JsonTablePath JsonTablePathScan JsonTableSiblingJoin MergeAction NextValueExpr NullIfExpr OidList
    OnConflictExpr OpExpr PLAssignStmt Param PublicationObjSpec PublicationTable Query RTEPermissionInfo
    RangeTblEntry RangeTblFunction RangeTblRef RawStmt RelabelType ReturningExpr RowCompareExpr RowMarkClause
    ScalarArrayOpExpr SetOperationStmt SortGroupClause SubPlan SubscriptingRef TableFunc TableSampleClause
    TargetEntry VacuumRelation Var WindowClause WindowFunc WindowFuncRunCondition WithCheckOption
    AlterTableCmd
    """.split()  # noqa: SIM905
)


def nodes_of_the_grammar():
    pb = pytest.importorskip("postgast.pg_query_pb2")
    return {field.message_type.name for field in pb.Node.DESCRIPTOR.fields}


def test_every_node_of_the_grammar_has_a_reader_or_is_never_seen():
    grammar = nodes_of_the_grammar()
    assert grammar - set(NODES) - ANALYSED == set()
    assert ANALYSED & set(STATEMENTS) == set()


def test_every_statement_of_the_grammar_has_a_reader():
    statements = {name for name in nodes_of_the_grammar() if name.endswith("Stmt")}
    assert statements - set(STATEMENTS) == ANALYSED & statements | {"ReplicaIdentityStmt"}


def test_no_function_stands_in_two_tables():
    tables = [set(EFFECTS), set(SPECIAL), set(HARMLESS), set(UNCALLABLE)]
    for position, one in enumerate(tables):
        for other in tables[position + 1 :]:
            assert not one & other
    assert not (HARMLESS | UNCALLABLE) & PLAIN
    assert set(READERS) == SPECIAL


@pytest.mark.live
@pytest.mark.parametrize("version", ["pg16", "pg18", "pg15_tls"])
def test_every_volatile_function_of_a_server_is_classified(version, request):
    server: Postgres = request.getfixturevalue(version)
    functions = [line.split("|") for line in server.run(FUNCTIONS).splitlines()]
    relations = server.run(TABLES).splitlines()
    assert len(functions) > 2000
    assert list(missing(((name, volatile == "t") for name, volatile in functions), relations)) == []
