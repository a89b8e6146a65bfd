"""PL/pgSQL: the SQL that stands in a body, wherever it stands.

The library's tree holds every expression and statement as text with a parse mode (PostgreSQL's
RawParseMode): 0 a statement, 2 an expression, 3 to 5 an assignment. A body is not followed,
all of it counts. Dynamic SQL is read where it is a constant and unknown where it is not.
"""

from __future__ import annotations

import re
from typing import Any

from vedette.sql import parse
from vedette.sql.inline import read_text
from vedette.sql.parse import Node, Unreadable, statements
from vedette.sql.reader import NO_SCOPE, Reader
from vedette.sql.words import words

_KNOWN = words(
    """
    function var row rec recfield type nsitem expr variable datum promise
    stmt_block stmt_assign stmt_if if_elsif stmt_case case_when stmt_loop stmt_while stmt_fori stmt_fors
    stmt_forc stmt_foreach_a stmt_exit stmt_return stmt_return_next stmt_return_query stmt_raise
    raise_option stmt_assert stmt_execsql stmt_dynexecute stmt_dynfors stmt_getdiag diag_item stmt_open
    stmt_fetch stmt_close stmt_perform stmt_call stmt_commit stmt_rollback exception exception_block
    condition
    """
)
_DYNAMIC = frozenset({"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"})
# The left side: names, quoted names, subscripts. What is cut wrongly is parsed all the same.
_ASSIGNS = re.compile(r"""(?P<left>(?:[^:='"\[]|"[^"]*"|\[[^\]]*\])+):?=(?P<right>.*)""", re.DOTALL)


def read(r: Reader, head: str, body: str) -> None:
    """Read the body of a DO or CREATE FUNCTION statement that begins with *head*.

    Raises:
        Unreadable: the body, or a piece of SQL in it, cannot be parsed.
    """
    stack: list[tuple[Any, bool]] = [(parse.plpgsql(head, body), False)]
    while stack:
        item, dynamic = stack.pop()
        if type(item) is list:
            stack += [(inner, dynamic) for inner in item]
        elif type(item) is dict:
            stack += _below(r, item, dynamic)


def _below(r: Reader, item: Node, dynamic: bool) -> list[tuple[Any, bool]]:
    below: list[tuple[Any, bool]] = []
    for key, value in item.items():
        if key == "PLpgSQL_expr":
            _expression(r, value, dynamic)
        elif key in _DYNAMIC:
            r.notes.looked = True
            below += [(inner, name == "query") for name, inner in value.items()]
        elif key == "dynquery":
            below.append((value, True))
        elif type(value) in (dict, list):
            if key.startswith("PLpgSQL_") and key.removeprefix("PLpgSQL_") not in _KNOWN:
                raise Unreadable(f"a part of PL/pgSQL that is not known here: {key}")
            below.append((value, False))
    return below


def _expression(r: Reader, value: Node, dynamic: bool) -> None:
    text, mode = value.get("query", ""), value.get("parseMode", 0)
    if mode == 0:
        found = statements(text)
    elif mode == 2:
        found = statements(f"SELECT {text}")
    else:
        found = statements(f"SELECT {_assignment(text)}")
    if dynamic:
        _dynamic(r, found)
        return
    for statement in found:
        r.walk(statement["stmt"], NO_SCOPE)


def _assignment(text: str) -> str:
    """``a[i] := b FROM t`` as the outputs of a SELECT: both sides may call something."""
    match = _ASSIGNS.fullmatch(text)
    if match is None:
        raise Unreadable("an assignment that cannot be read")
    return f"{match['left']}, {match['right']}"


def _dynamic(r: Reader, found: list[Node]) -> None:
    """EXECUTE: of a constant, the statements in it; of anything else, nobody knows."""
    for statement in found:
        outputs = statement["stmt"].get("SelectStmt", {}).get("targetList", [])
        text = r.look(outputs[0]["ResTarget"].get("val")) if len(outputs) == 1 else None
        if text is None:
            r.notes.unknown("EXECUTE of text that is put together when it runs")
            r.walk(statement["stmt"], NO_SCOPE)
        else:
            read_text(r, text)
