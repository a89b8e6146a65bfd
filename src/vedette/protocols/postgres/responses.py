"""From the server to the caller: pass rows on by their headers, open only what a plan covers.

Every answer belongs to the head of the queue of what was asked (`exchange`).
An answer that does not fit there ends the session: after that, nothing could be
said of which rows belong to which masks.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any

from vedette.masking.plan import CannotMask
from vedette.model import Deny, MaskRule
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.answers import ANSWERS, Answers
from vedette.protocols.postgres.errors import parameter, reword
from vedette.protocols.postgres.exchange import Exchange, Pending
from vedette.protocols.postgres.messages import ProtocolError, read_u32
from vedette.protocols.postgres.probe import PROBE, read_probe
from vedette.protocols.postgres.results import Outputs
from vedette.protocols.postgres.rows import COPY_DATA, Rows
from vedette.protocols.steps import Mask, Steps, ToDownstream, ToUpstream

_ROW = 0x44
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
        self._rows = Rows(exchange, outputs, value_cap)
        self._answers = Answers(exchange, self._rows, outputs)
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
            if tag in (_ROW, COPY_DATA):
                head = self._rows.head(tag)
                if (
                    head.plan is None
                    and head.copy is None
                    and not head.limits
                    and not self._x.discarding
                    and not head.swallow
                ):
                    at = self._rows.step_over(data, at, end, tag, head)
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
                if self._rows.head(tag).plan is not None or head.copy is not None or head.limits:
                    break
                at = self._rows.step_over(data, at, end, tag, head)
            elif end > size:
                break
            elif tag != _READY:
                kinds, account = ANSWERS[tag]
                if head.kind not in kinds or head.refusal is not None:
                    break  # `feed` says what is wrong with it
                account(self._answers, head, data, at, end)
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

    def skip(self, passing: int) -> None:
        """The rest of a row that is on its way: that many bytes pass unopened."""
        self._passing = passing

    def _await(self, data: bytes, at: int, need: int) -> None:
        if need > self._cap:
            raise ProtocolError(f"the server sent a message of {need} bytes that would have to be opened")
        self._parts.append(data[at:])
        self._have = len(data) - at
        self._need = need

    # --- rows ---------------------------------------------------------------------------

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
            self._rows.need_whole(data, at, end)
            return at
        run = data[begin:at]
        if self._x.discarding or head.swallow:
            if head.swallow and self._probing:
                self._learn(run)
            return at
        allowed = self._rows.within(head, rows, len(run))
        if allowed is not None:
            yield from self._break_off(head, allowed)
            return at
        self._rows.count(head, rows, len(run))
        try:
            if head.copy is not None:
                run = yield Mask(partial(self._rows.copied, head), run)
            elif head.plan is not None:
                run = yield Mask((head.plan, head.tally), run)
        except CannotMask as refused:
            yield from self._break_off(head, Deny("mask", str(refused), code="masking.refused"))
            return at
        if head.sample_room > 0:
            self._rows.sample(head, run)
        if run:
            yield ToDownstream(run)
        return at

    def _break_off(self, head: Pending, deny: Deny) -> Steps:
        """An error in place of the rest of a result; the server is told to stop."""
        x = self._x
        x.discarding = True
        self._answers.finish(head, b"", "53400" if deny.code.startswith("limit") else "42501")
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
            if tag == _READY:
                if head.kind not in "QS":
                    raise ProtocolError("the server is ready too early")
                if at > start:
                    yield ToDownstream(data[start:at])
                yield from self._ready(data[at:end], head)
                return end
            self._answers.take(tag, data, at, end, head)
            if not head.swallow and not x.discarding:
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
            self._answers.finish(head, b"", sqlstate)
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


def _ours_alone(head: Pending) -> bool:
    """An error here is no answer to anything that the caller sent."""
    if not head.swallow:
        return False
    return head.kind in "QS" or (head.owner is not None and head.owner.kind == "Q")
