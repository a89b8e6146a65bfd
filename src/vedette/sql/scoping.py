"""Whether a change is limited to some rows, or may take them all.

A seat belt, not a proof: ``id > -5`` or ``name LIKE '%e%'`` can cover a whole table and nothing
here can tell. What it catches is what people and agents write to get past "add a WHERE":
constants, columns compared with themselves, tests of nothing but other tables, the table
matched against itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from vedette.sql.columns import Sources, alike
from vedette.sql.conditions import Rows, judge
from vedette.sql.objects import Found, of_range
from vedette.sql.parse import Node
from vedette.sql.reader import Reader, Scope


@dataclass(frozen=True, slots=True)
class Target:
    """The statement that changes *found*, and the field with its further tables."""

    node: Node
    found: Found
    scope: Scope
    others: str


def restricts(r: Reader, where: Node | None, target: Target) -> bool:
    """Whether a WHERE limits the rows of *target*. WHERE CURRENT OF does."""
    if where is None:
        return False
    sources = Sources.of(r, target.node, target.found, target.node.get(target.others, []), target.scope)
    return judge(r, where, sources) in (Rows.SOME, Rows.NONE)


def merge_unscoped(r: Reader, node: Node, found: Found, scope: Scope) -> bool:
    """Whether a MERGE changes rows without a limit, by any of its WHEN clauses."""
    sources = Sources.of(r, node, found, [node.get("sourceRelation", {})], scope)
    joined = judge(r, node.get("joinCondition", {}), sources)
    for item in node.get("mergeWhenClauses", []):
        clause = item["MergeWhenClause"]
        if clause.get("commandType") not in ("CMD_UPDATE", "CMD_DELETE"):
            continue
        extra = judge(r, clause["condition"], sources) if "condition" in clause else Rows.ALL
        by_source = clause.get("matchKind") == "MERGE_WHEN_NOT_MATCHED_BY_SOURCE"
        if extra in (Rows.ALL, Rows.FREE) and (by_source or joined in (Rows.ALL, Rows.FREE)):
            return True
    return False


def upsert_unscoped(r: Reader, node: Node, found: Found, scope: Scope) -> bool:
    """Whether an INSERT feeds a table to itself, so that ON CONFLICT DO UPDATE changes every row."""
    conflict = node["onConflictClause"]
    query = node.get("selectStmt", {}).get("SelectStmt", {})
    if conflict.get("action") != "ONCONFLICT_UPDATE" or "fromClause" not in query:
        return False
    own = _itself(r, query["fromClause"], found, scope)
    if own is None:
        return False
    sources = Sources.of(r, {"relation": own}, found, query["fromClause"], scope)
    limited = "limitCount" in query or _limits(r, query.get("whereClause"), sources)
    return not limited and not _limits(r, conflict.get("whereClause"), sources)


def _itself(r: Reader, clause: list[Node], found: Found, scope: Scope) -> Node | None:
    """The RangeVar of a FROM clause that names the relation *found*."""
    waiting = list(clause)
    while waiting:
        node = waiting.pop()
        if "JoinExpr" in node:
            waiting += [node["JoinExpr"].get("larg", {}), node["JoinExpr"].get("rarg", {})]
        relation: Node | None = node.get("RangeVar")
        if relation is None or ("schemaname" not in relation and relation.get("relname") in scope):
            continue
        if alike(of_range(r, relation).name, found.name):
            return relation
    return None


def _limits(r: Reader, where: Node | None, sources: Sources) -> bool:
    return where is not None and judge(r, where, sources) in (Rows.SOME, Rows.NONE)
