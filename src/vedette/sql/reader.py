"""The walk over a parse tree: which node types there are, and who reads them.

A reader of a node gets the `Reader`, the node's fields and the CTEs in scope. It does what the
node calls for and returns the part of the fields that is still to be walked, or None.
Node types that are not in the table are unknown: a new grammar cannot slip past.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from vedette.model import Effect, Touch
from vedette.sql.catalog import Catalog
from vedette.sql.facts import Facts
from vedette.sql.notes import Notes
from vedette.sql.parse import Node

Scope = Mapping[str, Node | None]
"""CTE names in scope, with their queries where the unscoped test may look into them."""
NO_SCOPE: Scope = {}
MAX_DEPTH = 24
"""How far bodies may lie within bodies: functions in functions, text in text, views in views."""

Read = Callable[["Reader", Node, Scope], "Node | list[Any] | None"]

PLAIN = "plain"
"""In the table: a node that does nothing of its own; its fields are walked."""
SKIP = "skip"
"""In the table: a node or field that holds nothing that could do anything."""


class Reader:
    """One text being read. *path* is the search_path in force at this point of it; () is unknown.

    *quiet*: no value that is read here can come out, so names are not mentioned. *implied*:
    reads follow from another touch (the inside of a view). *planned*: the statement is only
    explained, so what it would change is read. *within* guards against functions and views that
    lead back to themselves. *next_path* is what statements after this one go by, once something
    has moved it.
    """

    def __init__(
        self,
        nodes: Mapping[str, Read | str],
        catalog: Catalog,
        path: tuple[str, ...],
        named: Mapping[str, Facts],
    ) -> None:
        self.nodes = nodes
        self.catalog = catalog
        self.path = path
        self.named = dict(named)
        self.notes = Notes()
        self.quiet = False
        self.implied = False
        self.planned = False
        self.next_path: tuple[str, ...] | None = None
        self.settings_row: str | None = None
        self.depth = 0
        self.within: set[object] = set()

    def walk(self, tree: Node | list[Any], scope: Scope) -> None:
        """Read everything below *tree*. Order does not matter."""
        nodes = self.nodes
        stack: list[Any] = [tree]
        while stack:
            item = stack.pop()
            if type(item) is list:
                stack.extend(item)
                continue
            for key, value in item.items():
                kind = type(value)
                if kind is not dict and kind is not list:
                    continue
                read = nodes.get(key)
                if read is None:
                    if key[0] < "a":  # nodes are capitalised, fields are not
                        self.notes.unknown(f"a part of a statement that is not known here: {key}")
                    stack.append(value)
                elif read is PLAIN:
                    stack.append(value)
                elif read is not SKIP:
                    more = read(self, value, scope)  # type: ignore[operator]
                    if more is not None:
                        stack.append(more)

    def statement(self, node: Node, scope: Scope = NO_SCOPE) -> None:
        """Read one wrapped statement node."""
        self.walk(node, scope)

    def move(self, path: tuple[str, ...]) -> None:
        """The search_path changes, here and, once a body is left, for what follows."""
        self.path = self.next_path = path

    def touch(self, effect: Effect, object: str = "", *, resolved: bool = True) -> None:
        implied = self.implied and effect is Effect.READ
        self.notes.touches[Touch(effect, object, resolved, implied)] = None

    def imply(self, effect: Effect, object: str, *, resolved: bool = True) -> None:
        """Something that follows from another touch."""
        self.notes.touches[Touch(effect, object, resolved, True)] = None

    def change(self, effect: Effect, object: str, *, resolved: bool = True) -> None:
        """A change of rows; in a statement that is only explained, a read."""
        self.touch(Effect.READ if self.planned else effect, object, resolved=resolved)

    def mention(self, name: str) -> None:
        if not self.quiet:
            self.notes.columns.add(name)

    def look(self, node: Node | None) -> str | None:
        """The text of a constant, casts put aside; None where it is not one. Facts now depend on it."""
        while node is not None:
            if "TypeCast" in node:
                node = node["TypeCast"].get("arg")
            elif "A_Const" in node:
                self.notes.looked = True
                return constant(node["A_Const"])
            else:
                return None
        return None

    @contextmanager
    def aside(self, **changes: Any) -> Iterator[None]:
        """Change attributes of this reader for a while."""
        before = {name: getattr(self, name) for name in changes}
        for name, value in changes.items():
            setattr(self, name, value)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)

    @contextmanager
    def inside(self, what: object, **changes: Any) -> Iterator[bool]:
        """Enter a body; False where it is being read already or lies too deep."""
        if what in self.within:
            yield False
            return
        if self.depth >= MAX_DEPTH:
            self.notes.unknown("bodies within bodies, too deep to be read")
            yield False
            return
        self.within.add(what)
        self.depth += 1
        try:
            with self.aside(**changes):
                yield True
        finally:
            self.depth -= 1


def constant(value: Node) -> str | None:
    """The text of an A_Const; None for NULL."""
    if "sval" in value:
        return str(value["sval"].get("sval", ""))
    if "ival" in value:
        return str(value["ival"].get("ival", 0))
    if "fval" in value:
        return str(value["fval"].get("fval", "0"))
    if "boolval" in value:
        return "true" if value["boolval"].get("boolval") else "false"
    if "bsval" in value:
        return str(value["bsval"].get("bsval", ""))
    return None


def strings(nodes: list[Node]) -> list[str]:
    """The names in a list of String nodes; a star is ``*``."""
    found = []
    for node in nodes:
        if "String" in node:
            found.append(str(node["String"].get("sval", "")))
        elif "A_Star" in node:
            found.append("*")
    return found
