"""What is being gathered while one text is read."""

from __future__ import annotations

from dataclasses import dataclass, field

from vedette.model import Effect, Touch
from vedette.sql.facts import NOTHING, CopyFacts, Facts, Setting, changes_catalogue


@dataclass(slots=True)
class Notes:
    """Grows as the walk goes; `facts` freezes it.

    *columns* are bare names that were mentioned, *lone* those of them that stood without a
    qualifier, and *ranges* the names of what rows come from: a lone name that is also a range
    is a whole row. *looked* turns True once a fact depended on the value of a constant.
    """

    touches: dict[Touch, None] = field(default_factory=dict)
    verbs: list[str] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    lone: set[str] = field(default_factory=set)
    ranges: set[str] = field(default_factory=set)
    counts: frozenset[int] = frozenset()
    copies: list[CopyFacts] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    prepares: list[tuple[str, str]] = field(default_factory=list)
    executes: list[str] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)
    fetches: list[str] = field(default_factory=list)
    transaction: list[str] = field(default_factory=list)
    unresolved: set[str] = field(default_factory=set)
    unscoped: bool = False
    locks: bool = False
    looked: bool = False
    statements: int = 0
    reason: str = ""
    targets: set[str] = field(default_factory=set)
    stored: frozenset[str] = frozenset()
    recursive: bool = False

    def unknown(self, reason: str, object: str = "") -> None:
        """Something could not be read. The first reason is the one that is told."""
        self.touches[Touch(Effect.UNKNOWN, object)] = None
        self.reason = self.reason or reason

    def merge(self, facts: Facts) -> None:
        """Take over what a named statement or cursor does."""
        for touch in facts.touches:
            self.touches[touch] = None
        self.columns |= facts.mentions
        self.unscoped = self.unscoped or facts.unscoped
        self.locks = self.locks or facts.writes_or_locks
        self.settings += facts.settings
        self.executes += facts.executes
        self.fetches += facts.fetches
        self.unresolved |= facts.unresolved
        self.targets |= facts.targets
        self.stored |= facts.stored
        self.reason = self.reason or facts.reason

    def mentions(self) -> frozenset[str]:
        if not self.lone.isdisjoint(self.ranges):
            self.columns.add("*")
        return frozenset(self.columns)

    def facts(self) -> Facts:
        if self.copies and (len(self.copies) > 1 or self.statements > 1):
            self.unknown("COPY together with other statements in one text")
        touches = tuple(self.touches) or (NOTHING,)
        if len(touches) > 1 and NOTHING in self.touches:
            touches = tuple(touch for touch in touches if touch != NOTHING)
        dirty = any(touch.effect not in (Effect.READ, Effect.CONFIGURE) for touch in touches)
        return Facts(
            touches=touches,
            verbs=tuple(self.verbs),
            unscoped=self.unscoped,
            mentions=self.mentions(),
            counts=self.counts,
            copy=self.copies[0] if len(self.copies) == 1 else None,
            settings=tuple(self.settings),
            prepares=tuple(self.prepares),
            executes=tuple(self.executes),
            cursors=tuple(self.cursors),
            fetches=tuple(self.fetches),
            transaction=tuple(self.transaction),
            ddl=changes_catalogue(touches),
            writes_or_locks=self.locks or dirty,
            unresolved=frozenset(self.unresolved),
            constant_free=not self.looked,
            statements=self.statements,
            reason=self.reason,
            targets=frozenset(self.targets),
            stored=self.mentions() if self.recursive else self.stored,
        )
