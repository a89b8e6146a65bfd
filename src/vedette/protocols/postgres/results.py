"""What the columns of a result are, and which of them must be hidden.

Source: PostgreSQL manual, "Message Formats", RowDescription. Each column carries
the OID of the table and the number of the attribute it comes from, both 0 where
it is an expression. Masks bind to those, since labels lie (``ssn AS other``).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fnmatch import fnmatchcase

from vedette.masking.plan import Output, Plan, column_rule, plan
from vedette.masking.prose import hide, hide_message
from vedette.masking.tally import Tally
from vedette.model import Effect, MaskRule, Touch
from vedette.protocols.postgres.messages import ProtocolError, read_cstring, read_u16
from vedette.sql.catalog import Catalog, Column, Relation
from vedette.sql.facts import Facts
from vedette.sql.views import view_sources

_COLUMN = struct.Struct("!IhIhih")
# What stands there about columns is refused apart (`judging`).
_SYSTEM = ("pg_catalog.", "information_schema.")


def columns(body: bytes) -> list[tuple[str, int, int, int, int]]:
    """
    (label, table OID, attribute number, type OID, format) for each column of a
    RowDescription *body* (without its header).

    Raises:
        ProtocolError: the body is cut short or has bytes behind its end.
    """
    found = []
    try:
        (count,) = read_u16(body, 0)
        at = 2
        for _ in range(count):
            label, at = read_cstring(body, at)
            table, number, oid, _, _, form = _COLUMN.unpack_from(body, at)
            at += _COLUMN.size
            found.append((label.decode("utf-8", "replace"), table, number, oid, form))
    except struct.error:
        raise ProtocolError("a RowDescription that is cut short") from None
    if at != len(body):
        raise ProtocolError("a RowDescription with bytes behind its end")
    return found


class Outputs:
    """Names the columns of results by the catalogue, and plans their masks."""

    def __init__(self, catalog: Catalog, key: bytes) -> None:
        self.catalog = catalog
        self._key = key

    def plan(
        self,
        described: bytes,
        formats: tuple[int, ...] | None,
        masks: Sequence[MaskRule],
        facts: Facts,
    ) -> Plan | None:
        """
        The plan for rows of this description; None when nothing in it is hidden.

        *formats* overrides the formats of the description: a described statement
        does not know them yet, Bind does. None takes them as described.
        """
        tainted = self.tainted(masks, facts)
        found = columns(described)
        if formats is not None and len(formats) not in (0, 1, len(found)):
            raise ProtocolError(f"{len(formats)} result formats for {len(found)} columns")
        each = (
            None
            if formats is None
            else (formats if len(formats) == len(found) else (formats or (0,)) * len(found))
        )
        return plan(
            [
                self._output(place, column, masks, facts, tainted, column[4] if each is None else each[place])
                for place, column in enumerate(found)
            ],
            masks,
            self._key,
        )

    def _output(
        self,
        place: int,
        column: tuple[str, int, int, int, int],
        masks: Sequence[MaskRule],
        facts: Facts,
        tainted: bool,
        form: int,
    ) -> Output:
        label, table, number, oid, _ = column
        if not table:
            safe = facts.statements == 1 and place in facts.counts
            return Output(label, "", None, oid, form == 1, tainted=tainted and not safe)
        relation = self.catalog.by_oid(table)
        if relation is not None and number < 0:
            # tableoid, ctid and their kin are where a row is, not what it holds.
            return Output(label, relation.qualified, label, oid, form == 1)
        known = None if relation is None else next((c for c in relation.columns if c.number == number), None)
        if relation is None or known is None:
            # Made after the catalogue was read, perhaps in this very transaction.
            return Output(label, None, label, oid, form == 1)
        user_view = relation.kind in "vm" and not relation.qualified.startswith(_SYSTEM)
        hidden = user_view and self._view_feeds(relation.oid, number, masks)
        hidden = hidden or self._inherits_mask(relation, known, masks)
        return Output(label, relation.qualified, known.name, oid, form == 1, tainted=hidden)

    def _inherits_mask(self, relation: Relation, column: Column, rules: Sequence[MaskRule]) -> bool:
        """What *relation* is a partition or child of, or one of its own, has this column masked."""
        named = [rule for rule in rules if rule.columns]
        for kin in self.catalog.kin(relation.qualified) if named else ():
            if column_rule(Output(column.name, kin, column.name, column.type, False), named):
                return True
        return self._orphan(relation, named)

    def _orphan(self, relation: Relation, named: Sequence[MaskRule]) -> bool:
        """It is a part of something that the catalogue does not show, which might have any column masked."""
        waiting = list(relation.parents)
        seen: set[int] = set()
        while waiting:
            oid = waiting.pop()
            if oid in seen:
                continue
            seen.add(oid)
            parent = self.catalog.by_oid(oid)
            if parent is None:
                return bool(named)
            waiting += parent.parents
        return False

    def hide(self, text: str, masks: Sequence[MaskRule], tally: Tally) -> str:
        """Prose with what the content masks cover hidden."""
        return hide(text, masks, self._key, tally)

    def hide_message(self, text: str, masks: Sequence[MaskRule], tally: Tally) -> str:
        """A field of an error or notice, which may quote values of columns."""
        return hide_message(text, masks, self._key, tally)

    def tainted(self, masks: Sequence[MaskRule], facts: Facts) -> bool:
        """
        An expression in this statement may be fed by a masked column.

        Until lineage follows each output, the question is put to the statement
        as a whole: it reads a relation that has a masked column, and mentions
        such a column, or a whole row.
        """
        rules = [rule for rule in masks if rule.columns]
        if not rules:
            return False
        names: set[str] = set()
        for touch in facts.touches:
            if touch.effect is Effect.UNKNOWN:
                return True
            if touch.effect is Effect.READ and self._is_new(touch):
                return bool(facts.mentions)
            names |= self._masked_names(touch, rules)
        if not names:
            return False
        return "*" in facts.mentions or any(fnmatchcase(m, name) for m in facts.mentions for name in names)

    def _is_new(self, touch: Touch) -> bool:
        """A relation that the catalogue does not show (yet): whatever it gives may be masked."""
        name = touch.object
        if not name or ":" in name or name.startswith(_SYSTEM):
            return False
        return not touch.resolved or self.catalog.by_qualified(name) is None

    def _masked_names(self, touch: Touch, rules: Sequence[MaskRule]) -> set[str]:
        """The masked columns of what *touch* is about, or globs on them where its columns are not known."""
        name = touch.object
        if not name or ":" in name or name.startswith(_SYSTEM):
            return set()
        relation = self.catalog.by_qualified(name) if touch.resolved else None
        if relation is None:
            return {pattern.rpartition(".")[2] for rule in rules for pattern in rule.columns}
        return {
            column.name
            for column in relation.columns
            if column_rule(Output(column.name, relation.qualified, column.name, column.type, False), rules)
            or self._inherits_mask(relation, column, rules)
        }

    def _view_feeds(self, oid: int, number: int, masks: Sequence[MaskRule], depth: int = 0) -> bool:
        """A masked column may feed attribute *number* of this view."""
        patterns = [pattern for rule in masks for pattern in rule.columns]
        if not patterns:
            return False
        view = self.catalog.by_oid(oid)
        if view is None or not view.definition or depth > 8:
            return True
        sources = view_sources(view.definition)
        place = next((n for n, c in enumerate(view.columns) if c.number == number), -1)
        if sources is None or not 0 <= place < len(sources):
            return True
        names = sources[place]
        if any(fnmatchcase(name, p.rpartition(".")[2]) for p in patterns for name in names):
            return True
        for inner in self.catalog.relations():
            if inner.kind not in "vm" or inner.oid == oid or inner.name not in view.definition:
                continue
            for column in inner.columns:
                if column.name in names and self._view_feeds(inner.oid, column.number, masks, depth + 1):
                    return True
        return False

    def copy_plan(self, facts: Facts, masks: Sequence[MaskRule], described: bytes) -> Plan | None:
        """
        The plan for the fields of a COPY TO STDOUT.

        *described* is the description of its query, or empty for a table.

        Raises:
            ProtocolError: the columns cannot be known.
        """
        copy = facts.copy
        if copy is None:
            raise ProtocolError("COPY data of a statement that is no COPY")
        binary = copy.format == "binary"
        if copy.query:
            if not described:
                raise ProtocolError("the columns of a COPY are not known")
            return self.plan(described, (1,) if binary else (0,), masks, facts)
        schema, _, name = copy.relation.rpartition(".")
        relation = self.catalog.relation(schema, name)
        if relation is None:
            raise ProtocolError(f"the columns of {copy.relation} are not known")
        by_name = {column.name: column for column in relation.columns}
        chosen = [by_name.get(n) for n in copy.columns] if copy.columns else list(relation.columns)
        outputs = []
        for column in chosen:
            if column is None:
                raise ProtocolError(f"the columns of {copy.relation} are not known")
            hidden = relation.kind in "vm" and self._view_feeds(relation.oid, column.number, masks)
            hidden = hidden or self._inherits_mask(relation, column, masks)
            name = relation.qualified
            outputs.append(Output(column.name, name, column.name, column.type, binary, tainted=hidden))
        return plan(outputs, masks, self._key)
