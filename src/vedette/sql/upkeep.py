"""Statements about the database and the server: maintenance, extensions, foreign data, replication."""

from __future__ import annotations

from typing import Any

from vedette.model import Effect
from vedette.sql import objects
from vedette.sql.parse import Node
from vedette.sql.reader import Reader, Scope


def vacuum(r: Reader, node: Node, scope: Scope) -> None:
    """VACUUM and ANALYZE change how things lie, not what is there: alter."""
    relations = [item["VacuumRelation"] for item in node.get("rels", [])]
    for item in relations:
        _alter(r, item.get("relation"))
    if not relations:
        r.touch(Effect.ALTER, "database:*")


def maintain(r: Reader, node: Node, scope: Scope) -> None:
    """CLUSTER and REINDEX."""
    if "relation" in node:
        _alter(r, node["relation"])
    else:
        r.touch(Effect.ALTER, f"database:{node.get('name', '*')}")


def refresh(r: Reader, node: Node, scope: Scope) -> None:
    """REFRESH MATERIALIZED VIEW runs the view's query and replaces its rows."""
    found = objects.of_range(r, node["relation"])
    r.touch(Effect.WRITE, found.name, resolved=found.resolved)
    if found.relation is None:
        r.notes.unknown("a materialized view that is not known")
    objects.behind(r, found, None)


def _alter(r: Reader, relation: Node | None) -> None:
    if relation is None:
        r.touch(Effect.ALTER, "database:*")
        return
    found = objects.of_range(r, relation)
    r.touch(Effect.ALTER, found.name, resolved=found.resolved)


def alter_system(r: Reader, node: Node, scope: Scope) -> None:
    name = str(node.get("setstmt", {}).get("name", "*")).casefold()
    r.touch(Effect.CONFIGURE, f"setting:{name}")
    r.touch(Effect.CONFIGURE, f"system:{name}")


def database_setting(r: Reader, node: Node, scope: Scope) -> None:
    name = str(node.get("setstmt", {}).get("name", "*")).casefold()
    r.touch(Effect.CONFIGURE, f"setting:{name}")
    r.touch(Effect.CONFIGURE, f"database:{node.get('dbname', '')}")


def drop_database(r: Reader, node: Node, scope: Scope) -> None:
    r.touch(Effect.DESTROY, f"database:{node.get('dbname', '')}")


def load(r: Reader, node: Node, scope: Scope) -> None:
    """LOAD runs a library of the server's file system inside the server."""
    r.touch(Effect.EXECUTE, f"file:{node.get('filename', '')}")


def create_extension(r: Reader, node: Node, scope: Scope) -> None:
    """An extension's script runs, often as superuser."""
    r.touch(Effect.CREATE, f"extension:{node.get('extname', '')}")
    r.touch(Effect.EXECUTE, f"extension:{node.get('extname', '')}")


def alter_extension(r: Reader, node: Node, scope: Scope) -> None:
    r.touch(Effect.ALTER, f"extension:{node.get('extname', '')}")
    r.touch(Effect.EXECUTE, f"extension:{node.get('extname', '')}")


def publication(r: Reader, node: Node, scope: Scope) -> None:
    """What is published can be fetched by whoever subscribes."""
    r.touch(Effect.EXPORT, f"publication:{node.get('pubname', '')}")
    for item in node.get("pubobjects", []):
        table = item.get("PublicationObjSpec", {}).get("pubtable", {}).get("relation")
        if table is not None:
            found = objects.of_range(r, table)
            r.touch(Effect.EXPORT, found.name, resolved=found.resolved)


def subscription(r: Reader, node: Node, scope: Scope) -> None:
    """The server connects to another, and rows from there are applied here."""
    r.touch(Effect.EXPORT, f"subscription:{node.get('subname', '')}")
    r.touch(Effect.CONFIGURE, f"subscription:{node.get('subname', '')}")


def drop_subscription(r: Reader, node: Node, scope: Scope) -> None:
    r.touch(Effect.DESTROY, f"subscription:{node.get('subname', '')}")


def foreign(effect: Effect, kind: str, field: str) -> Any:
    """A reader for statements about foreign servers, wrappers and user mappings."""

    def read(r: Reader, node: Node, scope: Scope) -> list[Any]:
        r.touch(effect, f"{kind}:{node.get(field, '')}")
        r.touch(Effect.CONFIGURE, f"{kind}:{node.get(field, '')}")
        return []

    return read


def import_foreign(r: Reader, node: Node, scope: Scope) -> None:
    r.touch(Effect.CREATE, f"schema:{node.get('local_schema', '')}")
    r.touch(Effect.CONFIGURE, f"server:{node.get('server_name', '')}")


def server_wide(effect: Effect, object: str) -> Any:
    """A reader for statements that are about the server as a whole."""

    def read(r: Reader, node: Node, scope: Scope) -> None:
        r.touch(effect, object)

    return read


def named(effect: Effect, kind: str, field: str) -> Any:
    """A reader for statements that name one global object in *field*."""

    def read(r: Reader, node: Node, scope: Scope) -> None:
        r.touch(effect, f"{kind}:{node.get(field, '*')}")

    return read


def event_trigger(r: Reader, node: Node, scope: Scope) -> None:
    """Runs a function on everybody's DDL."""
    r.touch(Effect.CREATE, f"event_trigger:{node.get('trigname', '')}")
    r.touch(Effect.CONFIGURE, f"event_trigger:{node.get('trigname', '')}")
