"""Prepared statements and portals, as the server sees them and as it may see them.

A name is looked up twice. When the caller uses it, earlier messages may still
be on their way, so the question is what the server *may* run: everything that
could stand behind the name is judged. When the answer arrives, the question is
what it *did* run: answers come in order, so what they confirmed is exact, and
decides which columns are masked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from vedette.protocols.postgres.messages import ProtocolError

# A caller that prepares this many names holds more memory than any driver needs.
MAX_NAMES = 10_000
# One SQL name (PREPARE, DECLARE) given to this many texts is an attack on the reader.
MAX_TEXTS = 16


@dataclass(slots=True, eq=False)
class Statement:
    """
    A prepared statement.

    *described* is the body of its RowDescription (empty: it returns no rows),
    last seen in *epoch*; *asked* is the group and epoch in which a Describe was last sent.
    """

    name: bytes
    text: str
    types: tuple[int, ...] = ()
    group: int = 0
    described: bytes | None = None
    epoch: int = -1
    asked: tuple[int, int] = (-1, -1)


@dataclass(slots=True, eq=False)
class Portal:
    """
    A bound statement, and the ruling on it as given in *epoch*.

    *formats* are the result formats as Bind gave them; *described* is the body
    of a RowDescription of this very portal.
    """

    name: bytes
    statement: Statement | None
    ruling: Any
    draft: Any = None
    formats: tuple[int, ...] = ()
    group: int = 0
    described: bytes | None = None
    epoch: int = 0
    asked: tuple[int, int] = (-1, -1)


Named = TypeVar("Named", Statement, Portal)


class Bindings(Generic[Named]):
    """One name space of one session: what is confirmed, and what is in flight."""

    def __init__(self) -> None:
        self.confirmed: dict[bytes, Named] = {}
        self._in_flight: dict[bytes, list[Named]] = {}

    def send(self, named: Named) -> None:
        """It goes to the server now. Raises ProtocolError where there are too many."""
        if len(self.confirmed) + len(self._in_flight) >= MAX_NAMES:
            raise ProtocolError(f"more than {MAX_NAMES} names in one session")
        self._in_flight.setdefault(named.name, []).append(named)

    def confirm(self, named: Named) -> None:
        """The server took it: the name now means this."""
        self.forget(named)
        self.confirmed[named.name] = named

    def forget(self, named: Named) -> None:
        """It failed or was skipped: it can no longer come to mean anything."""
        waiting: list[Named] | None = self._in_flight.get(named.name)
        if waiting is None:
            return
        if named in waiting:
            waiting.remove(named)
        if not waiting:
            del self._in_flight[named.name]

    def candidates(self, name: bytes, group: int) -> tuple[Named, ...]:
        """All that *name* may mean when a message of *group* arrives at the server."""
        waiting: list[Named] | None = self._in_flight.get(name)
        known = self.confirmed.get(name)
        if not waiting:
            return (known,) if known is not None else ()
        if waiting[-1].group == group:
            # Within one group: if that one fails, the server skips this message too.
            return (waiting[-1],)
        found: list[Named] = list(waiting)
        if known is not None:
            found.append(known)
        return tuple(found)

    def all_of(self, name: bytes) -> Iterator[Named]:
        known = self.confirmed.get(name)
        if known is not None:
            yield known
        yield from self._in_flight.get(name, ())


@dataclass(slots=True)
class Names:
    """The name spaces of one session; SQL's PREPARE and DECLARE share them."""

    statements: Bindings[Statement] = field(default_factory=Bindings)
    portals: Bindings[Portal] = field(default_factory=Bindings)
    # PREPARE and DECLARE may fail unseen, so texts are only ever added.
    in_sql: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def sql_named(self, name: str, text: str) -> None:
        """SQL text gave *name* to *text*, if it succeeds. Raises ProtocolError over the bounds."""
        texts = self.in_sql.get(name, ())
        if text in texts:
            return
        if len(texts) >= MAX_TEXTS or len(self.in_sql) >= MAX_NAMES:
            raise ProtocolError("too many statements were given names by PREPARE or DECLARE")
        self.in_sql[name] = (*texts, text)

    def texts_of(self, name: str) -> tuple[str, ...]:
        """Every text that EXECUTE or FETCH of *name* may run."""
        return tuple(dict.fromkeys(self._texts(name)))

    def _texts(self, name: str) -> Iterator[str]:
        yield from self.in_sql.get(name, ())
        raw = name.encode("utf-8", "surrogateescape")
        for statement in self.statements.all_of(raw):
            yield statement.text
        for portal in self.portals.all_of(raw):
            if portal.statement is not None:
                yield portal.statement.text
