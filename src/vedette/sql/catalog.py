"""A frozen picture of the upstream's catalogue, as far as reading text needs it.

The engine fills it. The session's own temporary relations belong under the schema
``pg_temp``. pg_catalog need not be in it: `vedette.sql.system` knows its relations and
`vedette.sql.builtins` its functions. View definitions are best asked for with an empty
search_path, so that every name in them is qualified.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """*number* as in pg_attribute (from 1), *type* an OID; *required*: declared NOT NULL."""

    number: int
    name: str
    type: int
    required: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """*kind* as in pg_class.relkind; *definition* is the query of a view (``pg_get_viewdef``).

    *parents* are the OIDs of what it is a partition or child of (``pg_inherits``)."""

    oid: int
    schema: str
    name: str
    kind: str
    columns: tuple[Column, ...] = ()
    definition: str = ""
    parents: tuple[int, ...] = ()

    @property
    def qualified(self) -> str:
        return qualified(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class Function:
    """A function or procedure of pg_proc, outside pg_catalog.

    *arguments* is pronargs; *body* is prosrc, or ``pg_get_function_sqlbody`` for a body that
    was parsed when created. *signature* (``pg_get_function_arguments``) and *result*
    (``pg_get_function_result``) let a PL/pgSQL body be parsed that assigns to its arguments,
    *preset* (``pg_get_expr(proargdefaults, 0)``) lets the defaults be read, and *path* is the
    search_path that the function itself sets (proconfig); None: the caller's.
    """

    schema: str
    name: str
    arguments: int
    variadic: bool
    volatility: str
    language: str
    body: str
    kind: str = "f"
    security_definer: bool = False
    defaults: int = 0
    signature: str = ""
    result: str = ""
    preset: str = ""
    path: tuple[str, ...] | None = None

    @property
    def qualified(self) -> str:
        return qualified(self.schema, self.name)

    def takes(self, count: int) -> bool:
        """Whether a call with *count* arguments could mean this one."""
        if self.variadic:
            return count >= self.arguments - 1 - self.defaults
        return self.arguments - self.defaults <= count <= self.arguments


class Catalog:
    """Relations and functions by name. Immutable once built."""

    __slots__ = (
        "_by_name", "_by_oid", "_by_qualified", "_children", "_functions", "_kin", "_named", "version",
    )  # fmt: skip

    def __init__(
        self, relations: Iterable[Relation], functions: Iterable[Function], *, version: int = 0
    ) -> None:
        self.version = version
        self._by_name: dict[tuple[str, str], Relation] = {}
        self._by_oid: dict[int, Relation] = {}
        self._by_qualified: dict[str, Relation] = {}
        self._children: dict[int, list[Relation]] = {}
        for relation in relations:
            for parent in relation.parents:
                self._children.setdefault(parent, []).append(relation)
            self._by_name[relation.schema, relation.name] = relation
            self._by_oid[relation.oid] = relation
            self._by_qualified[relation.qualified] = relation
        # Names with kin, by their last part; most databases have none.
        self._kin: dict[str, set[str]] = {}
        for parent, children in self._children.items():
            for one in (self._by_oid.get(parent), *children):
                if one is not None:
                    self._kin.setdefault(part(one.name), set()).add(one.qualified)
        self._functions: dict[tuple[str, str], tuple[Function, ...]] = {}
        self._named: dict[str, tuple[Function, ...]] = {}
        for function in functions:
            key = (function.schema, function.name)
            self._functions[key] = (*self._functions.get(key, ()), function)
            self._named[function.name] = (*self._named.get(function.name, ()), function)

    def relation(self, schema: str, name: str) -> Relation | None:
        return self._by_name.get((schema, name))

    def by_oid(self, oid: int) -> Relation | None:
        return self._by_oid.get(oid)

    def by_qualified(self, name: str) -> Relation | None:
        """By the name that a touch carries (see `qualified`)."""
        return self._by_qualified.get(name)

    def kin(self, name: str) -> tuple[str, ...]:
        """What the relation is a partition or child of, and what is its partition or child, all the way.

        By names as touches carry them.
        """
        relation = self._by_qualified.get(name) if self._kin else None
        if relation is None:
            return ()
        found: dict[int, Relation] = {relation.oid: relation}
        above = [relation]
        while above:
            for oid in above.pop().parents:
                parent = self._by_oid.get(oid)
                if parent is not None and oid not in found:
                    found[oid] = parent
                    above.append(parent)
        below = [relation]
        while below:
            for child in self._children.get(below.pop().oid, ()):
                if child.oid not in found:
                    found[child.oid] = child
                    below.append(child)
        del found[relation.oid]
        return tuple(one.qualified for one in found.values())

    def kin_anywhere(self, bare: str) -> tuple[str, ...]:
        """`kin` of whatever has this name, in any schema: for when the search_path is not known."""
        every = self._kin.get(bare, ())
        return tuple(dict.fromkeys(kin for name in sorted(every) for kin in (name, *self.kin(name))))

    def relations(self, schema: str | None = None) -> tuple[Relation, ...]:
        """All relations, or those of one schema."""
        every = self._by_name.values()
        return tuple(every) if schema is None else tuple(r for r in every if r.schema == schema)

    def views(self) -> tuple[Relation, ...]:
        """All views and materialized views."""
        return tuple(r for r in self._by_name.values() if r.kind in "vm")

    def functions(self, schema: str, name: str) -> tuple[Function, ...]:
        return self._functions.get((schema, name), ())

    def functions_named(self, name: str) -> tuple[Function, ...]:
        """In any schema: for when the search_path is not known."""
        return self._named.get(name, ())

    def relation_in_path(self, name: str, path: Sequence[str]) -> Relation | None:
        """The first relation of that name along *path*."""
        for schema in path:
            found = self._by_name.get((schema, name))
            if found is not None:
                return found
        return None

    def functions_in_path(self, name: str, path: Sequence[str]) -> tuple[Function, ...]:
        """All functions of that name along *path*: the best match may stand in any of its schemas."""
        if name not in self._named:
            return ()
        return tuple(f for f in self._named[name] if f.schema in path)


def qualified(schema: str, name: str) -> str:
    """``schema.name``; a part with a dot, a colon or a quote is quoted, so that no two names look alike."""
    return f"{part(schema)}.{part(name)}"


def part(name: str) -> str:
    """One component of a qualified name."""
    # ``kind:name`` is how what is not a relation is spelt: no schema may pass for a kind.
    if "." in name or ":" in name or '"' in name:
        return '"' + name.replace('"', '""') + '"'
    return name


EMPTY = Catalog((), ())
