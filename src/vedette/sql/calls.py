"""Function calls: built-in ones by table, those of the database by reading their bodies.

Declared volatility proves nothing and is not looked at. A call may mean any function of that
name along the search_path, and pg_catalog's, that takes so many arguments; the effects of all
of them count.
"""

from __future__ import annotations

from typing import Any

from vedette.model import Effect
from vedette.sql import bodies, objects, special
from vedette.sql.builtins import EFFECTS, SPECIAL, UNCALLABLE, Acts, known
from vedette.sql.catalog import Function
from vedette.sql.parse import Node
from vedette.sql.reader import Read, Reader, Scope, strings


def call(r: Reader, node: Node, scope: Scope) -> list[Any]:
    """A FuncCall, in whatever place it stands."""
    schema, name = objects.function_name(strings(node.get("funcname", [])))
    args = node.get("args", [])
    rest = [v for k, v in node.items() if k not in ("funcname", "args") and type(v) in (dict, list)]
    if is_count(r, schema, name):
        with r.aside(quiet=True):
            r.walk(args, scope)
        return rest
    if len(args) == 1:
        r.mention(name)  # ssn(customers) is customers.ssn
    apply(r, schema, name, args)
    if r.quiet and (name in EFFECTS or name in SPECIAL or _ours(r, schema, name)):
        # Nothing comes out of count(setval('s', ssn)), and yet the value is kept.
        with r.aside(quiet=False):
            r.walk(args, scope)
        return rest
    return [args, *rest]


def is_count(r: Reader, schema: str | None, name: str) -> bool:
    """Whether this is pg_catalog.count and cannot be anything else."""
    if name != "count" or schema not in (None, "pg_catalog"):
        return False
    return schema is not None or not _ours(r, None, name)


def procedure(r: Reader, node: Node, scope: Scope) -> Node | list[Any] | None:
    """CALL."""
    inner = node.get("funccall", {})
    schema, name = objects.function_name(strings(inner.get("funcname", [])))
    apply(r, schema, name, inner.get("args", []), procedure=True)
    return [inner.get("args", []), node.get("outargs", [])]


def by_attribute(r: Reader, name: str) -> None:
    """``row.name``: a call of one argument, if the database has such a function."""
    if not r.catalog.functions_named(name):
        return
    for function in _ours(r, None, name):
        if function.takes(1):
            ours(r, function, 1)


def keyword(*names: str) -> Read:
    """A reader for what has a node of its own in the newest grammar, and is a plain call in older ones.

    ``json_scalar(x)`` is an expression in PostgreSQL 17 and calls a function of that name in 15.
    """

    def read(r: Reader, node: Node, scope: Scope) -> Node:
        for name in names:
            for function in _ours(r, None, name):
                ours(r, function, function.arguments)
        return node

    return read


def apply(r: Reader, schema: str | None, name: str, args: list[Node], *, procedure: bool = False) -> None:
    """What calling this name with these arguments may do."""
    builtin = schema in (None, "pg_catalog") and known(name)
    if builtin:
        _builtin(r, name, args)
    candidates = _ours(r, schema, name)
    fitting = [f for f in candidates if f.takes(len(args))]
    if procedure or not (fitting or builtin):
        fitting = list(candidates)
    for function in fitting:
        ours(r, function, len(args))
    if builtin or fitting or (schema == "information_schema" and name.startswith("_pg_")):
        return
    label, resolved = objects.named("function", [schema, name] if schema else [name], r)
    r.notes.unresolved.add(f"{schema}.{name}" if schema else name)
    r.notes.unknown(f"the function {label.removeprefix('function:')} is not known", label if resolved else "")


def _ours(r: Reader, schema: str | None, name: str) -> tuple[Function, ...]:
    if not r.catalog.functions_named(name):
        return ()
    if schema is not None:
        return () if schema == "pg_catalog" else r.catalog.functions(schema, name)
    if r.path:
        return tuple(f for f in r.catalog.functions_in_path(name, r.path) if f.schema != "pg_catalog")
    return tuple(f for f in r.catalog.functions_named(name) if f.schema != "pg_catalog")


def ours(r: Reader, function: Function, count: int) -> None:
    """A call of a function of the database."""
    r.imply(Effect.READ, f"function:{function.qualified}")
    bodies.read_body(r, function)
    if count < function.arguments and not function.variadic:
        bodies.read_defaults(r, function)


def _builtin(r: Reader, name: str, args: list[Node]) -> None:
    if name in UNCALLABLE:
        r.notes.unknown(f"{name} is not meant to be called")
    elif name in SPECIAL and any("NamedArgExpr" in arg for arg in args):
        r.notes.unknown(f"{name} with arguments by name")
    elif name in SPECIAL:
        special.READERS[name](r, args)
    else:
        for acts in EFFECTS.get(name, ()):
            _act(r, acts, args)


def _act(r: Reader, acts: Acts, args: list[Node]) -> None:
    r.notes.locks = r.notes.locks or acts.locks
    if acts.argument is None:
        r.touch(acts.effect, acts.object)
        return
    by_name = any("NamedArgExpr" in arg for arg in args)
    text = r.look(args[acts.argument]) if acts.argument < len(args) and not by_name else None
    if acts.relation:
        found = objects.of_text(r, text) if text is not None else None
        if found is None:
            r.touch(acts.effect, "*", resolved=False)
        else:
            r.touch(acts.effect, found.name, resolved=found.resolved)
    elif text is None:
        r.touch(acts.effect, acts.object.format("*"), resolved=False)
    else:
        r.touch(acts.effect, acts.object.replace("{}", text))
