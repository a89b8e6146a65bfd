"""Built-in functions that run text, read whole relations or change settings."""

from __future__ import annotations

from collections.abc import Callable

from vedette.model import Effect
from vedette.sql import objects
from vedette.sql.inline import read_text
from vedette.sql.parse import Node
from vedette.sql.reader import Reader
from vedette.sql.settings import set_config


def _runs(position: int) -> Callable[[Reader, list[Node]], None]:
    def read(r: Reader, args: list[Node]) -> None:
        text = r.look(args[position]) if position < len(args) else None
        if text is None:
            r.notes.unknown("a query that is put together when it runs")
        else:
            read_text(r, text)

    return read


def _rewrite(r: Reader, args: list[Node]) -> None:
    """ts_rewrite(tsquery, text) runs its second argument; the form with three does not."""
    if len(args) == 2:
        _runs(1)(r, args)


def _relation(r: Reader, args: list[Node]) -> None:
    text = r.look(args[0]) if args else None
    found = objects.of_text(r, text) if text is not None else None
    r.mention("*")
    if found is None:
        r.notes.unknown("a relation that is named when it runs")
    else:
        objects.read_relation(r, found)


def _schema(r: Reader, args: list[Node]) -> None:
    text = r.look(args[0]) if args else None
    r.mention("*")
    if text is None:
        r.notes.unknown("a schema that is named when it runs")
        return
    r.touch(Effect.READ, f"schema:{text}")
    _all_of(r, text)


def _database(r: Reader, args: list[Node]) -> None:
    r.mention("*")
    r.touch(Effect.READ, "database:*")
    _all_of(r, None)


def _all_of(r: Reader, schema: str | None) -> None:
    relations = r.catalog.relations(schema)
    if not relations:
        r.notes.unknown("a schema whose relations are not known")
    for relation in relations:
        if relation.kind in "rvmpf":
            r.touch(Effect.READ, relation.qualified)


def _cursor(r: Reader, args: list[Node]) -> None:
    name = r.look(args[0]) if args else None
    facts = r.named.get(name) if name is not None else None
    if facts is None:
        r.notes.unknown("a cursor that is not known")
    else:
        r.notes.merge(facts)


READERS: dict[str, Callable[[Reader, list[Node]], None]] = {
    "set_config": set_config,
    **dict.fromkeys(("query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema"), _runs(0)),
    "ts_stat": _runs(0),
    "ts_rewrite": _rewrite,
    **dict.fromkeys(("cursor_to_xml", "cursor_to_xmlschema"), _cursor),
    **dict.fromkeys(("table_to_xml", "table_to_xml_and_xmlschema", "table_to_xmlschema"), _relation),
    **dict.fromkeys(("schema_to_xml", "schema_to_xml_and_xmlschema", "schema_to_xmlschema"), _schema),
    **dict.fromkeys(("database_to_xml", "database_to_xml_and_xmlschema", "database_to_xmlschema"), _database),
}
