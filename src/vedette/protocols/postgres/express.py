"""The ordinary way from the caller to the server: one read, whole messages, verdicts known already.

Most reads are one statement like one before: a Query, or Bind and Execute up to their Sync.
`Express` does for them what `requests` does, in one go and without its generators. It
takes a read whole or leaves it whole, before anything is recorded or remembered; so
`requests` alone has to be right about what is out of the ordinary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vedette.protocols.postgres.before import Again, Known
from vedette.protocols.postgres.binds import Bind, read_bind, show
from vedette.protocols.postgres.exchange import Exchange, Pending, Ruling
from vedette.protocols.postgres.messages import HEADER, ProtocolError, message_end
from vedette.protocols.postgres.names import Portal, Statement
from vedette.protocols.postgres.requests import Requests, read_parse, read_text
from vedette.sql.reading import State

# Longer reads are not the ordinary ones, and would be copied here.
MAX_BYTES = 16 << 10
_QUERY, _PARSE, _BIND, _DESCRIBE, _EXECUTE = b"QPBDE"
_SYNC = b"S\0\0\0\4"


class Verdicts(Protocol):
    """What was judged before, and still holds."""

    def known(self, kind: str, text: str, state: State) -> Known | None:
        """The verdict on *text*, if it leaves nothing behind that later messages hang on."""

    def passed(self, uses: Sequence[Again]) -> list[Ruling] | None:
        """Put *uses* on record, all or none; None where that cannot be done."""


class Express:
    """The short cut of one session."""

    def __init__(self, exchange: Exchange, requests: Requests, verdicts: Verdicts) -> None:
        self._x = exchange
        self._requests = requests
        self._verdicts = verdicts

    def request(self, data: bytes) -> int:
        """How much of *data* may go to the server as it is: all, or nothing. What follows is done by then."""
        x = self._x
        size = len(data)
        if not HEADER < size <= MAX_BYTES or x.pending or x.dropping or x.altered or x.dirty:
            return 0
        if x.status == b"E" or not self._requests.idle:
            return 0
        try:
            if data[0] == _QUERY:
                taken = message_end(data, 0) == size and self._query(data)
            else:
                taken = data[-5:] == _SYNC and self._extended(data)
        except ProtocolError:
            return 0  # the other way says what is wrong with it
        return size if taken else 0

    def _query(self, data: bytes) -> bool:
        x = self._x
        text, _ = read_text(data, HEADER, len(data))
        known = self._verdicts.known("statement", text, x.state) if text is not None else None
        if known is None or text is None:
            return False
        rulings = self._verdicts.passed(((known, data, text, ()),))
        if rulings is None:
            return False
        self._requests.copies_are_over()
        x.locked = x.locked or known.facts.writes_or_locks
        x.pending.append(Pending("Q", rulings[0], sample_room=x.sample_bytes))
        return True

    def _extended(self, data: bytes) -> bool:
        """Parse, or a statement parsed before; Bind; perhaps Describe; Execute; Sync."""
        x = self._x
        uses: list[Again] = []
        at = 0
        fresh: Statement | None = None
        if data[0] == _PARSE:
            at = message_end(data, 0)
            if at > len(data):
                return False
            name, text, _, types = read_parse(data[:at])
            known = self._verdicts.known("prepare", text, x.state) if text is not None else None
            if known is None or text is None:
                return False
            fresh = Statement(name, text, types, x.group)
            uses.append((known, data[:at], text, ()))
        messages = _rest(data, at)
        if messages is None:
            return False
        body, described = messages
        bind = read_bind(body)
        statement = self._statement(bind, fresh)
        known = self._verdicts.known("execute", statement.text, x.state) if statement is not None else None
        if known is None or statement is None or not _goes_on(data, at + len(body), bind.portal, described):
            return False
        foreseen = described or (statement.described is not None and statement.epoch == x.epoch)
        if known.allow.masks and not foreseen:
            return False  # its columns have to be asked for
        uses.append((known, body, statement.text, _values(bind, statement.types)))
        rulings = self._verdicts.passed(uses)
        if rulings is None:
            return False
        self._follow(bind, body, statement, fresh, rulings, described)
        x.locked = x.locked or known.facts.writes_or_locks
        return True

    def _statement(self, bind: Bind, fresh: Statement | None) -> Statement | None:
        """The one statement that is bound, where there is no doubt."""
        if fresh is not None:
            return fresh if fresh.name == bind.statement else None
        names = self._x.names
        if bind.statement and names.in_sql and bind.statement.decode("utf-8", "replace") in names.in_sql:
            return None
        candidates = names.statements.candidates(bind.statement, self._x.group)
        return candidates[0] if len(candidates) == 1 else None

    def _follow(
        self,
        bind: Bind,
        body: bytes,
        statement: Statement,
        fresh: Statement | None,
        rulings: list[Ruling],
        described: bool,
    ) -> None:
        """What the messages leave behind: names, and the answers that are due."""
        x = self._x
        push = x.pending.append
        self._requests.copies_are_over()
        if fresh is not None:
            x.names.statements.send(fresh)
            push(Pending("P", rulings[0], statement=fresh))
        ruling = rulings[-1]
        draft = self._requests.draft(
            "execute", statement.text, body,
            parameters=bind.parameters, formats=bind.formats, types=statement.types,
        )  # fmt: skip
        portal = Portal(bind.portal, statement, ruling, draft, bind.results, x.group, epoch=x.epoch)
        x.names.portals.send(portal)
        push(Pending("B", ruling, statement=statement, portal=portal, target=bind.statement))
        if described:
            portal.asked = (x.group, x.epoch)
            push(Pending("D", target=b"P" + bind.portal, epoch=x.epoch))
        push(Pending("E", ruling, target=bind.portal, sample_room=x.sample_bytes))
        x.group += 1
        push(Pending("S"))


def _values(bind: Bind, types: tuple[int, ...]) -> tuple[str | None, ...]:
    """The parameters as the record has them."""
    if not bind.parameters:
        return ()
    formats, count = bind.formats, len(types)
    return tuple(
        show(value, formats[n], types[n] if n < count else 0) for n, value in enumerate(bind.parameters)
    )


def _rest(data: bytes, at: int) -> tuple[bytes, bool] | None:
    """The Bind at *at*, and whether a Describe stands behind it; None where neither Bind nor whole."""
    if len(data) - at <= HEADER or data[at] != _BIND:
        return None
    end = message_end(data, at)
    if end + HEADER > len(data):
        return None
    return data[at:end], data[end] == _DESCRIBE


def _goes_on(data: bytes, at: int, portal: bytes, described: bool) -> bool:
    """Whether from *at* on there is just what is done with *portal* in the ordinary case."""
    rest = b"E%b%b\0" % ((len(portal) + 9).to_bytes(4, "big"), portal)
    if described:
        rest = b"D%bP%b\0%b" % ((len(portal) + 6).to_bytes(4, "big"), portal, rest)
    end = at + len(rest)
    return data.startswith(rest, at) and len(data) == end + 4 + len(_SYNC)
