"""SQL: from the text of a statement to what running it does, and to what.

`read` gives the `Facts` of a text; `shape` the key under which texts that differ in plain
literals share them. Pure: no sockets, no clock. Nothing outside this package sees a parse tree.
"""

from vedette.sql.catalog import EMPTY, Catalog, Column, Function, Relation
from vedette.sql.facts import CopyFacts, Facts, Setting, union, unknown
from vedette.sql.reading import State, read
from vedette.sql.shape import shape

__all__ = [
    "EMPTY",
    "Catalog",
    "Column",
    "CopyFacts",
    "Facts",
    "Function",
    "Relation",
    "Setting",
    "State",
    "read",
    "shape",
    "union",
    "unknown",
]
