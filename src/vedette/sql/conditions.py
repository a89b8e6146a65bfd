"""What part of a table's rows a condition lets through, as far as its form tells.

A condition is judged as one of four: ALL rows pass, NONE do (it is false or unknown for each), SOME
may, or FREE: it may well be all, and its opposite too. FREE is what does not depend on the row, and
whatever is only assumed to be true.
"""

from __future__ import annotations

import enum
from fractions import Fraction
from typing import Any

from vedette.sql.columns import Sources, alike_columns, plain, refers, same, single_column
from vedette.sql.folding import Unsure, fold, truth
from vedette.sql.parse import Node
from vedette.sql.reader import Reader, strings
from vedette.sql.words import words


class Rows(enum.Enum):
    ALL = "all"
    NONE = "none"
    SOME = "some"
    FREE = "free"


def judge(r: Reader, node: Node, sources: Sources) -> Rows:
    """What part of the rows passes *node*."""
    if not node:
        return Rows.FREE
    ((kind, fields),) = node.items()
    if kind == "CurrentOfExpr":
        return Rows.SOME
    if kind == "BoolExpr":
        return _boolean(r, fields, sources)
    value = truth(fold(r, node))
    if not isinstance(value, Unsure):
        return Rows.ALL if value is True else Rows.NONE
    if kind == "SubLink":
        inner = plain(node)
        return _sublink(r, fields, sources) if inner is node else judge(r, inner, sources)
    if not refers(r, node, sources):
        return Rows.FREE
    work = _JUDGES.get(kind)
    return Rows.SOME if work is None else work(r, fields, sources)


def _boolean(r: Reader, fields: Node, sources: Sources) -> Rows:
    args = fields.get("args", [])
    kinds = [judge(r, arg, sources) for arg in args]
    if fields.get("boolop") == "NOT_EXPR":
        return {Rows.ALL: Rows.NONE, Rows.NONE: Rows.FREE}.get(kinds[0], kinds[0])
    if fields.get("boolop") == "AND_EXPR":
        return next((kind for kind in (Rows.NONE, Rows.SOME, Rows.FREE) if kind in kinds), Rows.ALL)
    if Rows.ALL in kinds or _complements(r, args):
        return Rows.ALL
    return next((kind for kind in (Rows.FREE, Rows.SOME) if kind in kinds), Rows.NONE)


def _complements(r: Reader, args: list[Node]) -> bool:
    """``a OR NOT a`` in its usual spellings, wherever in the OR they stand."""
    seen: dict[object, list[tuple[str, Node]]] = {}
    for arg in args:
        key, word, rest = _polarity(arg)
        for other, its_rest in seen.get(key, ()):
            if other in _OPPOSITE.get(word, ()) and same(r, rest, its_rest):
                return True
        kept = seen.setdefault(key, [])
        if len(kept) < 64:
            kept.append((word, rest))
    return False


_OPPOSITE = {
    "=": ("<>", "!="),
    "<>": ("=",),
    "!=": ("=",),
    "<": (">=", ">"),
    ">": ("<=", "<"),
    "<=": (">", ">="),
    ">=": ("<", "<="),
    "IS_NULL": ("IS_NOT_NULL",),
    "IS_NOT_NULL": ("IS_NULL",),
    "yes": ("no",),
    "no": ("yes",),
} | {pair[0]: (pair[1],) for one in ("~~", "~~*", "~", "~*") for pair in ((one, "!" + one), ("!" + one, one))}


def _polarity(node: Node) -> tuple[object, str, Node]:
    """What a condition is about, which way it says it, and what has to be the same for its opposite."""
    if "NullTest" in node:
        fields = node["NullTest"]
        return "null", str(fields.get("nulltesttype", "IS_NULL")), fields.get("arg", {})
    negated = node.get("BoolExpr", {})
    if negated.get("boolop") == "NOT_EXPR":
        inner: Node = negated["args"][0]
        about, word, rest = _polarity(inner)
        opposite = _OPPOSITE.get(word, ())
        return (about, opposite[0], rest) if opposite else ("bool", "no", inner)
    fields = node.get("A_Expr", {})
    sides = {"lexpr": fields.get("lexpr", {}), "rexpr": fields.get("rexpr", {})}
    kind = str(fields.get("kind", ""))
    word = (strings(fields.get("name", [])) or [""])[-1]
    if kind.endswith("BETWEEN"):
        return "between", "no" if "NOT" in kind else "yes", sides
    if kind and word in _OPPOSITE:
        return (kind, _left(sides["lexpr"])), word, sides
    return "bool", "yes", node


def _left(node: Node) -> object:
    """A coarse key of a left side, so that only its likes are compared in full."""
    return tuple(strings(node.get("ColumnRef", {}).get("fields", [])))


_HOLD_FOR_EQUALS = frozenset({"=", "<=", ">=", "~~", "~~*", "~", "~*", "IS NOT DISTINCT FROM"})
_FAIL_FOR_EQUALS = frozenset({"<>", "!=", "<", ">"})


def _operator(r: Reader, fields: Node, sources: Sources) -> Rows:
    kind, names = fields.get("kind"), strings(fields.get("name", []))
    name = names[-1] if names else ""
    left, right = plain(fields.get("lexpr", {})), plain(fields.get("rexpr", {}))
    if kind == "AEXPR_NOT_DISTINCT":
        return Rows.ALL if _equal(r, left, right, sources) else Rows.SOME
    if kind == "AEXPR_DISTINCT":
        return Rows.NONE if _one_column(r, left, right) else Rows.SOME
    if _is_null(left) or _is_null(right):
        return Rows.NONE
    if kind in ("AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_SIMILAR", "AEXPR_OP") and _any_text(r, name, right):
        return Rows.NONE if name.startswith("!") else Rows.ALL
    if kind in ("AEXPR_BETWEEN", "AEXPR_BETWEEN_SYM"):
        ends = right.get("List", {}).get("items", [])
        return Rows.ALL if ends and all(_equal(r, left, end, sources) for end in ends) else Rows.SOME
    if kind == "AEXPR_IN":
        found = any(_equal(r, left, item, sources) for item in right.get("List", {}).get("items", []))
        if found and name == "=":
            return Rows.ALL
        never = any(_one_column(r, left, item) for item in right.get("List", {}).get("items", []))
        return Rows.NONE if never else Rows.SOME
    if kind not in ("AEXPR_OP", "AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_OP_ANY"):
        return Rows.SOME
    return _compared(r, kind, name, left, right, sources)


def _compared(r: Reader, kind: str, name: str, left: Node, right: Node, sources: Sources) -> Rows:
    if kind == "AEXPR_OP_ANY":
        array = right.get("SubLink", {})
        items = right.get("A_ArrayExpr", {}).get("elements", [])
        query = array.get("subselect") if array.get("subLinkType") == "ARRAY_SUBLINK" else None
        whole = sources.is_all_of(r, left, query)
        listed = any(_equal(r, left, item, sources) for item in items)
        return Rows.ALL if name in _HOLD_FOR_EQUALS and (whole or listed) else Rows.SOME
    if name in _FAIL_FOR_EQUALS and _one_column(r, left, right):
        return Rows.NONE
    if name in _HOLD_FOR_EQUALS and same(r, left, right):
        return Rows.ALL
    if name in _HOLD_FOR_EQUALS and _equal(r, left, right, sources):
        return Rows.ALL
    one, two = single_column(left), single_column(right)
    if one is not None and two is not None and one == two:
        return Rows.FREE  # id < id + 1: arithmetic on one column, against itself
    return _bound(r, name, left, right, sources)


def _bound(r: Reader, name: str, left: Node, right: Node, sources: Sources) -> Rows:
    """``id > 0`` and ``length(name) >= 0``: bounds below which nothing ever is."""
    turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "<>": "<>", "!=": "<>"}
    if "A_Const" in left or ("TypeCast" in left and "ColumnRef" not in left["TypeCast"].get("arg", {})):
        left, right, name = right, left, turned.get(name, "")
    if name not in (">", ">=", "<>", "!="):
        return Rows.SOME
    if not _never_negative(left):
        return Rows.SOME
    value = fold(r, right)
    if not isinstance(value, Fraction):
        return Rows.SOME
    least = 1 if "ColumnRef" in left else 0
    beneath = value <= least if name == ">=" else value < least
    return Rows.FREE if beneath else Rows.SOME


def _never_negative(node: Node) -> bool:
    names = strings(node.get("ColumnRef", {}).get("fields", []))
    if names:
        return names[-1] == "id"
    called = strings(node.get("FuncCall", {}).get("funcname", []))
    return called[-1:] != [] and called[-1] in ("length", "char_length", "octet_length", "abs", "bit_length")


def _any_text(r: Reader, name: str, pattern: Node) -> bool:
    """A pattern that any text matches."""
    if name not in ("~~", "~~*", "!~~", "!~~*", "~", "~*", "!~", "!~*"):
        return False
    if "FuncCall" in pattern:  # SIMILAR TO: similar_to_escape('%')
        pattern = next(iter(pattern["FuncCall"].get("args", [])), {})
    text = r.look(pattern)
    if text is None:
        return False
    if "~~" in name or "%" in text:
        return text != "" and not text.strip("%")
    return text in ("", ".*", "^", "$", "^.*$", ".*$", "^.*", "(.*)", ".?", "\\A", "\\Z")


def _is_null(node: Node) -> bool:
    """NULL, which is a word and no literal: nothing is looked at."""
    while "TypeCast" in node:
        node = node["TypeCast"].get("arg", {})
    return bool(node.get("A_Const", {}).get("isnull"))


def _one_column(r: Reader, left: Node, right: Node) -> bool:
    """Whether both sides are one column and nothing else."""
    return "ColumnRef" in left and "ColumnRef" in right and same(r, left, right)


def _equal(r: Reader, left: Node, right: Node, sources: Sources) -> bool:
    """Whether both sides are the same column of the same relation, or the same expression."""
    one, two = single_column(left), single_column(right)
    if one is not None and two is not None:
        return alike_columns(sources.base(r, one), sources.base(r, two))
    return same(r, left, right)


def _null(r: Reader, fields: Node, sources: Sources) -> Rows:
    present = fields.get("nulltesttype") != "IS_NULL"
    if _never_null(r, fields.get("arg", {}), sources):
        return Rows.ALL if present else Rows.NONE
    return Rows.SOME


def _never_null(r: Reader, node: Node, sources: Sources) -> bool:
    """Whether an expression has a value in every row: built of what has, by what keeps it."""
    node = plain(node)
    kind = next(iter(node), "")
    fields: Node = node.get(kind, {})
    if kind in ("NullTest", "BooleanTest"):
        return True
    if kind == "A_Const":
        r.notes.looked = True
        return not fields.get("isnull")
    if kind in ("TypeCast", "CollateClause"):
        return _never_null(r, fields.get("arg", {}), sources)
    if kind == "SubLink":
        return bool(fields.get("subLinkType") == "EXISTS_SUBLINK")
    if kind == "CoalesceExpr":
        return any(_never_null(r, arg, sources) for arg in fields.get("args", []))
    if kind == "A_Expr" and fields.get("kind") in ("AEXPR_OP", "AEXPR_LIKE", "AEXPR_ILIKE"):
        sides = (fields.get("lexpr"), fields.get("rexpr"))
        return all(_never_null(r, side, sources) for side in sides if side is not None)
    if kind == "FuncCall" and strings(fields.get("funcname", []))[-1] in _STRICT:
        return all(_never_null(r, arg, sources) for arg in fields.get("args", []))
    return kind == "ColumnRef" and sources.required(r, strings(fields.get("fields", [])))


_STRICT = words("length char_length octet_length lower upper btrim abs md5")


def _truth_test(r: Reader, fields: Node, sources: Sources) -> Rows:
    """IS [NOT] TRUE, FALSE, UNKNOWN. What passes for no row may be false for all, or unknown for all."""
    kind = str(fields.get("booltesttype", ""))
    inner = judge(r, fields.get("arg", {}), sources)
    if kind == "IS_TRUE":
        return inner
    if kind == "IS_NOT_UNKNOWN":
        return Rows.FREE
    if inner is Rows.ALL:
        return Rows.FREE if kind == "IS_NOT_FALSE" else Rows.NONE
    return Rows.FREE if inner is Rows.NONE else inner


def _case(r: Reader, fields: Node, sources: Sources) -> Rows:
    """The branches that can be reached, where they agree."""
    kinds = set()
    for item in fields.get("args", []):
        test = Rows.SOME if "arg" in fields else judge(r, item["CaseWhen"].get("expr", {}), sources)
        if test is not Rows.NONE:
            kinds.add(judge(r, item["CaseWhen"].get("result", {}), sources))
        if test is Rows.ALL:
            break
    else:
        kinds.add(judge(r, fields["defresult"], sources) if "defresult" in fields else Rows.NONE)
    if len(kinds) == 1:
        return kinds.pop()
    return Rows.FREE if Rows.FREE in kinds and Rows.SOME not in kinds else Rows.SOME


def _coalesced(r: Reader, fields: Node, sources: Sources) -> Rows:
    """The first that is not always unknown."""
    for arg in fields.get("args", []):
        kind = judge(r, arg, sources)
        if kind is not Rows.NONE:
            return kind
    return Rows.NONE


def _cast(r: Reader, fields: Node, sources: Sources) -> Rows:
    """``(condition)::bool``, perhaps by way of text."""
    return judge(r, fields.get("arg", {}), sources)


def _sublink(r: Reader, fields: Node, sources: Sources) -> Rows:
    query = fields.get("subselect", {}).get("SelectStmt", {})
    if fields.get("subLinkType") == "ANY_SUBLINK":
        operators = strings(fields.get("operName", []))
        test = fields.get("testexpr", {})
        if operators in ([], ["="]) and sources.is_all_of(r, test, fields.get("subselect")):
            return Rows.ALL
        return Rows.SOME if refers(r, {"SubLink": fields}, sources) else Rows.FREE
    if not refers(r, {"SubLink": fields}, sources):
        return Rows.FREE
    if fields.get("subLinkType") == "EXISTS_SUBLINK" and set(query) <= _SIMPLE:
        inner = sources.within(r, query.get("fromClause", []))
        return judge(r, query["whereClause"], inner) if "whereClause" in query else Rows.FREE
    return Rows.SOME


_SIMPLE = frozenset({"targetList", "fromClause", "whereClause", "limitOption", "op"})


_JUDGES: dict[str, Any] = {
    "A_Expr": _operator,
    "TypeCast": _cast,
    "NullTest": _null,
    "BooleanTest": _truth_test,
    "CaseExpr": _case,
    "CoalesceExpr": _coalesced,
}
