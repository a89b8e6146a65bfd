"""Which columns a result may be fed by, as far as names tell.

`Notes.mentions` says which names stand anywhere; `safe_outputs` which outputs of the outermost
SELECT cannot carry a value whatever is read. Both err towards masking: an output without a
column of its own (table OID 0) counts as fed by every column mentioned.

What will replace this: real lineage, output by output, through subqueries, CTEs, views, set
operations and calls, on the same walk. It will hand masking a map from output to columns
and make `mentions` a fallback for what it cannot follow; the fields of Facts stay.
"""

from __future__ import annotations

from vedette.sql.calls import is_count
from vedette.sql.objects import function_name
from vedette.sql.parse import Node
from vedette.sql.reader import Reader, strings


def safe_outputs(r: Reader, statement: Node) -> frozenset[int]:
    """Positions (from 0) of counts, NULL tests, EXISTS and literals in a plain outermost SELECT.

    None after the first star, whose width is not known here.
    """
    select = statement.get("SelectStmt")
    if select is None or "larg" in select or "intoClause" in select:
        return frozenset()
    found = set()
    for position, item in enumerate(select.get("targetList", [])):
        value = item.get("ResTarget", {}).get("val", {})
        if _star(value):
            break
        if _safe(r, value):
            found.add(position)
    return frozenset(found)


def _star(value: Node) -> bool:
    """A star, or a row taken apart: ``(row).*``."""
    names = strings(value.get("ColumnRef", {}).get("fields", []))
    inner = strings(value.get("A_Indirection", {}).get("indirection", []))
    return names[-1:] == ["*"] or inner[-1:] == ["*"]


def _safe(r: Reader, value: Node) -> bool:
    if "A_Const" in value or "NullTest" in value or "ParamRef" in value:
        return True
    if "SubLink" in value:
        return bool(value["SubLink"].get("subLinkType") == "EXISTS_SUBLINK")
    if "FuncCall" in value:
        schema, name = function_name(strings(value["FuncCall"].get("funcname", [])))
        return is_count(r, schema, name)
    return False
