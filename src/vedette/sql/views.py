"""Which columns each output of a view may carry, by name.

A coarse answer until lineage is followed: an output that is another column under
another name carries that column; an expression carries every column it mentions;
and behind a subquery or a CTE, every output carries whatever the view mentions. Whole rows
and functions of the database cannot be looked into here: then nothing is said.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from vedette.sql.builtins import WHOLE_ROW, known
from vedette.sql.objects import function_name
from vedette.sql.parse import Node, Unreadable, statements
from vedette.sql.reader import strings

Sources = tuple[frozenset[str], ...]


@lru_cache(maxsize=512)
def view_sources(definition: str) -> Sources | None:
    """Bare column names per output of the query *definition*; None where that cannot be said."""
    try:
        found = statements(definition)
    except Unreadable:
        return None
    if len(found) != 1 or "SelectStmt" not in found[0]["stmt"]:
        return None
    return _outputs(found[0]["stmt"]["SelectStmt"])


def _outputs(select: Node) -> Sources | None:
    if "larg" in select:
        left, right = _outputs(select["larg"]), _outputs(select["rarg"])
        if left is None or right is None or len(left) != len(right) or "withClause" in select:
            return None
        return tuple(one | two for one, two in zip(left, right, strict=True))
    if _opaque(select):
        return None
    aliases = _relations(select.get("fromClause", []))
    everything = None if aliases is not None and "withClause" not in select else _names(select)
    if everything is not None and "*" in everything:
        return None
    outputs = []
    for item in select.get("targetList", []):
        names = _names(item)
        if "*" in names:
            return None
        outputs.append(names if everything is None else everything)
    return tuple(outputs)


def _relations(clause: list[Node]) -> frozenset[str] | None:
    """The names by which rows of FROM go; None where it holds anything but tables and joins."""
    names: set[str] = set()
    waiting = list(clause)
    while waiting:
        node = waiting.pop()
        if "RangeVar" in node:
            table = node["RangeVar"]
            names.add(table.get("alias", {}).get("aliasname", table["relname"]))
            if table.get("alias", {}).get("colnames"):
                return None
        elif "JoinExpr" in node:
            join = node["JoinExpr"]
            if "alias" in join:
                return None
            waiting += [join["larg"], join["rarg"]]
        else:
            return None
    return frozenset(names)


def _opaque(tree: Node) -> bool:
    """Whether a whole row, renamed columns or a function of the database stand anywhere."""
    ranges: set[str] = set()
    lone: set[str] = set()
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            if "FuncCall" in node:
                schema, name = function_name(strings(node["FuncCall"].get("funcname", [])))
                if schema not in (None, "pg_catalog") or not known(name):
                    return True
            if "ColumnRef" in node:
                names = strings(node["ColumnRef"].get("fields", []))
                lone.update(names if len(names) == 1 else ())
                if len(names) > 1 and names[-1] in WHOLE_ROW:
                    return True
            if "relname" in node or "aliasname" in node:
                ranges.add(str(node.get("aliasname", node.get("relname", ""))))
                if "colnames" in node:
                    return True
            waiting += node.values()
    return not ranges.isdisjoint(lone)


def _names(tree: Any) -> frozenset[str]:
    """The last part of every column reference in *tree*."""
    found: set[str] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            if "ColumnRef" in node:
                found.update(strings(node["ColumnRef"].get("fields", []))[-1:])
            waiting += node.values()
    return frozenset(found)
