"""One PostgreSQL session, from both logins to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import select
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from vedette.gate import Gate, Policy
from vedette.masking.plan import Plan
from vedette.masking.rewrite import candidates, rewrite
from vedette.masking.tally import Tally
from vedette.model import Allow, Hold, MaskRule, Principal
from vedette.protocols.aside import aside
from vedette.protocols.drive import Drive, Side
from vedette.protocols.lifetime import IDLE, Ending, killed
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.dial import Upstream, send_cancel
from vedette.protocols.postgres.exchange import Exchange, Outcome
from vedette.protocols.postgres.judging import Judging
from vedette.protocols.postgres.lane import lane
from vedette.protocols.postgres.login_upstream import UpstreamRefused
from vedette.protocols.postgres.messages import ProtocolError
from vedette.protocols.postgres.reader import Reader
from vedette.protocols.postgres.relay import Relay
from vedette.protocols.postgres.requests import Requests
from vedette.protocols.postgres.responses import Responses
from vedette.protocols.postgres.results import Outputs
from vedette.protocols.postgres.wire import Wire
from vedette.sql.reading import State

log = logging.getLogger(__name__)

# In bytes: what detectors may look at on the loop (some µs a byte where digits stand close), and
# what may be searched there for something to look at (a nanosecond a byte).
MASKED_AT_ONCE = 1 << 10
SEARCHED_AT_ONCE = 256 << 10
COPIED_AT_ONCE = 4 << 10
# How often a caller that waits for people is looked at: is it still there?
WATCH_SECONDS = 0.2
# How long a peer may take to read our last words.
LAST_WORDS_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """In bytes: a statement, a message that must be opened to be masked, and a sample of a result."""

    statement: int = 16 << 20
    opened: int = 64 << 20
    sample: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """How a session ended: a short code and words, and what passed."""

    reason: str
    actions: int
    denied: int
    rows: int
    bytes_up: int
    bytes_down: int


class Session:
    """
    A live session.

    *came* is told each outcome, its status and how many seconds it took; it may raise
    OSError where that cannot be recorded, which ends the session. *journal*: where it puts
    an ordinary one, if it does nothing else with it. `run` returns when all is over.
    """

    def __init__(
        self,
        name: str,
        gate: Gate,
        reader: Reader,
        upstream: Upstream,
        downstream: Wire,
        state: State,
        *,
        masks: tuple[MaskRule, ...],
        key: bytes,
        bounds: Bounds,
        came: Callable[[Outcome, str, float], None],
        changed: Callable[[], None],
        clock: Callable[[], float],
        journal: object = None,
    ) -> None:
        self.name = name
        self.gate = gate
        self.principal: Principal = gate.principal
        self._upstream = upstream
        self._downstream = downstream
        self._came = came
        self._changed = changed
        self._clock = clock
        self._ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._notices: list[bytes] = []
        self._holding = ""
        self._altered = False
        self._exchange = Exchange(
            secrets.token_hex(8),
            state,
            report=self._report,
            interrupt=self.interrupt,
            sample_bytes=bounds.sample,
        )
        outputs = Outputs(reader.catalog, key)
        self._responses = Responses(self._exchange, outputs, masks=masks, value_cap=bounds.opened)
        self._judging = Judging(gate, reader, outputs, told=self._told, observed=self._observed, clock=clock)
        requests = Requests(self._exchange, statement_cap=bounds.statement)
        self._lane = lane(
            name, self._exchange, requests, self._responses, gate, reader.keeper, journal,
            clock=clock, lost=self._unrecorded, moved=lambda up, down: self._drive.moved(up, down),
        )  # fmt: skip
        self._judging.lane = self._lane
        self._relay = Relay(self._exchange, requests, self._responses, self._judging, self._lane)
        self._drive = Drive(
            self._relay,
            downstream.transport,
            upstream.wire.transport,
            judge=self._judging,
            mask=_mask,
            ended=self._end,
        )

    # --- what others ask of it ---------------------------------------------------------------

    async def run(self, greeting: bytes) -> End:
        """Greet the caller, relay until either side leaves, and say how it ended."""
        self._downstream.transport.write(greeting)
        drive, above, below = self._drive, self._upstream.wire.transport, self._downstream.transport
        swift = self._lane.swift if self._lane is not None else None
        if swift is not None:
            swift.connect(above.write, below.write, drive.from_downstream, drive.from_upstream, drive.failed)
        up = Side(drive, above, downstream=False, received=swift.from_upstream if swift else None)
        down = Side(drive, below, downstream=True, received=swift.from_downstream if swift else None)
        try:
            early = self._upstream.wire.hand_over(up)
            if early:
                self._drive.from_upstream(early)
            said = self._downstream.hand_over(down)
            if said:
                self._drive.from_downstream(said)
        except ConnectionError as gone:
            self._drive.lost("downstream", gone)
        return await self._ended

    def use(self, policy: Policy, masks: tuple[MaskRule, ...]) -> None:
        """Judge by another policy from here on."""
        self.gate.use(policy)
        self._responses.session_masks = masks
        self._relay.exchange.epoch += 1

    def activity(self) -> int | None:
        """Bytes so far, both ways; None while something runs or people are being asked."""
        if self._drive.waiting or self._relay.busy:
            return None
        return self._drive.bytes_up + self._drive.bytes_down

    def interrupt(self) -> None:
        """Stop what the server is doing for this session, if anything."""
        if self._relay.busy:
            self._spawn(self._cancel_upstream())

    def cancel(self) -> None:
        """The caller asked for a cancel: of what runs, or of what waits for people."""
        if self._drive.waiting:
            self._judging.give_up()
        self.interrupt()

    def kill(self, reason: str) -> None:
        self.end(killed(reason))

    def end(self, ending: Ending) -> None:
        """End it now, at both ends; what runs is cancelled."""
        if self._ended.done():
            return
        if self._relay.exchange.pending:
            self._spawn(self._cancel_upstream())
        self._drive.stop()
        # idle_session_timeout and admin_shutdown: drivers know both, and that they may connect again.
        sqlstate = "57P05" if ending.code == IDLE else "57P01"
        words, detail = f"vedette: the session was ended: {ending.reason}", f"code {ending.code}"
        self._close(ending.word, m.error(sqlstate, words, detail=detail, hint=ending.hint, severity="FATAL"))

    # --- what the drive and the relay report ------------------------------------------------

    def _report(self, outcome: Outcome) -> None:
        status = "ok"
        if outcome.sqlstate:
            status = "cancelled" if outcome.sqlstate == "57014" else "error"
        facts = outcome.ruling.facts
        if facts.ddl or self._altered:
            self._exchange_altered(outcome)
        seconds = self._clock() - outcome.ruling.began
        try:
            self._came(outcome, status, seconds if seconds > 0.0 else 0.0)
        except OSError:
            self._unrecorded()

    def _unrecorded(self) -> None:
        """An outcome could not be recorded."""
        asyncio.get_running_loop().call_soon(self.kill, "the journal cannot be written")

    def _exchange_altered(self, outcome: Outcome) -> None:
        """Tell the catalogue's keeper when DDL has run, and again when it was committed."""
        facts = outcome.ruling.facts
        if facts.ddl and not outcome.sqlstate:
            self._altered = True
            self._changed()
        elif self._altered and facts.transaction:
            self._altered = False
            self._changed()

    def _told(self, number: str, hold: Hold) -> None:
        """People are being asked: the caller hears so, and is watched meanwhile."""
        self._holding = number
        who = ", ".join(sorted(hold.approvers)) or "an approver"
        self._notice(
            f"vedette: waiting for approval {number} by {who}",
            f"rule {hold.rule}: {hold.reason}; decided by: vedette approvals approve {number}",
        )
        self._spawn(self._watch())

    def _observed(self, allow: Allow) -> None:
        would = allow.observed
        if would is None:
            return
        word = "held" if isinstance(would, Hold) else "refused"
        self._notice(
            f"vedette: observing only: this would have been {word}", f"rule {would.rule}: {would.reason}"
        )

    def _notice(self, text: str, hint: str) -> None:
        self._notices.append(m.notice(text, hint=hint))
        self._say_notices()

    def _say_notices(self) -> None:
        transport = self._downstream.transport
        if self._notices and self._relay.between_messages and not transport.is_closing():
            transport.write(b"".join(self._notices))
            self._notices.clear()

    async def _watch(self) -> None:
        """While people are asked, nothing is read from the caller; a hang-up is noticed all the same."""
        poll = _hangups(self._downstream.transport)
        await asyncio.sleep(0)
        while self._drive.waiting and not self._ended.done():
            self._say_notices()
            if poll is not None and poll():
                self._drive.lost("downstream", None)
                return
            await asyncio.sleep(WATCH_SECONDS)

    async def _cancel_upstream(self) -> None:
        up = self._upstream
        try:
            await send_cancel(up.target, up.pid, up.secret)
        except UpstreamRefused as problem:
            # The connection is closed as well where it matters; this is the faster way.
            log.warning("session %s: the server could not be asked to cancel: %s", self.name, problem.reason)

    # --- the end -----------------------------------------------------------------------------

    def _end(self, side: str, error: Exception | None) -> None:
        if side == "downstream":
            if self._relay.busy and not self._relay.ended:
                self._spawn(self._cancel_upstream())
            self._close("caller" if self._relay.ended else "caller: hung up", b"")
        elif side == "upstream":
            last = b""
            if not self._relay.ended and not self._responses.said_goodbye:
                last = m.error("08006", "vedette: the resource closed the connection", severity="FATAL")
            self._close("caller" if self._relay.ended else "upstream: closed", last)
        else:
            if not isinstance(error, ProtocolError | BufferError):
                log.error("session %s: a fault in the gateway", self.name, exc_info=error)
            words = str(error) if isinstance(error, ProtocolError | BufferError) else "a fault in the gateway"
            if self._relay.exchange.pending:
                self._spawn(self._cancel_upstream())
            self._close(f"protocol: {words}", m.error("08P01", f"vedette: {words}", severity="FATAL"))

    def _close(self, reason: str, last_words: bytes) -> None:
        if self._ended.done():
            return
        self._lose_pending()
        down, up = self._downstream.transport, self._upstream.wire.transport
        if last_words and self._relay.between_messages and not down.is_closing():
            down.write(last_words)
        if not up.is_closing():
            up.write(m.terminate())
        for transport in (down, up):
            transport.close()
            asyncio.get_running_loop().call_later(LAST_WORDS_SECONDS, transport.abort)
        x = self._relay.exchange
        self._ended.set_result(
            End(
                reason,
                self.gate.actions,
                self.gate.denied,
                x.session_rows,
                self._drive.bytes_up,
                self._drive.bytes_down,
            )
        )
        if self._lane is not None:
            self._lane.swift.close()

    def _lose_pending(self) -> None:
        """What was under way is on record as forwarded: say that its outcome is not known."""
        for entry in self._relay.exchange.pending:
            if (
                entry.kind in "QE"
                and entry.ruling is not None
                and entry.refusal is None
                and not entry.swallow
            ):
                with contextlib.suppress(OSError):  # its own record stands; this one is a courtesy
                    self._came(Outcome(entry.ruling), "lost", 0.0)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait for what the end set going (a cancel at the server), a moment at most."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=LAST_WORDS_SECONDS)


def _mask(
    plan: tuple[Plan, Tally] | Callable[[bytes], bytes], run: bytes
) -> bytes | Coroutine[Any, Any, bytes]:
    """*run* (of COPY, where *plan* is what masks it) masked: at once, or beside the loop where it may
    take more than a few milliseconds."""
    if not isinstance(plan, tuple):
        return plan(run) if len(run) <= COPIED_AT_ONCE else aside(partial(plan, run))
    made, tally = plan
    if len(run) <= MASKED_AT_ONCE:
        return rewrite(made, run, tally)
    if len(run) > SEARCHED_AT_ONCE:
        return aside(partial(rewrite, made, run, tally))
    hits = candidates(made.sieve, run) if made.sieve is not None else []
    if sum(end - start for start, end in hits) > MASKED_AT_ONCE:
        return aside(partial(rewrite, made, run, tally, hits))
    return rewrite(made, run, tally, hits)


def _hangups(transport: asyncio.Transport) -> Callable[[], bool] | None:
    """Asks the kernel whether the peer has closed its side, without reading (poll(2), POLLRDHUP)."""
    sock = transport.get_extra_info("socket")
    if sock is None or not hasattr(select, "POLLRDHUP"):
        return None
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    return lambda: bool(poll.poll(0))
