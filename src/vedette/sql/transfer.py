"""COPY: rows in and out, through the connection, a file of the server, or a program it starts."""

from __future__ import annotations

from typing import Any, Literal

from vedette.model import Effect
from vedette.sql import objects
from vedette.sql.facts import CopyFacts
from vedette.sql.parse import Node
from vedette.sql.reader import Reader, Scope, strings
from vedette.sql.words import words

_OPTIONS = words(
    """
    format freeze delimiter null default header quote escape force_quote force_not_null force_null
    on_error reject_limit encoding log_verbosity
    """
)


def copy(r: Reader, node: Node, scope: Scope) -> list[Any]:
    incoming = bool(node.get("is_from"))
    relation = ""
    if "relation" in node:
        found = objects.of_range(r, node["relation"])
        relation = found.name
        if incoming:
            r.change(Effect.WRITE, found.name, resolved=found.resolved)
            objects.behind(r, found, Effect.WRITE)
        else:
            objects.read_relation(r, found)
            r.mention("*")
    if incoming and relation.startswith("pg_catalog."):
        r.touch(Effect.CONFIGURE, relation)
    _place(r, node)
    r.notes.copies.append(_facts(r, node, relation, "in" if incoming else "out"))
    return [node.get("query", {}), node.get("whereClause", {})]


def _place(r: Reader, node: Node) -> None:
    """A file of the server is beyond every grant on tables, read or written: export."""
    name = node.get("filename")
    if name is None:
        return
    if node.get("is_program"):
        r.touch(Effect.EXECUTE, f"program:{name}")
    else:
        r.touch(Effect.EXPORT, f"file:{name}")


def _facts(r: Reader, node: Node, relation: str, direction: Literal["in", "out"]) -> CopyFacts:
    options = _options(r, node)
    word = options.get("format", "text").casefold()
    form: Literal["text", "csv", "binary"] = "text"
    if word == "csv":
        form = "csv"
    elif word == "binary":
        form = "binary"
    elif word != "text":
        r.notes.unknown(f"COPY in format {word}")
    if "encoding" in options and options["encoding"].casefold() not in ("utf8", "utf-8", "unicode"):
        r.notes.unknown("COPY in an encoding other than UTF-8")
    csv, text = form == "csv", form == "text"
    quote = options.get("quote", '"') if csv else ""
    return CopyFacts(
        direction=direction,
        relation=relation,
        columns=tuple(strings(node.get("attlist", []))),
        query="query" in node,
        format=form,
        delimiter="" if form == "binary" else options.get("delimiter", "," if csv else "\t"),
        null="" if form == "binary" else options.get("null", "\\N" if text else ""),
        quote=quote,
        escape=options.get("escape", quote) if csv else "",
        header=options.get("header", "false").casefold() not in ("false", "off", "0"),
        stdio="filename" not in node,
    )


def _options(r: Reader, node: Node) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in node.get("options", []):
        element = item["DefElem"]
        name = element["defname"].casefold()
        if name not in _OPTIONS:
            r.notes.unknown(f"COPY with an option that is not known here: {name}")
        if name in found:
            r.notes.unknown(f"COPY with {name} given twice")
        found[name] = _text(element.get("arg"))
    return found


def _text(value: Node | None) -> str:
    if value is None:
        return "true"
    if "String" in value:
        return str(value["String"].get("sval", ""))
    if "Integer" in value:
        return str(value["Integer"].get("ival", 0))
    if "Boolean" in value:
        return "true" if value["Boolean"].get("boolval") else "false"
    return ""
