"""CREATE, ALTER and COMMENT: what is made or changed in the catalogue.

Expressions inside (defaults, checks, index expressions, the actions of rules) run later, on
behalf of others; their effects count where they are written down.
"""

from __future__ import annotations

from typing import Any

from vedette.model import Effect
from vedette.sql import objects
from vedette.sql.parse import Node
from vedette.sql.reader import Reader, Scope, strings
from vedette.sql.words import words

Parts = list[Any]


def inner(node: Node, *leave: str) -> Parts:
    """The fields still to be walked."""
    return [value for key, value in node.items() if key not in leave and type(value) in (dict, list)]


def create_relation(r: Reader, node: Node, scope: Scope) -> Parts:
    """CREATE TABLE and FOREIGN TABLE. A partition or child changes what its parent shows."""
    base = node.get("base", node)
    name, resolved = objects.created(r, base["relation"])
    r.change(Effect.CREATE, name, resolved=resolved)
    for parent in base.get("inhRelations", []):
        found = objects.of_range(r, parent["RangeVar"])
        r.touch(Effect.ALTER, found.name, resolved=found.resolved)
    if "servername" in node:
        r.touch(Effect.CONFIGURE, f"server:{node['servername']}")
    return inner(base, "relation", "inhRelations", "ofTypename")


def constraint(r: Reader, node: Node, scope: Scope) -> Parts:
    """A foreign key puts triggers on the table it points at."""
    if "pktable" in node:
        found = objects.of_range(r, node["pktable"])
        r.imply(Effect.ALTER, found.name, resolved=found.resolved)
    return inner(node, "pktable", "fk_attrs", "pk_attrs", "keys")


def table_like(r: Reader, node: Node, scope: Scope) -> None:
    found = objects.of_range(r, node["relation"])
    r.touch(Effect.READ, found.name, resolved=found.resolved)


def create_as(r: Reader, node: Node, scope: Scope) -> Parts:
    name, resolved = objects.created(r, node["into"]["rel"])
    r.change(Effect.CREATE, name, resolved=resolved)
    return inner(node, "into")


def create_view(r: Reader, node: Node, scope: Scope) -> Parts:
    name, resolved = objects.created(r, node["view"])
    r.touch(Effect.CREATE, name, resolved=resolved)
    if node.get("replace"):
        r.touch(Effect.ALTER, name, resolved=resolved)
    return inner(node, "view", "aliases", "options")


def create_sequence(r: Reader, node: Node, scope: Scope) -> None:
    name, resolved = objects.created(r, node["sequence"])
    r.touch(Effect.CREATE, name, resolved=resolved)


def create_index(r: Reader, node: Node, scope: Scope) -> Parts:
    found = objects.of_range(r, node["relation"])
    r.touch(Effect.CREATE, f"index:{node.get('idxname', '*')}")
    r.touch(Effect.ALTER, found.name, resolved=found.resolved)
    return inner(node, "relation")


def create_function(r: Reader, node: Node, scope: Scope) -> Parts:
    """The body does not run now; once the function is called, the catalogue has it."""
    kind = "procedure" if node.get("is_procedure") else "function"
    _made(r, node, kind, strings(node.get("funcname", [])))
    for option in node.get("options", []):
        element = option["DefElem"]
        if element["defname"] != "language":
            continue
        language = str(element["arg"]["String"].get("sval", "")).casefold()
        if language in ("c", "internal"):
            r.touch(Effect.EXECUTE, f"language:{language}")
    return [item["FunctionParameter"].get("defexpr", {}) for item in node.get("parameters", [])]


def _made(r: Reader, node: Node, kind: str, names: list[str]) -> None:
    label, resolved = objects.named(kind, names, r)
    r.touch(Effect.CREATE, label, resolved=resolved)
    if node.get("replace"):
        r.touch(Effect.ALTER, label, resolved=resolved)


def create_trigger(r: Reader, node: Node, scope: Scope) -> Parts:
    found = objects.of_range(r, node["relation"])
    r.touch(Effect.CREATE, f"trigger:{node.get('trigname', '')}")
    r.touch(Effect.ALTER, found.name, resolved=found.resolved)
    return [node.get("whenClause", {})]


def create_rule(r: Reader, node: Node, scope: Scope) -> Parts:
    """What a rule will do counts now: it turns somebody's INSERT into it."""
    found = objects.of_range(r, node["relation"])
    r.touch(Effect.CREATE, f"rule:{node.get('rulename', '')}")
    r.touch(Effect.ALTER, found.name, resolved=found.resolved)
    return [node.get("whereClause", {}), *node.get("actions", [])]


def create_policy(r: Reader, node: Node, scope: Scope) -> Parts:
    """Row security decides who sees what: a grant."""
    found = objects.of_range(r, node["table"])
    r.touch(Effect.GRANT, found.name, resolved=found.resolved)
    return [node.get("qual", {}), node.get("with_check", {})]


def create_schema(r: Reader, node: Node, scope: Scope) -> None:
    """CREATE SCHEMA with its elements, whose bare names belong to it."""
    name = node.get("schemaname") or node.get("authrole", {}).get("rolename", "*")
    r.touch(Effect.CREATE, f"schema:{name}")
    if "authrole" in node:
        r.touch(Effect.GRANT, f"schema:{name}")
    with r.aside(path=(name, *r.path)):
        r.walk(node.get("schemaElts", []), scope)


def alter_table(r: Reader, node: Node, scope: Scope) -> Parts:
    """ALTER TABLE, and ALTER of views, sequences, indexes and types, which share its node."""
    if node.get("objtype") == "OBJECT_TYPE":
        label, resolved = objects.named("type", objects.names_of({"RangeVar": node["relation"]}), r)
    else:
        found = objects.of_range(r, node["relation"])
        label, resolved = found.name, found.resolved
    for item in node.get("cmds", []):
        command = item["AlterTableCmd"]
        kind = command.get("subtype", "AT_AddColumn")
        effect = _COMMANDS.get(kind, Effect.ALTER)
        r.touch(effect, label, resolved=resolved)
        if kind == "AT_AlterColumnType" and "raw_default" in command.get("def", {}).get("ColumnDef", {}):
            r.touch(Effect.WRITE, label, resolved=resolved)
            r.notes.unscoped = True
        for partition in ("AT_AttachPartition", "AT_DetachPartition"):
            if kind == partition:
                child = objects.of_range(r, command["def"]["PartitionCmd"]["name"])
                r.touch(Effect.ALTER, child.name, resolved=child.resolved)
    return [item["AlterTableCmd"].get("def", {}) for item in node.get("cmds", [])]


_COMMANDS = {
    "AT_DropColumn": Effect.DESTROY,
    "AT_DropExpression": Effect.ALTER,
    "AT_ChangeOwner": Effect.GRANT,
    "AT_EnableRowSecurity": Effect.GRANT,
    "AT_DisableRowSecurity": Effect.GRANT,
    "AT_ForceRowSecurity": Effect.GRANT,
    "AT_NoForceRowSecurity": Effect.GRANT,
    "AT_GenericOptions": Effect.CONFIGURE,
    "AT_AlterColumnGenericOptions": Effect.CONFIGURE,
}


def drop(r: Reader, node: Node, scope: Scope) -> None:
    kind = str(node.get("removeType", "OBJECT_ACCESS_METHOD")).removeprefix("OBJECT_").casefold()
    for item in node.get("objects", []):
        names = objects.names_of(item)
        if kind in RELATIONS:
            found = objects.of_names(r, names)
            r.touch(Effect.DESTROY, found.name, resolved=found.resolved)
        elif kind in ("trigger", "rule", "policy"):
            found = objects.of_names(r, names[:-1])
            r.touch(Effect.DESTROY, f"{kind}:{names[-1]}")
            effect = Effect.GRANT if kind == "policy" else Effect.ALTER
            r.touch(effect, found.name, resolved=found.resolved)
        else:
            label, resolved = named_object(r, kind, names)
            r.touch(Effect.DESTROY, label, resolved=resolved)


RELATIONS = frozenset({"table", "view", "matview", "foreign_table", "sequence", "index"})
GLOBAL = words(
    """
    schema database role tablespace extension event_trigger fdw foreign_server language publication
    subscription access_method cast transform largeobject parameter_acl user_mapping
    """
)


_WORDS = {
    "foreign_server": "server",
    "fdw": "wrapper",
    "user_mapping": "usermapping",
    "parameter_acl": "parameter",
    "routine": "function",
}


def named_object(r: Reader, kind: str, names: list[str]) -> tuple[str, bool]:
    """``kind:name`` of an object by its ObjectType word."""
    word = _WORDS.get(kind, kind)
    if kind in GLOBAL:
        return f"{word}:{'.'.join(names) or '*'}", True
    return objects.named(word, names, r)


def alter_named(r: Reader, node: Node, scope: Scope) -> None:
    """RENAME, SET SCHEMA, DEPENDS ON, COMMENT and other changes of one named object."""
    alter_as(r, node, Effect.ALTER)


def alter_as(r: Reader, node: Node, effect: Effect) -> None:
    """Touch the one object that a statement names, whichever way its node holds it."""
    word = next((node[key] for key in ("renameType", "objectType", "objtype") if key in node), "OBJECT_TABLE")
    kind = str(word).removeprefix("OBJECT_").casefold()
    if "relation" in node:
        found = objects.of_range(r, node["relation"])
        r.touch(effect, found.name, resolved=found.resolved)
        return
    names = objects.names_of(node.get("object"))
    if kind in RELATIONS or kind in ("column", "tabconstraint", "trigger", "rule", "policy"):
        found = objects.of_names(r, names if kind in RELATIONS else names[:-1])
        r.touch(effect, found.name, resolved=found.resolved)
        return
    label, resolved = named_object(r, kind, names or [node.get("subname", "")])
    r.touch(effect, label, resolved=resolved)


def truncate(r: Reader, node: Node, scope: Scope) -> None:
    """All rows at once, past row triggers and WHERE: destroys."""
    for item in node.get("relations", []):
        found = objects.of_range(r, item["RangeVar"])
        r.touch(Effect.DESTROY, found.name, resolved=found.resolved)


def made(kind: str, field: str) -> Any:
    """A reader for a CREATE whose name stands in *field*, as text or as a list of names."""

    def read(r: Reader, node: Node, scope: Scope) -> Parts:
        value = node.get(field, "")
        if kind in GLOBAL:
            r.touch(Effect.CREATE, f"{kind}:{value}")
        else:
            _made(r, node, kind, strings(value) if type(value) is list else [str(value)])
        return inner(node, field)

    return read


def define(r: Reader, node: Node, scope: Scope) -> None:
    """CREATE AGGREGATE, OPERATOR, TYPE, COLLATION and text search objects."""
    kind = str(node.get("kind", "")).removeprefix("OBJECT_").casefold()
    _made(r, node, kind, strings(node.get("defnames", [])))


def domain(r: Reader, node: Node, scope: Scope) -> Parts:
    _made(r, node, "domain", strings(node.get("domainname", [])))
    return inner(node, "domainname", "typeName")


def alter_listed(kind: str, field: str) -> Any:
    """A reader for an ALTER whose name is a list in *field*."""

    def read(r: Reader, node: Node, scope: Scope) -> None:
        label, resolved = objects.named(kind, strings(node.get(field, [])), r)
        r.touch(Effect.ALTER, label, resolved=resolved)

    return read


def alter_domain(r: Reader, node: Node, scope: Scope) -> Parts:
    label, resolved = objects.named("domain", strings(node.get("typeName", [])), r)
    r.touch(Effect.ALTER, label, resolved=resolved)
    return inner(node, "typeName")


def alter_operator(r: Reader, node: Node, scope: Scope) -> None:
    label, resolved = objects.named("operator", strings(node.get("opername", {}).get("objname", [])), r)
    r.touch(Effect.ALTER, label, resolved=resolved)


def alter_function(r: Reader, node: Node, scope: Scope) -> None:
    """ALTER FUNCTION: SECURITY DEFINER and SET change with whose rights and where it looks."""
    label, resolved = objects.named("function", strings(node.get("func", {}).get("objname", [])), r)
    r.touch(Effect.ALTER, label, resolved=resolved)
    for item in node.get("actions", []):
        if item["DefElem"].get("defname") in ("security", "set"):
            r.touch(Effect.GRANT, label, resolved=resolved)


def alter_sequence(r: Reader, node: Node, scope: Scope) -> None:
    found = objects.of_range(r, node["sequence"])
    r.touch(Effect.ALTER, found.name, resolved=found.resolved)


def composite(r: Reader, node: Node, scope: Scope) -> None:
    _made(r, node, "type", objects.names_of({"RangeVar": node.get("typevar", {})}))


def create_statistics(r: Reader, node: Node, scope: Scope) -> Parts:
    _made(r, node, "statistics", strings(node.get("defnames", [])))
    return inner(node, "defnames", "stat_types")


def create_language(r: Reader, node: Node, scope: Scope) -> None:
    """A language brings a handler in C."""
    r.touch(Effect.CREATE, f"language:{node.get('plname', '')}")
    r.touch(Effect.EXECUTE, f"language:{node.get('plname', '')}")


def returning_alias(r: Reader, node: Node, scope: Scope) -> None:
    """``RETURNING WITH (OLD AS before)``: before is a range, hence a whole row where it stands alone."""
    r.notes.ranges.add(str(node.get("value", "")))
