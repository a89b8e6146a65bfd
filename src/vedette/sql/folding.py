"""Constant folding: the value of an expression that holds no columns, where it can be known.

Small on purpose. It serves one question, whether a WHERE is true whatever the row, so it knows
the arithmetic, comparisons and tests that people (and agents) write to get around it. Anything
else is UNSURE. Three-valued logic as in SQL: None is NULL. Numbers are exact (0.1 + 0.2 is 0.3 for
the server's numeric), and whatever might round, truncate or collate is UNSURE: a wrong False
would let a statement pass for one that changes nothing.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from vedette.sql.parse import Node
from vedette.sql.reader import Reader, strings


class Unsure:
    """No constant, or none that can be worked out here."""


UNSURE = Unsure()
Value = bool | Fraction | str | None | Unsure

_NUMBER = re.compile(r"\s*[-+]?[0-9]{1,40}(\.[0-9]{1,40})?\s*")

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_TRUE = frozenset({"t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"})
_FALSE = frozenset({"f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0"})


def fold(r: Reader, node: Node | None) -> Value:
    """The value of *node*, or UNSURE."""
    if not node:
        return UNSURE
    ((kind, fields),) = node.items()
    work = _FOLDERS.get(kind)
    return UNSURE if work is None else work(r, fields)


def truth(value: Value) -> Value:
    """*value* where a boolean is wanted: an untyped string is read as one."""
    if isinstance(value, str):
        word = value.strip().casefold()
        return True if word in _TRUE else False if word in _FALSE else UNSURE
    return value if isinstance(value, bool) or value is None else UNSURE


def compare(name: str, left: Value, right: Value) -> Value:
    """A comparison of two constants, number with number and text with text."""
    test = _COMPARE.get(name)
    if test is None or isinstance(left, Unsure) or isinstance(right, Unsure):
        return UNSURE
    if left is None or right is None:
        return None
    left, right = _alike(left, right)
    if isinstance(left, str) != isinstance(right, str):
        return UNSURE
    if isinstance(left, str) and name not in ("=", "<>", "!="):
        return UNSURE  # collations order text, not we
    return bool(test(left, right))


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """``'1' = 1``: the untyped string takes the other's type."""
    if isinstance(left, str) and not isinstance(right, str):
        return _like(left, right), right
    if isinstance(right, str) and not isinstance(left, str):
        return left, _like(right, left)
    return left, right


def _like(text: str, other: Any) -> Any:
    if isinstance(other, bool):
        value = truth(text)
        return text if isinstance(value, Unsure) else value
    found = _number(text)
    return text if isinstance(found, Unsure) else found


def _number(text: str) -> Fraction | Unsure:
    return Fraction(text.strip()) if _NUMBER.fullmatch(text) else UNSURE


def _const(r: Reader, fields: Node) -> Value:
    r.notes.looked = True
    if "boolval" in fields:
        return bool(fields["boolval"].get("boolval", False))
    if "ival" in fields:
        return Fraction(fields["ival"].get("ival", 0))
    if "fval" in fields:
        return _number(str(fields["fval"].get("fval", "")))
    if "sval" in fields:
        return str(fields["sval"].get("sval", ""))
    return None if fields.get("isnull") else UNSURE


def _cast(r: Reader, fields: Node) -> Value:
    value = fold(r, fields.get("arg"))
    kind = fields.get("typeName", {})
    wanted = strings(kind.get("names", []))[-1:]
    if value is None or "typmods" in kind or "arrayBounds" in kind:
        return None if value is None else UNSURE
    if wanted == ["bool"]:
        return bool(value) if isinstance(value, Fraction) else truth(value)
    if wanted[:1] and wanted[0] in ("int2", "int4", "int8", "numeric"):
        number = _number(value) if isinstance(value, str) else value
        if isinstance(number, bool):
            number = Fraction(int(number))
        if not isinstance(number, Fraction):
            return UNSURE
        return number if wanted[0] == "numeric" or number.denominator == 1 else UNSURE
    if wanted[:1] and wanted[0] in ("text", "varchar"):
        return value if isinstance(value, str) else UNSURE
    return UNSURE


def _boolean(r: Reader, fields: Node) -> Value:
    values = [truth(fold(r, arg)) for arg in fields.get("args", [])]
    kind = fields.get("boolop")
    if kind == "NOT_EXPR":
        (value,) = values
        return not value if isinstance(value, bool) else value
    decisive = kind == "OR_EXPR"
    if decisive in values:
        return decisive
    if any(isinstance(value, Unsure) for value in values):
        return UNSURE
    return None if None in values else not decisive


def _opaque(node: Node | None) -> bool:
    """Whether something other than constants decides, so that they need not be looked at at all."""
    while node:
        ((kind, fields),) = node.items()
        if kind == "A_Expr":
            if _opaque(fields.get("lexpr")):
                return True
            node = fields.get("rexpr")
        elif kind in ("TypeCast", "NullTest", "BooleanTest"):
            node = fields.get("arg")
        else:
            return kind not in _FOLDERS and kind != "List"
    return False


def _expression(r: Reader, fields: Node) -> Value:
    if _opaque(fields.get("lexpr")) or _opaque(fields.get("rexpr")):
        return UNSURE
    kind, names = fields.get("kind"), strings(fields.get("name", []))
    name = names[-1] if names else ""
    if kind in ("AEXPR_IN", "AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN"):
        return _listed(r, fields, name, str(kind))
    left, right = fold(r, fields.get("lexpr")), fold(r, fields.get("rexpr"))
    if kind in ("AEXPR_DISTINCT", "AEXPR_NOT_DISTINCT"):
        if isinstance(left, Unsure) or isinstance(right, Unsure):
            return UNSURE
        same = left is right if left is None or right is None else compare("=", left, right)
        return same if kind == "AEXPR_NOT_DISTINCT" or not isinstance(same, bool) else not same
    if kind in ("AEXPR_LIKE", "AEXPR_ILIKE"):
        return _like_pattern(name, left, right)
    if kind != "AEXPR_OP":
        return UNSURE
    if name in _COMPARE:
        return compare(name, left, right)
    return _computed(name, left, right, unary="lexpr" not in fields)


def _listed(r: Reader, fields: Node, name: str, kind: str) -> Value:
    left = fold(r, fields.get("lexpr"))
    items = fields.get("rexpr", {}).get("List", {}).get("items", [])
    values = [fold(r, item) for item in items]
    if kind == "AEXPR_IN":
        if _mixed([left, *values]):
            return UNSURE
        found = [compare("=", left, value) for value in values]
        if any(isinstance(value, Unsure) for value in found) and True not in found:
            return UNSURE
        inside: Value = True if True in found else None if None in found else False
        negated = name == "<>"
    else:
        low, high = compare(">=", left, values[0]), compare("<=", left, values[1])
        if isinstance(low, Unsure) or isinstance(high, Unsure):
            return UNSURE
        inside = False if False in (low, high) else None if None in (low, high) else True
        negated = kind == "AEXPR_NOT_BETWEEN"
    return not inside if negated and isinstance(inside, bool) else inside


def _like_pattern(name: str, left: Value, right: Value) -> Value:
    if left is None or right is None:
        return None
    if isinstance(left, str) and isinstance(right, str):
        if right and not right.strip("%"):
            return not name.startswith("!")
        if left == right and not set(right) & set("%_\\"):
            return not name.startswith("!")
    return UNSURE


def _computed(name: str, left: Value, right: Value, *, unary: bool) -> Value:
    if name == "-" and unary and isinstance(right, Fraction):
        return -right
    if name == "||" and isinstance(left, str) and isinstance(right, str):
        return left + right
    work = _ARITHMETIC.get(name)
    if work is None or unary or isinstance(left, bool | Unsure) or isinstance(right, bool | Unsure):
        return UNSURE
    if left is None or right is None:
        return None
    if isinstance(left, str) or isinstance(right, str):
        return UNSURE
    found: Value = work(left, right)
    return found


def _mixed(values: list[Value]) -> bool:
    """Whether untyped strings stand beside others, whose type they would take: '01' is 1 beside a number."""
    kinds = {type(value) for value in values if value is not None}
    return str in kinds and len(kinds) > 1


def _null_test(r: Reader, fields: Node) -> Value:
    if _opaque(fields.get("arg")):
        return UNSURE
    value = fold(r, fields.get("arg"))
    if isinstance(value, Unsure):
        return UNSURE
    return (value is None) == (fields.get("nulltesttype") == "IS_NULL")


def _boolean_test(r: Reader, fields: Node) -> Value:
    value = truth(fold(r, fields.get("arg")))
    if isinstance(value, Unsure):
        return UNSURE
    kind = str(fields.get("booltesttype", ""))
    wanted = True if kind.endswith("TRUE") else False if kind.endswith("FALSE") else None
    return (value is wanted) != ("NOT" in kind)


def _coalesce(r: Reader, fields: Node) -> Value:
    values = [fold(r, arg) for arg in fields.get("args", [])]
    if _mixed(values):
        return UNSURE
    return next((value for value in values if value is not None), None)


def _case(r: Reader, fields: Node) -> Value:
    """The branches, where all that can be reached give the same."""
    found = [fold(r, item["CaseWhen"].get("result")) for item in fields.get("args", [])]
    found.append(fold(r, fields["defresult"]) if "defresult" in fields else None)
    if _mixed(found):
        return UNSURE
    if "arg" not in fields:
        tests = [truth(fold(r, item["CaseWhen"].get("expr"))) for item in fields.get("args", [])]
        for test, value in zip(tests, found, strict=False):
            if test is True:
                return value
            if isinstance(test, Unsure):
                break
        else:
            return found[-1]
    first = found[0]
    return first if all(value is first or value == first for value in found) else UNSURE


def _subquery(r: Reader, fields: Node) -> Value:
    """``(SELECT true)`` and ``EXISTS (SELECT 1)``: subqueries that read nothing."""
    query = fields.get("subselect", {}).get("SelectStmt", {})
    if not set(query) <= {"targetList", "limitOption", "op", "whereClause", "valuesLists"}:
        return UNSURE
    held = truth(fold(r, query["whereClause"])) if "whereClause" in query else True
    if isinstance(held, Unsure):
        return UNSURE
    if fields.get("subLinkType") == "EXISTS_SUBLINK":
        outputs = [item.get("ResTarget", {}).get("val") for item in query.get("targetList", [])]
        if any(isinstance(fold(r, output), Unsure) for output in outputs):
            return UNSURE  # a set-returning function may give no row
        return held is True
    if fields.get("subLinkType") != "EXPR_SUBLINK" or held is not True:
        return UNSURE
    rows = query.get("valuesLists")
    if rows is not None:
        items = rows[0].get("List", {}).get("items", []) if len(rows) == 1 else []
        return fold(r, items[0]) if len(items) == 1 else UNSURE
    outputs = query.get("targetList", [])
    return fold(r, outputs[0].get("ResTarget", {}).get("val")) if len(outputs) == 1 else UNSURE


_FOLDERS: dict[str, Callable[[Reader, Node], Value]] = {
    "A_Const": _const,
    "TypeCast": _cast,
    "BoolExpr": _boolean,
    "A_Expr": _expression,
    "NullTest": _null_test,
    "BooleanTest": _boolean_test,
    "CoalesceExpr": _coalesce,
    "CaseExpr": _case,
    "SubLink": _subquery,
}
