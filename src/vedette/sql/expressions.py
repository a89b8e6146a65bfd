"""Expressions: columns, operators, subqueries, and calls."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from vedette.sql import calls
from vedette.sql.builtins import WHOLE_ROW
from vedette.sql.parse import Node
from vedette.sql.reader import Reader, Scope, strings


def column(r: Reader, node: Node, scope: Scope) -> None:
    """A column, a star, a whole row - or a function call in disguise.

    ``alias.f`` means ``f(alias)`` where f is no column (manual, "Function Calls", on functional
    notation), so a qualified name that is also a function of ours counts as a call.
    """
    fields = node.get("fields", [])
    names = strings(fields)
    last = names[-1] if names else ""
    if not r.quiet:
        columns = r.notes.columns
        columns.add(last)
        if len(names) == 1:
            r.notes.lone.add(last)
        elif last in WHOLE_ROW:
            columns.add("*")
    if len(names) > 1 and last != "*":
        calls.by_attribute(r, last)


def indirection(r: Reader, node: Node, scope: Scope) -> Node:
    """``(expression).field``: the same, with the row in brackets."""
    for name in strings(node.get("indirection", [])):
        r.mention(name)
        if name in WHOLE_ROW:
            r.mention("*")
        if name != "*":
            calls.by_attribute(r, name)
    return {
        "arg": node.get("arg", {}),
        "indirection": [item for item in node.get("indirection", []) if "A_Indices" in item],
    }


def target(r: Reader, node: Node, scope: Scope) -> list[Any]:
    """An output, or a column being set: its label is no column that is read."""
    parts = [item for item in node.get("indirection", []) if "A_Indices" in item]
    return [node.get("val", {}), *parts]


def operator(r: Reader, node: Node, scope: Scope) -> list[Any]:
    """An operator. Those of the path are taken to compute; a named schema other than pg_catalog is unknown.

    What a user-defined operator does is not in the snapshot. Creating one is an effect of its own.
    """
    names = strings(node.get("name", []))
    if len(names) > 1 and names[0] != "pg_catalog":
        r.notes.unknown(f"an operator of schema {names[0]}")
    elif len(names) == 1 and _before_pg_catalog(r.path):
        r.notes.unknown("an operator while search_path puts another schema before pg_catalog")
    return [node.get("lexpr", {}), node.get("rexpr", {})]


@lru_cache(maxsize=256)
def _before_pg_catalog(path: tuple[str, ...]) -> bool:
    """Whether another schema's operators come first. Nothing but relations is looked up in pg_temp."""
    first = next((schema for schema in path if not schema.startswith("pg_temp")), "pg_catalog")
    return first != "pg_catalog" and "pg_catalog" in path


def sublink(r: Reader, node: Node, scope: Scope) -> Node | None:
    """A subquery in an expression. Nothing but yes or no comes out of EXISTS."""
    if node.get("subLinkType") != "EXISTS_SUBLINK":
        if "operName" in node and len(node["operName"]) > 1:
            operator(r, {"name": node["operName"]}, scope)
        return {key: node[key] for key in ("testexpr", "subselect") if key in node}
    with r.aside(quiet=True):
        r.walk(node.get("subselect", {}), scope)
    return None


def sort(r: Reader, node: Node, scope: Scope) -> list[Any]:
    """ORDER BY, perhaps USING an operator."""
    names = strings(node.get("useOp", []))
    if names:
        operator(r, {"name": node["useOp"]}, scope)
    return [node.get("node", {})]
