"""What was judged before: the verdicts of one session that hold for every statement with the same facts."""

from __future__ import annotations

from dataclasses import dataclass

from vedette.gate import Policy
from vedette.model import Allow
from vedette.protocols.postgres.requests import STATE_CHANGING
from vedette.sql.catalog import Catalog
from vedette.sql.facts import Facts
from vedette.sql.reading import State
from vedette.sql.shape import shape
from vedette.trail.judgements import Mould

# A session that says more different things than this begins afresh.
MAX_KEPT = 1024

# What a verdict hangs on besides the statement; each is replaced as a whole, never changed.
Stamp = tuple[State, Catalog, Policy]


@dataclass(slots=True)
class Known:
    """An Allow, checked against its masks; the facts it was on; and its record but for what differs."""

    facts: Facts
    allow: Allow
    mould: Mould


# One more use of it: the message's bytes, its text, and its parameters as text.
Again = tuple[Known, bytes, str, tuple[str | None, ...]]


class Before:
    """Verdicts by kind of message and text, or shape of text, under one stamp at a time."""

    def __init__(self) -> None:
        self._stamp: Stamp | None = None
        self._kept: dict[tuple[str, str], Known] = {}

    def look_up(
        self, kind: str, text: str, state: State, catalog: Catalog | None, policy: Policy
    ) -> Known | None:
        """The verdict kept for *text*, by itself or by its shape."""
        mine = self._stamp
        if mine is None or mine[0] is not state or mine[1] is not catalog or mine[2] is not policy:
            return None
        found = self._kept.get((kind, text))
        if found is None and kind != "execute":
            key = shape(text)
            if key is not None:
                return self._kept.get((kind, key))
        return found

    def keep(self, kind: str, text: str, stamp: Stamp, known: Known) -> str:
        """From here on, this is what holds for *text*, or for its shape where no literal matters.

        Returns which of both it is kept by.
        """
        mine = self._stamp
        same = mine is not None and all(old is new for old, new in zip(mine, stamp, strict=True))
        if not same or len(self._kept) >= MAX_KEPT:
            self._kept.clear()
            self._stamp = stamp
        key = shape(text) if known.facts.constant_free and kind != "execute" else None
        key = text if key is None else key
        self._kept[kind, key] = known
        return key


def leaves_nothing(facts: Facts) -> bool:
    """Whether running it changes nothing that later messages of the session are judged by, but for locks."""
    if facts.prepares or facts.executes or facts.cursors or facts.fetches or facts.settings:
        return False
    if facts.ddl or facts.transaction or facts.unresolved or facts.copy is not None or facts.statements != 1:
        return False
    return not any(touch.effect in STATE_CHANGING for touch in facts.touches)
