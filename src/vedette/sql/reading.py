"""The entry: a text, the session's state and the catalogue give `Facts`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from vedette.model import Touch
from vedette.sql.catalog import Catalog
from vedette.sql.facts import Facts, unknown
from vedette.sql.lineage import safe_outputs
from vedette.sql.parse import Node, Unreadable, in_brackets, statements
from vedette.sql.prepared import body_of
from vedette.sql.reader import Reader
from vedette.sql.statements import NODES, STATEMENTS
from vedette.sql.verbs import verb

_NONE: Mapping[str, Facts] = MappingProxyType({})
_SHAPED = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
"""Statements whose constants matter only where something looked at one."""


@dataclass(frozen=True, slots=True)
class State:
    """What of the session changes the meaning of text.

    *search_path* holds resolved names, ``$user`` replaced and schemas that do not exist left
    out; () means it is not known, and then no bare name resolves.
    """

    search_path: tuple[str, ...] = ()
    database: str = ""
    role: str = ""


def read(text: str, state: State, catalog: Catalog, named: Mapping[str, Facts] = _NONE) -> Facts:
    """What running *text* in *state* would do, and to what.

    *named* holds the facts of the prepared statements and cursors that EXECUTE and FETCH may
    name. Never raises: what cannot be read is UNKNOWN, with the reason. Takes some 20 µs for
    a small statement and a few hundred for a large one; the caller keeps the result.
    """
    try:
        return _read(text, state, catalog, named)
    except Unreadable as error:
        return unknown(str(error))
    except RecursionError:
        return unknown("nested too deeply to be read")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        return unknown(f"a statement of a form that is not known here ({type(error).__name__})")


def _read(text: str, state: State, catalog: Catalog, named: Mapping[str, Facts]) -> Facts:
    found = statements(text)
    r = Reader(NODES, catalog, state.search_path, named)
    r.notes.statements = len(found)
    for statement in found:
        r.path = r.path if r.next_path is None else r.next_path
        _statement(r, text, statement, single=len(found) == 1)
    _partitions(r)
    return r.notes.facts()


def _partitions(r: Reader) -> None:
    """What is done to a part is done to the whole, and the other way round: both are touched.

    ONLY is passed over: a rule on a partition then counts although it would be spared.
    """
    for touch in tuple(r.notes.touches):
        for kin in r.catalog.kin(touch.object) if touch.resolved else r.catalog.kin_anywhere(touch.object):
            if Touch(touch.effect, kin) not in r.notes.touches:
                r.imply(touch.effect, kin)


def _statement(r: Reader, text: str, statement: Node, *, single: bool) -> None:
    node = statement["stmt"]
    (kind,) = node
    r.notes.verbs.append(verb(node))
    if kind not in STATEMENTS:
        r.notes.unknown(f"a statement that is not known here: {kind}")
        return
    if kind not in _SHAPED:
        r.notes.looked = True
    if kind in ("PrepareStmt", "DeclareCursorStmt"):
        _remember(r, text, statement)
        return
    r.statement(node)
    if single:
        r.notes.counts = safe_outputs(r, node)
        if "query" in node.get("CopyStmt", {}):
            r.notes.copies[-1] = replace(r.notes.copies[-1], text=in_brackets(text))


def _remember(r: Reader, text: str, statement: Node) -> None:
    """A name that later statements of the same text may use: read apart, then taken over."""
    ((kind, node),) = statement["stmt"].items()
    apart = Reader(r.nodes, r.catalog, r.path, r.named)
    apart.notes.statements = 1
    apart.statement(statement["stmt"])
    facts = apart.notes.facts()
    if kind == "PrepareStmt":
        r.notes.prepares.append((node["name"], body_of(text, statement)))
        r.named[node["name"]] = facts
    else:
        r.notes.cursors.append(node["portalname"])
        r.named[node["portalname"]] = facts
    r.notes.merge(facts)
