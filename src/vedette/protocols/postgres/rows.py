"""Rows on their way to the caller: whose they are, what covers them, how many there were.

A run is whole messages of one kind, one behind the other, as they came.
"""

from __future__ import annotations

from typing import Any

from vedette import native
from vedette.masking.plan import Plan
from vedette.masking.tally import Tally
from vedette.model import Deny
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.exchange import Exchange, Pending
from vedette.protocols.postgres.messages import ProtocolError, read_u32
from vedette.protocols.postgres.results import Outputs

COPY_DATA = 0x64
# Plans of results that look alike are made once, this many at most.
MAX_PLANS = 512


class Rows:
    """What is known of the rows of one session. *cap*: the longest message (bytes) that is ever opened."""

    def __init__(self, exchange: Exchange, outputs: Outputs, cap: int) -> None:
        self._x = exchange
        self._outputs = outputs
        self._cap = cap
        self._plans: dict[tuple[Any, ...], tuple[Any, Plan | None]] = {}

    def head(self, tag: int) -> Pending:
        """What rows belong to; its plan is made when the first of them comes."""
        pending = self._x.pending
        if not pending or pending[0].kind not in "QE":
            raise ProtocolError("the server sent rows that nobody asked for")
        head = pending[0]
        if not head.opened and not self._x.discarding:
            if tag == COPY_DATA:
                raise ProtocolError("the server sent COPY data without beginning a COPY")
            head.opened = True
            self._open(head)
        return head

    def _open(self, head: Pending) -> None:
        if head.kind == "Q":
            if head.masks and not head.described:
                raise ProtocolError("rows without a description, under a mask")
            return  # its RowDescription came first, and made the plan
        portal = self._x.names.portals.confirmed.get(head.target)
        if portal is not None and portal.ruling is not head.ruling:
            # What runs is what the server bound, whatever else was on its way.
            head.oblige(portal.ruling)
        if not head.masks:
            return
        described = portal.described if portal is not None else None
        formats: tuple[int, ...] | None = None
        if described is None and portal is not None and portal.statement is not None:
            described = portal.statement.described
            formats = portal.formats
        if described is None and head.described:
            described = head.described
        if not described:
            raise ProtocolError("rows without a description, under a mask")
        self.plan(head, described, formats)

    def plan(self, head: Pending, described: bytes, formats: tuple[int, ...] | None) -> None:
        ruling = head.ruling
        if ruling is None:
            raise ProtocolError("rows without a ruling")
        catalog = self._outputs.catalog
        key = (described, formats, id(ruling.facts), id(head.masks), id(catalog))
        known = self._plans.get(key)
        if known is None:
            if len(self._plans) > MAX_PLANS:
                self._plans.clear()
            made = self._outputs.plan(described, formats, head.masks, ruling.facts)
            # The objects behind the ids are kept, so that no id is used again.
            known = self._plans[key] = ((ruling.facts, head.masks, catalog), made)
        head.plan = known[1]
        if head.plan is not None and head.tally is None:
            head.tally = Tally()

    def step_over(self, data: bytes, at: int, end: int, tag: int, head: Pending) -> int:
        """Step over a run of rows by their headers; the offset behind it, perhaps beyond *data*."""
        size = len(data)
        begin = at
        walk = run if native.compiled is None else native.compiled.run
        at, rows, lie = walk(data, end, tag)
        if lie is not None:
            raise ProtocolError(f"the server sent a row of {lie} bytes")
        self.count(head, rows, at - begin)
        if head.sample_room > 0:
            self.sample(head, data[begin : min(at, size)])
        return at

    def need_whole(self, data: bytes, at: int, end: int) -> None:
        if end - at > self._cap:
            raise ProtocolError(f"a row of {end - at} bytes is over the {self._cap} bytes that can be masked")

    def copied(self, head: Pending, run: bytes) -> bytes:
        """CopyData messages, masked. PostgreSQL sends a row in each; nothing relies on it."""
        out = []
        at = 0
        copy = head.copy
        while at < len(run) and copy is not None:
            end = m.message_end(run, at)
            masked = copy.feed(run[at + m.HEADER : end])
            if masked:
                out.append(m.message(b"d", masked))
            at = end
        return b"".join(out)

    def sample(self, head: Pending, run: bytes) -> None:
        piece = run[: head.sample_room]
        head.sample_room -= len(piece)
        head.sample.append(piece)

    def count(self, head: Pending, rows: int, size: int) -> None:
        """Rows that the caller gets: what is held back counts against no limit."""
        head.rows += rows
        head.bytes += size
        self._x.session_rows += rows
        self._x.session_bytes += size

    def within(self, head: Pending, rows: int, size: int) -> Deny | None:
        """The limit that these rows would break, if any."""
        x = self._x
        for limit in head.limits:
            session = limit.per == "session"
            if limit.rows is not None and (x.session_rows if session else head.rows) + rows > limit.rows:
                return Deny(
                    limit.rule,
                    f"more than {limit.rows} rows per {limit.per}",
                    "ask for fewer rows",
                    "limit.rows",
                )
            if limit.bytes is not None and (x.session_bytes if session else head.bytes) + size > limit.bytes:
                return Deny(
                    limit.rule,
                    f"more than {limit.bytes} bytes per {limit.per}",
                    "ask for less",
                    "limit.bytes",
                )
        return None


def run(data: bytes, end: int, tag: int) -> tuple[int, int, int | None]:
    """
    Messages of kind *tag* one behind the other, of which the first ends at *end*.

    Returns the offset behind them, perhaps beyond *data*; how many there are; and a length that
    one behind them claims and cannot have, or None.
    """
    size = len(data)
    rows = 1
    while size - end >= m.HEADER and data[end] == tag:
        (length,) = read_u32(data, end + 1)
        if length < 4:
            return end, rows, int(length)
        rows += 1
        end += 1 + length
    return end, rows, None
