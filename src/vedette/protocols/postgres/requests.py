"""From the caller to the server: hold each message whole, have it judged, then forward it.

A refused message is replaced by one that the server must reject (a word with
the session's nonce), so that the server's own error recovery stays the only
one there is; `responses` rewords that error on its way back.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from vedette.model import Allow, Deny, Effect
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.binds import read_bind
from vedette.protocols.postgres.exchange import Draft, Exchange, Pending, Ruling
from vedette.protocols.postgres.messages import ProtocolError, read_cstring, read_u16, read_u32
from vedette.protocols.postgres.names import Portal, Statement
from vedette.protocols.steps import Judge, Steps, ToUpstream
from vedette.sql.reading import State

# Messages that carry no statement are small: names are at most 63 bytes to the server.
SMALL_MESSAGE_BYTES = 16 << 10
_JUDGED = b"QPBF"
_COPY_DATA = 0x64
STATE_CHANGING = frozenset({Effect.CONFIGURE, Effect.EXECUTE, Effect.UNKNOWN, Effect.CREATE, Effect.DESTROY})

# DDL after which views, functions and columns mean what they meant before.
_LEAVES_MEANING = frozenset(
    {
        *("CREATE TABLE", "ALTER TABLE", "DROP TABLE", "SELECT INTO", "CREATE INDEX", "DROP INDEX"),
        *("CREATE SEQUENCE", "ALTER SEQUENCE", "DROP SEQUENCE", "CREATE SCHEMA", "CREATE TYPE", "COMMENT"),
        *(
            "SELECT",
            "TRUNCATE",
            "INSERT",
            "UPDATE",
            "DELETE",
            "BEGIN",
            "COMMIT",
            "ROLLBACK",
            "SET",
            "REFRESH MATERIALIZED",
        ),
    }
)


# CopyDone, Flush, Sync and Terminate hold nothing (PostgreSQL manual, "Message Formats").
_BARE = b"cHSX"


class Requests:
    """The caller's half of a relay."""

    def __init__(self, exchange: Exchange, *, statement_cap: int) -> None:
        self._x = exchange
        self._cap = statement_cap
        self._parts: list[bytes] = []
        self._have = 0
        self._need = m.HEADER
        # Of a message that is not kept: bytes still to come, and where they go.
        self._passing = 0
        self._dropping_bytes = 0
        self._oversize: tuple[int, int] | None = None
        # d, c and f that still come for a COPY which the server has already given up.
        self._copy_over = False
        self._refused_word = f"vedette_refused_{exchange.nonce}"
        self.terminated = False

    def feed(self, data: bytes) -> Steps:
        """
        All that *data* leads to.

        Raises:
            ProtocolError: the caller's bytes make no sense; the session must end.
        """
        if self._parts:
            self._parts.append(data)
            self._have += len(data)
            if self._have < self._need:
                return
            data = b"".join(self._parts)
            self._parts.clear()
        at = 0
        size = len(data)
        while at < size:
            if self._passing or self._dropping_bytes:
                at = yield from self._bulk(data, at)
                continue
            if size - at < m.HEADER:
                break
            tag = data[at]
            (length,) = read_u32(data, at + 1)
            if length < 4:
                raise ProtocolError(f"a message of type {chr(tag)!r} claims {length} bytes")
            if length > 4 and tag in _BARE:
                raise ProtocolError(f"a message of type {chr(tag)!r} holds bytes that nothing reads")
            end = at + 1 + length
            if tag == _COPY_DATA:
                at = yield from self._copy_data(data, at, end)
                continue
            if self._too_long(tag, length):
                at = size if end >= size else end
                self._dropping_bytes = max(0, end - size)
                self._oversize = (tag, length)
                if not self._dropping_bytes:
                    yield from self._refuse_oversize()
                continue
            if end > size:
                self._need = end - at
                break
            body = data if at == 0 and end == size else data[at:end]
            at = end
            yield from self._handle(tag, body)
        self._keep(data, at)

    def _keep(self, data: bytes, at: int) -> None:
        rest = len(data) - at
        if rest > 0:
            self._parts.append(data[at:] if at else data)
            self._have = rest
            if rest < m.HEADER:
                self._need = m.HEADER

    @property
    def idle(self) -> bool:
        """Between two messages, with nothing of an earlier one to come."""
        return not (self._parts or self._passing or self._dropping_bytes or self._x.copy_in)

    def copies_are_over(self) -> None:
        """Another message has come: no d, c or f of a COPY that failed can follow."""
        self._copy_over = False

    def draft(self, kind: str, text: str | None, body: bytes, **rest: Any) -> Draft:
        x = self._x
        locked = x.locked or x.status == b"E"
        return Draft(kind, text, body, x.state, locked, x.names.texts_of, altered=x.altered, **rest)

    # --- bytes that are not kept -----------------------------------------------------

    def _bulk(self, data: bytes, at: int) -> Generator[Any, Any, int]:
        """The rest of a CopyData message (forwarded) or of an over-long one (dropped)."""
        left = len(data) - at
        if self._passing:
            step = min(left, self._passing)
            self._passing -= step
            yield ToUpstream(data[at : at + step])
            return at + step
        step = min(left, self._dropping_bytes)
        self._dropping_bytes -= step
        if not self._dropping_bytes and self._oversize is not None:
            yield from self._refuse_oversize()
        return at + step

    def _copy_data(self, data: bytes, at: int, end: int) -> Generator[Any, Any, int]:
        """CopyData belongs to a judged COPY; it streams, whatever its size."""
        size = len(data)
        x = self._x
        if x.copy_in is None:
            if not self._copy_over:
                raise ProtocolError("COPY data without a COPY")
            self._dropping_bytes = max(0, end - size)
            return min(end, size)
        x.copying = True
        self._passing = max(0, end - size)
        x.copy_in.bytes += end - at
        yield ToUpstream(data[at : min(end, size)])
        return min(end, size)

    def _too_long(self, tag: int, length: int) -> bool:
        if tag in _JUDGED:
            return length > self._cap
        if length > SMALL_MESSAGE_BYTES:
            raise ProtocolError(f"a message of type {chr(tag)!r} claims {length} bytes")
        return False

    def _refuse_oversize(self) -> Steps:
        tag, length = self._oversize or (0, 0)
        self._oversize = None
        if self._x.dropping:
            return
        problem = f"the message has {length} bytes, over the limit of {self._cap} bytes"
        draft = self.draft("statement", None, bytes((tag,)), problem=problem, oversize=length)
        ruling = yield Judge(draft)
        yield from self._refuse(ruling, simple=tag in b"QF")

    # --- whole messages --------------------------------------------------------------

    def _handle(self, tag: int, body: bytes) -> Steps:
        x = self._x
        if x.copy_in is not None:
            yield from self._during_copy(tag, body)
            return
        if tag not in b"cf":
            self._copy_over = False
        if tag == 0x58:  # X
            self.terminated = True
            yield ToUpstream(body)
        elif tag == 0x53:  # S
            x.dropping = False
            x.group += 1
            x.push(Pending("S"))
            yield ToUpstream(body)
        elif tag not in b"QPBDECHFcf":
            raise ProtocolError(f"a message of unknown type {chr(tag)!r}")
        elif x.dropping:
            # The server skips everything up to the next Sync, and so do we.
            return
        elif tag == 0x51:
            yield from self._query(body)
        elif tag == 0x50:
            yield from self._parse(body)
        elif tag == 0x42:
            yield from self._bind(body)
        elif tag == 0x45:
            yield from self._execute(body)
        elif tag in b"DC":
            yield from self._name(tag, body)
        elif tag == 0x48:  # H
            yield ToUpstream(body)
        elif tag == 0x46:  # F
            draft = self.draft("function", None, body, problem="function calls by message are refused")
            yield from self._refuse((yield Judge(draft)), simple=True)
        elif not self._copy_over:
            raise ProtocolError("the end of COPY data without a COPY")

    def _during_copy(self, tag: int, body: bytes) -> Steps:
        """
        What may come between a COPY FROM STDIN and the end of its data.

        The server drops Sync and Flush while it copies (protocol chapter, "COPY
        Operations"), and answers anything else by giving up: in neither case
        would we know which answer belongs to what, so only the ways that drivers
        go are open.
        """
        x = self._x
        copy = x.copy_in
        if copy is None:
            return
        if tag in b"cf":
            if copy.kind == "E":
                x.push(Pending("d"))
            x.copy_in = None
            x.copying = False
            self._copy_over = True
            yield ToUpstream(body)
        elif tag == 0x58:
            self.terminated = True
            yield ToUpstream(body)
        elif tag in b"SH" and copy.kind == "E" and not x.copying:
            if tag == 0x53:
                x.group += 1
                x.push(Pending("S"))
            yield ToUpstream(body)
        else:
            raise ProtocolError(f"a message of type {chr(tag)!r} in the middle of a COPY")

    def _query(self, body: bytes) -> Steps:
        text, problem = read_text(body, 5, len(body))
        ruling: Ruling = yield Judge(self.draft("statement", text, body, problem=problem))
        if self._x.dropping:
            return
        if isinstance(ruling.verdict, Deny):
            yield from self._refuse(ruling, simple=True)
            return
        x = self._x
        entry = Pending("Q", ruling, sample_room=x.sample_bytes)
        yield from self._describe_copy(entry)
        x.push(entry)
        self._note(ruling, text or "", entry)
        yield ToUpstream(body)

    def _parse(self, body: bytes) -> Steps:
        name, text, problem, types = read_parse(body)
        x = self._x
        ruling: Ruling = yield Judge(self.draft("prepare", text, body, types=types, problem=problem))
        if x.dropping:
            return
        if isinstance(ruling.verdict, Deny):
            yield from self._refuse(ruling)
            return
        statement = Statement(name, text or "", types, x.group)
        x.names.statements.send(statement)
        x.push(Pending("P", ruling, statement=statement))
        yield ToUpstream(body)

    def _bind(self, body: bytes) -> Steps:
        x = self._x
        bind = read_bind(body)
        candidates = x.names.statements.candidates(bind.statement, x.group)
        texts = {statement.text: statement for statement in candidates}
        if bind.statement:
            for text in x.names.in_sql.get(bind.statement.decode("utf-8", "surrogateescape"), ()):
                texts.setdefault(text, Statement(bind.statement, text))
        if not texts:
            draft = self.draft("execute", None, body, problem="no such prepared statement in this session")
            yield from self._refuse((yield Judge(draft)))
            return
        said: list[tuple[Statement, Draft, Ruling]] = []
        for text, statement in texts.items():
            draft = self.draft(
                "execute", text, body, parameters=bind.parameters, formats=bind.formats, types=statement.types
            )
            ruling: Ruling = yield Judge(draft)
            if x.dropping:
                return
            if isinstance(ruling.verdict, Deny):
                yield from self._refuse(ruling)
                return
            said.append((statement, draft, ruling))
        latest, draft, ruling = said[0]
        portal = Portal(bind.portal, latest, ruling, draft, bind.results, x.group, epoch=x.epoch)
        x.names.portals.send(portal)
        x.push(Pending("B", ruling, statement=latest, portal=portal, target=bind.statement))
        yield ToUpstream(body)

    def _execute(self, body: bytes) -> Steps:
        name, at = read_cstring(body, 5)
        if len(body) != at + 4:
            raise ProtocolError("an Execute message of the wrong length")
        x = self._x
        portals = x.names.portals.candidates(name, x.group)
        ruling: Ruling | None = None
        text = ""
        for portal in portals:
            ruling = portal.ruling
            text = portal.statement.text if portal.statement is not None else ""
            if portal.epoch != x.epoch:
                # Something changed between Bind and Execute: what was said no longer holds.
                portal.draft.state = x.state
                ruling = yield Judge(portal.draft)
                if ruling.facts.fetches and isinstance(ruling.verdict, Allow) and ruling.verdict.masks:
                    # The cursor behind it may have other columns by now than those it was bound with.
                    stale = Deny(
                        "masking",
                        "a FETCH bound before its cursor changed",
                        "bind it again",
                        "masking.refused",
                    )
                    ruling = Ruling(stale, ruling.facts, ruling.action)
                portal.ruling = ruling
                portal.epoch = x.epoch
            if x.dropping:
                return
            if isinstance(ruling.verdict, Deny):
                yield from self._refuse(ruling)
                return
        if ruling is None:
            # A portal that SQL made: a cursor.
            quoted = name.decode("utf-8", "surrogateescape").replace('"', '""')
            text = f'FETCH ALL FROM "{quoted}"'
            ruling = yield Judge(self.draft("execute", text, body))
            if x.dropping:
                return
            if isinstance(ruling.verdict, Deny):
                yield from self._refuse(ruling)
                return
        entry = Pending("E", ruling, target=name, sample_room=x.sample_bytes)
        yield from self._describe_copy(entry)
        if entry.masks and ruling.facts.copy is None and not self._will_be_described(portals):
            x.push(Pending("D", target=b"P" + name, swallow=True, epoch=x.epoch))
            yield ToUpstream(m.describe_portal(name))
        x.push(entry)
        self._note(ruling, text, entry)
        yield ToUpstream(body)

    def _will_be_described(self, portals: tuple[Portal, ...]) -> bool:
        """By the time the rows come, their columns are known without asking again."""
        x = self._x
        if len(portals) != 1:
            return False
        portal = portals[0]
        now = (x.group, x.epoch)
        if portal.described is not None or portal.asked == now:
            return True
        statement = portal.statement
        if statement is None:
            return False
        return statement.asked == now or (statement.described is not None and statement.epoch == x.epoch)

    def _name(self, tag: int, body: bytes) -> Steps:
        """Describe and Close: a kind of name, and the name."""
        if len(body) < 7 or body[5] not in b"SP":
            raise ProtocolError(f"a message of type {chr(tag)!r} that names nothing")
        name, at = read_cstring(body, 6)
        if at != len(body):
            raise ProtocolError(f"a message of type {chr(tag)!r} with bytes behind its end")
        x = self._x
        if tag == 0x44:
            space: Any = x.names.statements if body[5] == 0x53 else x.names.portals
            for named in space.candidates(name, x.group):
                named.asked = (x.group, x.epoch)
        x.push(Pending(chr(tag), target=body[5:6] + name, epoch=x.epoch))
        yield ToUpstream(body)

    # --- what follows from a ruling ---------------------------------------------------

    def _refuse(self, ruling: Ruling, *, simple: bool = False) -> Steps:
        """Let the server refuse, in its place in the order of answers."""
        x = self._x
        if x.dropping:
            return
        if isinstance(ruling.verdict, Allow):
            raise ProtocolError("what cannot be read was allowed")  # a fault of ours: end, do not pass
        if simple:
            x.push(Pending("Q", ruling))
            yield ToUpstream(m.query(self._refused_word))
        else:
            x.push(Pending("P", ruling))
            x.dropping = True
            yield ToUpstream(m.parse("vedette_refused", self._refused_word))

    def _describe_copy(self, entry: Pending) -> Steps:
        """Before a masked COPY (query) TO STDOUT: ask which columns the query has."""
        ruling = entry.ruling
        copy = ruling.facts.copy if ruling is not None else None
        if copy is None or copy.direction != "out" or not copy.query or not entry.masks:
            return
        x = self._x
        # Closed before as well: a Describe that failed last time left the name behind.
        close = m.message(b"C", b"Svedette_copy\0")
        describe = m.message(b"D", b"Svedette_copy\0")
        ask = [close, m.parse("vedette_copy", copy.text), describe, close]
        for kind in "CPDC":
            x.push(Pending(kind, swallow=True, owner=entry))
        if entry.kind == "Q":
            ask.append(m.sync())
            x.push(Pending("S", swallow=True))
        yield ToUpstream(b"".join(ask))

    def _note(self, ruling: Ruling, text: str, entry: Pending) -> None:
        """Remember what running this leaves behind."""
        facts = ruling.facts
        x = self._x
        for name, body in facts.prepares:
            x.names.sql_named(name, body)
        for name in facts.cursors:
            x.names.sql_named(name, text)
        if facts.writes_or_locks:
            x.locked = True
        if facts.ddl and not _LEAVES_MEANING.issuperset(facts.verbs):
            x.altered = True
        if facts.prepares or facts.cursors:
            x.epoch += 1
        if facts.settings or facts.ddl or any(t.effect in STATE_CHANGING for t in facts.touches):
            x.dirty = True
            x.state = State((), x.state.database, x.state.role)
            x.epoch += 1
        copy = facts.copy
        if copy is not None and copy.direction == "in" and copy.stdio:
            x.copy_in = entry
            x.copying = False
            self._copy_over = True
        elif copy is not None and facts.statements > 1:
            raise ProtocolError("a COPY among other statements was allowed")


def read_parse(body: bytes) -> tuple[bytes, str | None, str, tuple[int, ...]]:
    """A whole Parse message: name, text or what is wrong with it, types. Raises ProtocolError."""
    name, at = read_cstring(body, 5)
    end = body.find(b"\0", at)
    if end < 0 or len(body) < end + 3:
        raise ProtocolError("a Parse message that is cut short")
    (count,) = read_u16(body, end + 1)
    if len(body) != end + 3 + 4 * count:
        raise ProtocolError("a Parse message whose list of types lies about its length")
    text, problem = read_text(body, at, end + 1)
    return name, text, problem, tuple(read_u32(body, end + 3 + 4 * n)[0] for n in range(count))


def read_text(body: bytes, start: int, end: int) -> tuple[str | None, str]:
    """The statement that ends with the NUL at ``end - 1``, or what is wrong with it."""
    if end <= start or body[end - 1] != 0:
        raise ProtocolError("a statement without its closing NUL")
    raw = body[start : end - 1]
    if b"\0" in raw:
        raise ProtocolError("a statement with bytes behind its closing NUL")
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError:
        return None, "the statement is not valid UTF-8"
