"""PostgreSQL's own grammar, behind one door: nothing else here imports postgast.

libpg_query hands its tree out as protobuf and as JSON. We take the JSON through the
library's declared C entry, because decoding and walking plain dictionaries costs a third
of the protobuf route, and because protobuf refuses anything nested more than 100 deep,
which is fifty concatenations. A node is ``{"NodeType": {field: ...}}``; fields that are
zero, false or empty are left out.

A thread that parses needs a stack of 8 MiB, as main threads and glibc's have: the library
recurses without a check of its own. `vedette.sql.size` keeps the depth within that.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import msgspec

from vedette.sql.size import too_much

# Imported by name because the annotations that postgast ships do not parse, which ends mypy.
_postgast: Any = import_module("postgast")
_lib: Any = import_module("postgast.native").lib

Node = dict[str, Any]


class Unreadable(Exception):
    """The text is not PostgreSQL, or not PostgreSQL that can be read here. The argument says why."""


_decode = msgspec.json.Decoder().decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
# JSON of so many bytes is decoded in one go, which holds Python's lock for half a millisecond or so.
_AT_ONCE = 16 << 10
# A level that is taken apart is read over once more; chains that nest for thousands of levels are not.
_LEVELS = 16


def statements(text: str) -> list[Node]:
    """The statements of *text*: ``{"stmt": node, "stmt_location": …, "stmt_len": …}`` in UTF-8 bytes.

    Raises:
        Unreadable: a syntax error, a NUL, a lone surrogate, or more than can safely be parsed.
    """
    raw = _bytes(text)
    result = _lib.pg_query_parse(raw)
    try:
        if result.error:
            raise Unreadable(_message(result.error.contents.message))
        tree: bytes = result.parse_tree
    finally:
        _lib.pg_query_free_parse_result(result)
    try:
        found: list[Node] = _tree(tree).get("stmts", [])
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable("nested too deeply to be read") from error
    return found


def _tree(raw: msgspec.Raw | bytes, levels: int = _LEVELS) -> Any:
    """*raw* decoded. A wide tree in pieces, so that the event loop gets its turn between them."""
    if levels == 0 or len(memoryview(raw)) <= _AT_ONCE:
        return _decode(raw)
    first = bytes(memoryview(raw)[:1])
    if first == b"{":
        return {name: _tree(value, levels - 1) for name, value in _members(raw).items()}
    if first == b"[":
        return [_tree(value, levels - 1) for value in _items(raw)]
    return _decode(raw)


def in_brackets(text: str) -> str:
    """What stands in the first pair of round brackets of *text*; empty where there is none.

    Raises:
        Unreadable: *text* cannot be taken apart into words.
    """
    raw = _bytes(text)
    depth = start = 0
    try:
        tokens = _postgast.scan(text).tokens
    except _postgast.PgQueryError as error:
        raise Unreadable(str(error)) from error
    for token in tokens:
        if token.end - token.start != 1:
            continue
        char = raw[token.start : token.end]
        if char == b"(":
            start = start if depth else token.end
            depth += 1
        elif char == b")":
            depth -= 1
            if depth == 0:
                return raw[start : token.start].decode().strip()
    return ""


def plpgsql(head: str, body: str) -> list[Node]:
    """The PL/pgSQL tree of a ``DO`` or ``CREATE FUNCTION`` statement, *head* and then *body* in quotes.

    Raises:
        Unreadable: what `statements` raises it for, and whatever the library's PL/pgSQL
            parser does not take (types in schemas other than public, trigger functions).
    """
    _bytes(head)
    _bytes(body)
    try:
        found: list[Node] = _postgast.parse_plpgsql(head + _quoted(body))
    except _postgast.PgQueryError as error:
        raise Unreadable(_message(str(error).encode("utf-8", "replace"))) from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise Unreadable("a PL/pgSQL body that cannot be read") from error
    return found


def _quoted(body: str) -> str:
    """*body* in dollar quotes that do not stand in it."""
    tag = "v"
    while f"${tag}" in body:
        tag += "v"
    return f"${tag}${body}${tag}$"


def _bytes(text: str) -> bytes:
    if "\0" in text:
        raise Unreadable("a NUL in the text")
    complaint = too_much(text)
    if complaint:
        raise Unreadable(complaint)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Unreadable("text that is not Unicode") from error


def _message(message: bytes | None) -> str:
    text = (message or b"").decode("utf-8", "replace")
    return text if len(text) <= 200 else text[:200] + "…"
