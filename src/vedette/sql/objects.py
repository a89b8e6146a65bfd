"""Names of things: how PostgreSQL finds a relation, and what we call what is not one."""

from __future__ import annotations

from vedette.model import Effect
from vedette.sql.catalog import Relation, part, qualified
from vedette.sql.parse import Node, Unreadable, statements
from vedette.sql.reader import NO_SCOPE, Reader, strings
from vedette.sql.system import RELATIONS

SYSTEM = ("pg_catalog", "information_schema")


class Found:
    """Where a name led: the *name* as policy sees it, whether it was *resolved*, the relation if known."""

    __slots__ = ("name", "relation", "resolved")

    def __init__(self, name: str, resolved: bool, relation: Relation | None) -> None:
        self.name = name
        self.resolved = resolved
        self.relation = relation


def find(r: Reader, schema: str | None, name: str) -> Found:
    """Resolve the name of a relation as the server would: temporary ones first, then along the path."""
    if schema is not None:
        return _qualified(r, schema, name)
    temporary = r.catalog.relation("pg_temp", name)
    if temporary is not None:
        return Found(temporary.qualified, True, temporary)
    path = r.path
    if path:
        first = path if "pg_catalog" in path else ("pg_catalog", *path)
        for place in first:
            relation = r.catalog.relation(place, name)
            if relation is not None:
                return Found(relation.qualified, True, relation)
            if place == "pg_catalog" and name in RELATIONS:
                return Found(qualified("pg_catalog", name), True, None)
    r.notes.unresolved.add(name)
    return Found(part(name), False, None)


def _qualified(r: Reader, schema: str, name: str) -> Found:
    if schema.startswith("pg_temp"):
        return Found(qualified("pg_temp", name), True, r.catalog.relation("pg_temp", name))
    relation = r.catalog.relation(schema, name)
    label = qualified(schema, name)
    if relation is None and schema not in SYSTEM and schema != "pg_toast":
        r.notes.unresolved.add(label)
    return Found(label, True, relation)


def of_range(r: Reader, node: Node) -> Found:
    """Resolve a RangeVar."""
    return find(r, node.get("schemaname"), node.get("relname", ""))


def of_names(r: Reader, names: list[str]) -> Found:
    """Resolve a dotted name (``database.schema.name`` at most)."""
    return find(r, names[-2] if len(names) > 1 else None, names[-1] if names else "")


def of_text(r: Reader, text: str) -> Found | None:
    """Resolve what regclass would make of *text*: a name, or the digits of an OID."""
    if text.isdigit():
        relation = r.catalog.by_oid(int(text))
        return None if relation is None else Found(relation.qualified, True, relation)
    names = dotted(text)
    return of_names(r, names) if names else None


def dotted(text: str) -> list[str]:
    """``a."B c"`` taken apart by the server's own grammar; empty where it is no name."""
    try:
        (only,) = statements(f"SELECT 1 FROM {text}")
        (source,) = only["stmt"]["SelectStmt"]["fromClause"]
        node = source["RangeVar"]
    except (Unreadable, ValueError, KeyError):
        return []
    if set(node) - {"relname", "schemaname", "catalogname", "inh", "relpersistence", "location"}:
        return []
    return [node[key] for key in ("catalogname", "schemaname", "relname") if key in node]


def created(r: Reader, node: Node) -> tuple[str, bool]:
    """The name that a new relation gets: name and whether its schema is known."""
    schema, name = node.get("schemaname"), node.get("relname", "")
    if node.get("relpersistence") == "t" or (schema or "").startswith("pg_temp"):
        return qualified("pg_temp", name), True
    if schema is not None:
        return qualified(schema, name), True
    home = creation_schema(r)
    return (part(name), False) if home is None else (qualified(home, name), True)


def creation_schema(r: Reader) -> str | None:
    """Where something with a bare name is made: pg_catalog and pg_temp are on the path for look-ups only."""
    return next((s for s in r.path if s != "pg_catalog" and not s.startswith("pg_temp")), None)


def named(kind: str, names: list[str], r: Reader | None = None) -> tuple[str, bool]:
    """``kind:schema.name`` for what is not a relation; a bare name gets the path's first schema."""
    parts = names[-2:]
    if len(parts) == 2:
        return f"{kind}:{qualified(*parts)}", True
    bare = parts[0] if parts else ""
    home = creation_schema(r) if r is not None else None
    if home is not None:
        return f"{kind}:{qualified(home, bare)}", True
    return f"{kind}:{part(bare)}", r is None


def read_relation(r: Reader, found: Found) -> None:
    """Rows come out of a relation, and with a view, out of what stands behind it."""
    r.touch(Effect.READ, found.name, resolved=found.resolved)
    behind(r, found, None)


def behind(r: Reader, found: Found, effect: Effect | None) -> None:
    """Touch what a view stands for: reads, and the same *effect* on the relations it selects from."""
    relation = found.relation
    if relation is None or relation.kind not in "vm" or relation.schema in SYSTEM:
        return
    key = ("view", relation.oid, effect, r.quiet)
    with r.inside(key, implied=True, path=("pg_catalog", *r.path), planned=False) as first:
        if not first:
            return
        try:
            definition = statements(relation.definition)
        except Unreadable as error:
            r.notes.unknown(f"the view {relation.qualified}: {error}")
            return
        if len(definition) != 1:
            r.notes.unknown(f"the view {relation.qualified}: its definition is not known")
            return
        r.walk(definition[0]["stmt"], NO_SCOPE)
        if effect is not None:
            _same_on_base(r, definition[0]["stmt"], effect)


def _same_on_base(r: Reader, definition: Node, effect: Effect) -> None:
    for source in definition.get("SelectStmt", {}).get("fromClause", []):
        if "RangeVar" in source:
            base = of_range(r, source["RangeVar"])
            r.imply(effect, base.name, resolved=base.resolved)
            behind(r, base, effect)


def function_name(names: list[str]) -> tuple[str | None, str]:
    """Schema (or None) and name of a function as called."""
    return (names[-2] if len(names) > 1 else None), (names[-1] if names else "")


def names_of(node: Node | None) -> list[str]:
    """The dotted name in whatever node a statement gives it."""
    if not node:
        return []
    if "List" in node:
        return strings(node["List"].get("items", []))
    if "String" in node:
        return [node["String"].get("sval", "")]
    if "TypeName" in node:
        return strings(node["TypeName"].get("names", []))
    if "ObjectWithArgs" in node:
        return strings(node["ObjectWithArgs"].get("objname", []))
    if "Integer" in node:
        return [str(node["Integer"].get("ival", 0))]
    if "RangeVar" in node:
        range_var = node["RangeVar"]
        return [range_var[key] for key in ("schemaname", "relname") if key in range_var]
    return []
