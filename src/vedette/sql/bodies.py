"""Bodies that run inside a statement: functions, procedures, DO blocks."""

from __future__ import annotations

import re
from typing import Any

from vedette.sql import plpgsql
from vedette.sql.builtins import HARMLESS_C
from vedette.sql.catalog import Function
from vedette.sql.parse import Node, Unreadable, statements
from vedette.sql.reader import NO_SCOPE, Reader


def read_body(r: Reader, function: Function) -> None:
    """What calling a function of the database does: its body is read, whatever it is declared to be."""
    path = r.path if function.path is None else function.path
    key = ("function", function.qualified, function.body, r.implied, r.quiet, path)
    with r.inside(key, path=path, planned=False, settings_row=None) as first:
        if not first:
            return
        try:
            _read(r, function)
        except Unreadable as error:
            r.notes.unknown(f"the body of {function.qualified}: {error}", f"function:{function.qualified}")


def _read(r: Reader, function: Function) -> None:
    if function.kind == "a":
        raise Unreadable("an aggregate of the database, whose parts are not in the snapshot")
    if function.language == "sql":
        _read_sql(r, function.body)
    elif function.language == "plpgsql":
        _read_plpgsql(r, function)
    elif not (function.language == "c" and function.body in HARMLESS_C):
        raise Unreadable(f"written in {function.language}, which is not read")


def _read_sql(r: Reader, body: str) -> None:
    head = body.lstrip().casefold()
    if not head:
        raise Unreadable("a body that is not in the snapshot")
    if head.startswith(("begin atomic", "return")):
        (statement,) = statements(f"CREATE FUNCTION f() RETURNS int LANGUAGE sql {body}")
        r.walk(statement["stmt"]["CreateFunctionStmt"].get("sql_body", {}), NO_SCOPE)
        return
    for statement in statements(body):
        r.statement(statement["stmt"])


def _read_plpgsql(r: Reader, function: Function) -> None:
    """The parser wants to know the arguments, since a body may assign to them."""
    try:
        plpgsql.read(r, _head(function, function.signature, function.result), function.body)
    except Unreadable:
        # It finds no types outside public: any record will do, for we follow no values.
        signature, result = (_FOREIGN.sub("record", text) for text in (function.signature, function.result))
        if (signature, result) == (function.signature, function.result):
            raise
        plpgsql.read(r, _head(function, signature, result), function.body)


_FOREIGN = re.compile(
    r"""(?!pg_catalog\.|public\.)\b(?:\w+|"[^"]+")\.(?:\w+|"[^"]+")(?:\([\d,]+\))?(?:\[\])*"""
)


def _head(function: Function, signature: str, result: str) -> str:
    signature = signature.replace("VARIADIC ", "")
    if function.kind == "p":
        return f"CREATE PROCEDURE f({signature}) LANGUAGE plpgsql AS "
    return f"CREATE FUNCTION f({signature}) RETURNS {result or 'int'} LANGUAGE plpgsql AS "


def read_defaults(r: Reader, function: Function) -> None:
    """A call that leaves arguments out evaluates their defaults."""
    if not function.preset:
        r.notes.unknown(f"default arguments of {function.qualified} are not in the snapshot")
        return
    try:
        (statement,) = statements(f"SELECT {function.preset}")
    except (Unreadable, ValueError) as error:
        r.notes.unknown(f"default arguments of {function.qualified}: {error}")
        return
    r.walk(statement["stmt"], NO_SCOPE)


def do_block(r: Reader, node: Node, scope: object) -> None:
    """DO."""
    options = {item["DefElem"]["defname"]: item["DefElem"].get("arg", {}) for item in node.get("args", [])}
    language = options.get("language", {}).get("String", {}).get("sval", "plpgsql")
    body: Any = options.get("as", {}).get("String", {}).get("sval", "")
    r.notes.looked = True
    if language.casefold() != "plpgsql":
        r.notes.unknown(f"a DO block in {language}, which is not read")
        return
    try:
        plpgsql.read(r, "DO ", body)
    except Unreadable as error:
        r.notes.unknown(f"a DO block: {error}")
