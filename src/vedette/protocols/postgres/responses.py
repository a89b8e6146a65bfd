"""From the server to the caller: pass rows on by their headers, open only what a plan covers.

Every answer belongs to the head of the queue of what was asked (`exchange`).
An answer that does not fit there ends the session: after that, nothing could be
said of which rows belong to which masks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from vedette.masking.copy import CopyMask
from vedette.masking.plan import CannotMask, Plan
from vedette.masking.tally import Tally
from vedette.model import Deny, MaskRule
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.errors import parameter, reword
from vedette.protocols.postgres.exchange import Exchange, Outcome, Pending
from vedette.protocols.postgres.messages import ProtocolError, read_u32
from vedette.protocols.postgres.probe import PROBE, read_probe
from vedette.protocols.postgres.results import Outputs
from vedette.protocols.steps import Mask, Steps, ToDownstream, ToUpstream

_ROW = 0x44
_COPY_DATA = 0x64
_READY = 0x5A
# What `quick` knows: rows, and the answers that change nothing for those behind them.
_QUICK = frozenset(b"DTCZ12n")
# Settings whose change would change what text means, and what they must stay.
_PINNED = {b"client_encoding": b"UTF8", b"standard_conforming_strings": b"on"}


class Responses:
    """The server's half of a relay."""

    def __init__(
        self, exchange: Exchange, outputs: Outputs, *, masks: tuple[MaskRule, ...], value_cap: int
    ) -> None:
        self._x = exchange
        self.outputs = outputs
        # Every mask that could apply in this session: for what no statement owns.
        self.session_masks = masks
        self._cap = value_cap
        self._parts: list[bytes] = []
        self._have = 0
        self._need = m.HEADER
        self._passing = 0
        self._swallowing = 0
        # The caller's ReadyForQuery, kept back while the session's state is asked for.
        self._kept_ready: bytes | None = None
        self._probing = False
        # The server has said why it ends the session.
        self.said_goodbye = False
        self._plans: dict[tuple[Any, ...], tuple[Any, Plan | None]] = {}

    @property
    def between_messages(self) -> bool:
        """The caller has whole messages only: one of ours may go in between."""
        return not self._passing

    def feed(self, data: bytes) -> Steps:
        """
        All that *data* leads to.

        Raises:
            ProtocolError: the server's bytes make no sense here; the session must end.
        """
        if self._parts:
            self._parts.append(data)
            self._have += len(data)
            if self._have < self._need:
                return
            data = b"".join(self._parts)
            self._parts.clear()
        at = start = 0
        size = len(data)
        if self._passing or self._swallowing:
            at = start = yield from self._bulk(data)
        while size - at >= m.HEADER:
            tag = data[at]
            (length,) = read_u32(data, at + 1)
            end = at + 1 + length
            if length < 4:
                raise ProtocolError(f"the server sent a message of type {chr(tag)!r} and {length} bytes")
            if tag in (_ROW, _COPY_DATA):
                head = self._head(tag)
                if (
                    head.plan is None
                    and head.copy is None
                    and not head.limits
                    and not self._x.discarding
                    and not head.swallow
                ):
                    at = self._plain_rows(data, at, end, tag, head)
                    if at > size:
                        self._passing = at - size
                        at = size
                    continue
                if at > start:
                    yield ToDownstream(data[start:at])
                    start = at
                at = yield from self._opened_rows(data, at, end, tag, head)
                start = at
                if at < size and size - at >= m.HEADER and data[at] == tag:
                    # The row behind is not whole yet: keep it.
                    (length,) = read_u32(data, at + 1)
                    if at + 1 + length > size:
                        self._await(data, at, 1 + length)
                        return
                continue
            if end > size:
                if at > start:
                    yield ToDownstream(data[start:at])
                self._await(data, at, end - at)
                return
            new = yield from self._message(tag, data, start, at, end)
            start = new
            at = end
        if at > start:
            yield ToDownstream(data if start == 0 and at == size else data[start:at])
        if at < size:
            self._await(data, at, m.HEADER)

    def quick(self, data: bytes) -> int:
        """
        How many bytes at the front of *data* pass as they are: all of it, mostly.

        The ordinary answers to ordinary messages, accounted for as `feed` would, without
        its generators; what is left is for `feed`.

        Raises:
            ProtocolError: as `feed` does.
        """
        x = self._x
        if self._parts or self._swallowing or x.discarding:
            return 0
        pending = x.pending
        size = len(data)
        at = min(size, self._passing)
        self._passing -= at
        while size - at >= m.HEADER and pending:
            tag = data[at]
            end = at + 1 + int(read_u32(data, at + 1)[0])
            head = pending[0]
            if end < at + m.HEADER or head.swallow or head.kind == "d" or tag not in _QUICK:
                break
            if tag == _ROW:
                if self._head(tag).plan is not None or head.copy is not None or head.limits:
                    break
                at = self._plain_rows(data, at, end, tag, head)
            elif end > size:
                break
            elif tag != _READY:
                kinds, account = _ANSWERS[tag]
                if head.kind not in kinds or head.refusal is not None:
                    break  # `feed` says what is wrong with it
                account(self, head, data, at, end)
                at = end
            elif x.dirty or head.kind not in "QS":
                break
            else:
                self._settle(data[at:end])
                at = end
        if at > size:
            self._passing = at - size
            at = size
        return at

    def _await(self, data: bytes, at: int, need: int) -> None:
        if need > self._cap:
            raise ProtocolError(f"the server sent a message of {need} bytes that would have to be opened")
        self._parts.append(data[at:])
        self._have = len(data) - at
        self._need = need

    # --- rows ---------------------------------------------------------------------------

    def _head(self, tag: int) -> Pending:
        """What rows belong to; its plan is made when the first of them comes."""
        pending = self._x.pending
        if not pending or pending[0].kind not in "QE":
            raise ProtocolError("the server sent rows that nobody asked for")
        head = pending[0]
        if not head.opened and not self._x.discarding:
            if tag == _COPY_DATA:
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
        self._plan(head, described, formats)

    def _plan(self, head: Pending, described: bytes, formats: tuple[int, ...] | None) -> None:
        ruling = head.ruling
        if ruling is None:
            raise ProtocolError("rows without a ruling")
        catalog = self.outputs.catalog
        key = (described, formats, id(ruling.facts), id(head.masks), id(catalog))
        known = self._plans.get(key)
        if known is None:
            if len(self._plans) > 512:
                self._plans.clear()
            made = self.outputs.plan(described, formats, head.masks, ruling.facts)
            # The objects behind the ids are kept, so that no id is used again.
            known = self._plans[key] = ((ruling.facts, head.masks, catalog), made)
        head.plan = known[1]
        if head.plan is not None and head.tally is None:
            head.tally = Tally()

    def _plain_rows(self, data: bytes, at: int, end: int, tag: int, head: Pending) -> int:
        """Step over a run of rows by their headers; the offset behind it, perhaps beyond *data*."""
        size = len(data)
        begin = at
        rows = 0
        while True:
            rows += 1
            at = end
            if size - at < m.HEADER or data[at] != tag:
                break
            (length,) = read_u32(data, at + 1)
            if length < 4:
                raise ProtocolError(f"the server sent a row of {length} bytes")
            end = at + 1 + length
        self._count(head, rows, at - begin)
        if head.sample_room > 0:
            self._sample(head, data[begin : min(at, size)])
        return at

    def _opened_rows(
        self, data: bytes, at: int, end: int, tag: int, head: Pending
    ) -> Generator[Any, Any, int]:
        """Rows that are masked, counted against a limit, or dropped: whole messages only."""
        size = len(data)
        begin = at
        rows = 0
        while end <= size:
            rows += 1
            at = end
            if size - at < m.HEADER or data[at] != tag:
                break
            end = at + 1 + int(read_u32(data, at + 1)[0])
            if end < at + m.HEADER:
                raise ProtocolError("the server sent a row of an impossible length")
        if not rows:
            self._need_whole(data, at, end)
            return at
        run = data[begin:at]
        if self._x.discarding or head.swallow:
            if head.swallow and self._probing:
                self._learn(run)
            return at
        allowed = self._within(head, rows, len(run))
        if allowed is not None:
            yield from self._break_off(head, allowed)
            return at
        self._count(head, rows, len(run))
        try:
            if head.copy is not None:
                run = self._copy_run(head, run)
            elif head.plan is not None:
                run = yield Mask((head.plan, head.tally), run)
        except CannotMask as refused:
            yield from self._break_off(head, Deny("mask", str(refused), code="masking.refused"))
            return at
        if head.sample_room > 0:
            self._sample(head, run)
        if run:
            yield ToDownstream(run)
        return at

    def _need_whole(self, data: bytes, at: int, end: int) -> None:
        if end - at > self._cap:
            raise ProtocolError(f"a row of {end - at} bytes is over the {self._cap} bytes that can be masked")

    def _copy_run(self, head: Pending, run: bytes) -> bytes:
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

    def _sample(self, head: Pending, run: bytes) -> None:
        piece = run[: head.sample_room]
        head.sample_room -= len(piece)
        head.sample.append(piece)

    def _count(self, head: Pending, rows: int, size: int) -> None:
        """Rows that the caller gets: what is held back counts against no limit."""
        head.rows += rows
        head.bytes += size
        self._x.session_rows += rows
        self._x.session_bytes += size

    def _within(self, head: Pending, rows: int, size: int) -> Deny | None:
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

    def _break_off(self, head: Pending, deny: Deny) -> Steps:
        """An error in place of the rest of a result; the server is told to stop."""
        x = self._x
        x.discarding = True
        self._finish(head, b"", "53400" if deny.code.startswith("limit") else "42501")
        head.ruling = None  # it is accounted for
        x.interrupt()
        yield ToDownstream(m.refusal(deny))

    def _bulk(self, data: bytes) -> Generator[Any, Any, int]:
        """The rest of a large message that is passed on unopened, or dropped."""
        step = min(len(data), self._passing or self._swallowing)
        if self._passing:
            self._passing -= step
            if step:
                yield ToDownstream(data if step == len(data) else data[:step])
        else:
            self._swallowing -= step
        return step

    # --- the other messages -----------------------------------------------------------------

    def _message(self, tag: int, data: bytes, start: int, at: int, end: int) -> Generator[Any, Any, int]:
        """
        One whole message. Returns where the unsent part of *data* begins: *start*
        when the message passes as it is, *end* when it was dealt with here.
        """
        x = self._x
        if tag in b"NASEKvRVW":
            replaced = self._asynchronous(tag, data[at:end]) if tag != 0x45 else self._error(data[at:end])
            if replaced is None:
                return start
        elif x.pending:
            self._drop_markers()
            head = x.pending[0]
            passes = self._answer(tag, data, at, end, head)
            if tag == 0x5A:
                if at > start:
                    yield ToDownstream(data[start:at])
                yield from self._ready(data[at:end], head)
                return end
            if passes and not head.swallow and not x.discarding:
                if tag == 0x63 and head.copy is not None:  # CopyDone: what the mask still holds
                    rest = head.copy.finish()
                    if rest:
                        if at > start:
                            yield ToDownstream(data[start:at])
                        yield ToDownstream(m.message(b"d", rest))
                        return at
                return start
            replaced = b""
        else:
            raise ProtocolError(f"the server sent {chr(tag)!r} when nothing was asked")
        if at > start:
            yield ToDownstream(data[start:at])
        if replaced:
            yield ToDownstream(replaced)
        return end

    def _drop_markers(self) -> None:
        pending = self._x.pending
        while pending and pending[0].kind == "d":
            pending.popleft()

    def _answer(self, tag: int, data: bytes, at: int, end: int, head: Pending) -> bool:
        """Account for one answer. False: the caller must not see it."""
        kind = head.kind
        if tag == 0x5A:  # Z
            if kind not in "QS":
                raise ProtocolError("the server is ready too early")
            return True
        if head.refusal is not None:
            raise ProtocolError("the server accepted what it had to refuse")
        known = _ANSWERS.get(tag)
        if known is None or kind not in known[0]:
            raise ProtocolError(f"the server answered {chr(tag)!r} to {kind!r}")
        known[1](self, head, data, at, end)
        return True

    def _completed(self, head: Pending, data: bytes, at: int, end: int) -> None:
        self._finish(head, data[at + m.HEADER : end - 1], "")
        if head.kind == "E":
            self._x.pending.popleft()

    def _empty(self, head: Pending, data: bytes, at: int, end: int) -> None:
        self._finish(head, b"", "")
        if head.kind == "E":
            self._x.pending.popleft()

    def _suspended(self, head: Pending, data: bytes, at: int, end: int) -> None:
        self._finish(head, b"suspended", "")
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
                self._plan(head, body, None)
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
        plan = self.outputs.copy_plan(ruling.facts, head.masks, head.described)
        if plan is None:
            return
        head.tally = Tally()
        head.copy = CopyMask(
            plan, copy.format, copy.delimiter, copy.null, copy.quote, copy.escape, copy.header,
            tally=head.tally,
        )  # fmt: skip

    def _finish(self, head: Pending, tag: bytes, sqlstate: str) -> None:
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

    # --- errors, and what comes unasked -------------------------------------------------------

    def _asynchronous(self, tag: int, whole: bytes) -> bytes | None:
        """None: it passes as it is."""
        if tag == 0x53:
            name, at = m.read_cstring(whole, m.HEADER)
            value, _ = m.read_cstring(whole, at)
            pinned = _PINNED.get(name.lower())
            if pinned is not None and value.upper() != pinned.upper():
                raise ProtocolError(
                    f"the server changed {name.decode('ascii', 'replace')}, which must not change"
                )
            if pinned is None and self.session_masks:
                return parameter(name, value, self.session_masks, self.outputs)
            return None
        if tag in b"NA":
            if not self.session_masks:
                return None
            head = self._x.pending[0] if self._x.pending else None
            return reword(whole, self._masks_of(head), self.outputs, head)
        raise ProtocolError(f"the server sent {chr(tag)!r} inside a session")

    def _masks_of(self, head: Pending | None) -> tuple[MaskRule, ...]:
        return head.masks or self.session_masks if head is not None else self.session_masks

    def _error(self, whole: bytes) -> bytes | None:
        x = self._x
        found = m.read_fields(whole[m.HEADER :])
        fatal = found.get("V", found.get("S", b"")) in (b"FATAL", b"PANIC")
        self.said_goodbye = self.said_goodbye or fatal
        self._drop_markers()
        head = x.pending[0] if x.pending else None
        sqlstate = found.get("C", b"XX000").decode("ascii", "replace")
        told: bytes | None = None
        if head is None or fatal:
            told = None
        elif head.refusal is not None:
            # Whatever error it met (its own, or a cancel that came in between), it did not run.
            told = m.refusal(head.refusal)
        if head is not None:
            self._finish(head, b"", sqlstate)
        hidden = x.discarding or (head is not None and _ours_alone(head))
        if head is not None and head.kind not in "QS":
            x.skip_to_sync()
        if hidden and not fatal:
            return b""
        if told is not None:
            return told
        return self._reworded(whole, head)

    def _reworded(self, whole: bytes, head: Pending | None) -> bytes | None:
        masks = self._masks_of(head)
        return reword(whole, masks, self.outputs, head) if masks else None

    # --- ready for the next ---------------------------------------------------------------------

    def _ready(self, whole: bytes, head: Pending) -> Steps:
        x = self._x
        self._settle(whole)
        if head.swallow and not self._probing:
            return
        if self._probing and head.swallow:
            self._probing = False
            if x.status == b"I":
                x.dirty = False
            kept, self._kept_ready = self._kept_ready, None
            if kept is not None:
                yield ToDownstream(kept)
            return
        if x.dirty and x.status != b"E" and not x.pending:
            self._kept_ready = whole
            self._probing = True
            x.push(Pending("Q", swallow=True))
            yield ToUpstream(m.query(PROBE))
            return
        yield ToDownstream(whole)

    def _settle(self, whole: bytes) -> None:
        """What a ReadyForQuery says of the transaction."""
        x = self._x
        status = whole[5:]
        if status not in (b"I", b"T", b"E"):
            raise ProtocolError("the server is ready in an unknown state")
        x.pending.popleft()
        x.status = status
        x.discarding = False
        if status == b"I" and not x.pending:
            x.locked = x.altered = False

    def _learn(self, run: bytes) -> None:
        state = read_probe(run)
        if state != self._x.state:
            self._x.state = state
            self._x.epoch += 1


def _nothing(responses: Responses, head: Pending, data: bytes, at: int, end: int) -> None:
    """CopyDone: the CommandComplete behind it tells what came of the COPY."""


# By the answer's tag: to which messages it may be an answer, and what follows from it.
_ANSWERS: dict[int, tuple[str, Callable[[Responses, Pending, bytes, int, int], None]]] = {
    ord("C"): ("QE", Responses._completed),
    ord("T"): ("QD", Responses._columns),
    ord("n"): ("D", Responses._no_columns),
    ord("I"): ("QE", Responses._empty),
    ord("s"): ("E", Responses._suspended),
    ord("1"): ("P", Responses._parsed),
    ord("2"): ("B", Responses._bound),
    ord("3"): ("C", Responses._closed),
    ord("t"): ("D", Responses._parameter_types),
    ord("G"): ("QE", Responses._copy_begins),
    ord("H"): ("QE", Responses._copy_begins),
    ord("c"): ("QE", _nothing),
}


def _ours_alone(head: Pending) -> bool:
    """An error here is no answer to anything that the caller sent."""
    if not head.swallow:
        return False
    return head.kind in "QS" or (head.owner is not None and head.owner.kind == "Q")
