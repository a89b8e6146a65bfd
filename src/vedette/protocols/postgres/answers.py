"""What each answer of the server means for what was asked, and for the names behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vedette.masking.copy import CopyMask
from vedette.masking.tally import Tally
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.exchange import Exchange, Outcome, Pending
from vedette.protocols.postgres.messages import ProtocolError, read_u32
from vedette.protocols.postgres.results import Outputs
from vedette.protocols.postgres.rows import Rows


class Answers:
    """
    Accounts for the answers of one session, one method for each kind (see ANSWERS).

    Each takes the message that is answered, and the answer: *data* from *at* to *end*.
    """

    def __init__(self, exchange: Exchange, rows: Rows, outputs: Outputs) -> None:
        self._x = exchange
        self._rows = rows
        self._outputs = outputs

    def take(self, tag: int, data: bytes, at: int, end: int, head: Pending) -> None:
        """Raises ProtocolError where it is no answer to *head*."""
        if head.refusal is not None:
            raise ProtocolError("the server accepted what it had to refuse")
        known = ANSWERS.get(tag)
        if known is None or head.kind not in known[0]:
            raise ProtocolError(f"the server answered {chr(tag)!r} to {head.kind!r}")
        known[1](self, head, data, at, end)

    def _completed(self, head: Pending, data: bytes, at: int, end: int) -> None:
        self.finish(head, data[at + m.HEADER : end - 1], "")
        if head.kind == "E":
            self._x.pending.popleft()

    def _empty(self, head: Pending, data: bytes, at: int, end: int) -> None:
        self.finish(head, b"", "")
        if head.kind == "E":
            self._x.pending.popleft()

    def _suspended(self, head: Pending, data: bytes, at: int, end: int) -> None:
        self.finish(head, b"suspended", "")
        self._x.pending.popleft()

    def _parsed(self, head: Pending, data: bytes, at: int, end: int) -> None:
        self._x.pending.popleft()
        if head.statement is not None:
            self._x.names.statements.confirm(head.statement)

    def _bound(self, head: Pending, data: bytes, at: int, end: int) -> None:
        names = self._x.names
        self._x.pending.popleft()
        if head.portal is not None:
            head.portal.statement = names.statements.confirmed.get(head.target, head.portal.statement)
            names.portals.confirm(head.portal)

    def _closed(self, head: Pending, data: bytes, at: int, end: int) -> None:
        self._x.pending.popleft()
        if not head.swallow:
            names = self._x.names
            space: Any = names.statements if head.target[:1] == b"S" else names.portals
            space.confirmed.pop(head.target[1:], None)

    def _columns(self, head: Pending, data: bytes, at: int, end: int) -> None:
        self._described(head, data[at + m.HEADER : end])

    def _no_columns(self, head: Pending, data: bytes, at: int, end: int) -> None:
        self._described(head, b"")

    def _described(self, head: Pending, body: bytes) -> None:
        x = self._x
        if head.kind == "Q":
            head.described = body
            head.plan = None
            if head.masks:
                self._rows.plan(head, body, None)
            return
        x.pending.popleft()
        if head.owner is not None:
            head.owner.described = body
            return
        name = head.target[1:]
        if head.target[:1] == b"S":
            statement = x.names.statements.confirmed.get(name)
            if statement is not None:
                statement.described = body
                statement.epoch = head.epoch
            return
        portal = x.names.portals.confirmed.get(name)
        if portal is not None:
            portal.described = body
        elif x.pending and x.pending[0].kind == "E" and x.pending[0].target == name:
            x.pending[0].described = body  # a cursor that SQL made

    def _parameter_types(self, head: Pending, data: bytes, at: int, end: int) -> None:
        body = data[at + m.HEADER : end]
        statement = self._x.names.statements.confirmed.get(head.target[1:])
        if statement is not None and head.owner is None and len(body) >= 2:
            count = int.from_bytes(body[:2], "big")
            if len(body) == 2 + 4 * count:
                statement.types = tuple(read_u32(body, 2 + 4 * n)[0] for n in range(count))

    def _copy_begins(self, head: Pending, data: bytes, at: int, end: int) -> None:
        x = self._x
        tag = data[at]
        ruling = head.ruling
        copy = ruling.facts.copy if ruling is not None else None
        if copy is None or copy.direction != ("in" if tag == 0x47 else "out"):
            raise ProtocolError("the server began a COPY that nobody asked for")
        if tag == 0x47:
            if head.kind == "E":
                x.void_syncs(head)
            return
        head.opened = True
        if not head.masks or ruling is None:
            return
        plan = self._outputs.copy_plan(ruling.facts, head.masks, head.described)
        if plan is None:
            return
        head.tally = Tally()
        head.copy = CopyMask(
            plan, copy.format, copy.delimiter, copy.null, copy.quote, copy.escape, copy.header,
            tally=head.tally,
        )  # fmt: skip

    def finish(self, head: Pending, tag: bytes, sqlstate: str) -> None:
        """Report how an action came out; a simple query may hold several statements."""
        x = self._x
        if head is x.copy_in:
            x.copy_in = None
            x.copying = False
        if head.ruling is None or head.refusal is not None:
            return
        x.report(
            Outcome(
                head.ruling,
                tag.decode("utf-8", "replace"),
                head.rows,
                head.bytes,
                sqlstate,
                head.tally.counts if head.tally is not None else {},
                head.described,
                tuple(head.sample),
            )
        )
        head.rows = head.bytes = 0
        head.sample = []
        head.plan = None
        head.copy = None
        head.tally = None
        # The next statement of the same message describes its rows itself.
        head.opened = False
        head.described = b"" if head.kind == "Q" else head.described


def _nothing(answers: Answers, head: Pending, data: bytes, at: int, end: int) -> None:
    """CopyDone: the CommandComplete behind it tells what came of the COPY."""


# By the answer's tag: to which messages it may be an answer, and what follows from it.
ANSWERS: dict[int, tuple[str, Callable[[Answers, Pending, bytes, int, int], None]]] = {
    ord("C"): ("QE", Answers._completed),
    ord("T"): ("QD", Answers._columns),
    ord("n"): ("D", Answers._no_columns),
    ord("I"): ("QE", Answers._empty),
    ord("s"): ("E", Answers._suspended),
    ord("1"): ("P", Answers._parsed),
    ord("2"): ("B", Answers._bound),
    ord("3"): ("C", Answers._closed),
    ord("t"): ("D", Answers._parameter_types),
    ord("G"): ("QE", Answers._copy_begins),
    ord("H"): ("QE", Answers._copy_begins),
    ord("c"): ("QE", _nothing),
}
