"""Plays both peers of a PostgreSQL relay, and answers its questions.

The facts of a statement are given by the test (or read by the real reader); the
verdicts come from a list, or are Allow.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from vedette.masking.rewrite import rewrite
from vedette.model import Allow, Deny, MaskRule
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.before import Again, Known, leaves_nothing
from vedette.protocols.postgres.binds import read_bind
from vedette.protocols.postgres.exchange import Draft, Exchange, Outcome, Ruling
from vedette.protocols.postgres.relay import Relay
from vedette.protocols.postgres.requests import Requests
from vedette.protocols.postgres.responses import Responses
from vedette.protocols.postgres.results import Outputs
from vedette.protocols.steps import Judge, Mask, Steps, ToDownstream, ToUpstream
from vedette.sql.catalog import Catalog, Column, Relation
from vedette.sql.facts import Facts
from vedette.sql.reading import State, read

NONCE = "n0nce"
STATE = State(("pg_catalog", "public"), "app", "agent")
CUSTOMERS = Relation(
    16400, "public", "customers", "r",
    (Column(1, "id", 23), Column(2, "name", 25), Column(3, "email", 25), Column(4, "ssn", 25)),
)  # fmt: skip
CATALOG = Catalog([CUSTOMERS], [])
ALLOW = Allow("test")
Answer = Callable[[Draft], Allow | Deny]


class Dialogue:
    """A relay with a scripted caller, server and judge."""

    def __init__(
        self,
        judge: Answer | None = None,
        *,
        masks: tuple[MaskRule, ...] = (),
        catalog: Catalog = CATALOG,
        statement_cap: int = 1 << 20,
        sample: int = 0,
        express: bool = True,
    ) -> None:
        self._express = express
        self.drafts: list[Draft] = []
        self.outcomes: list[Outcome] = []
        self.interrupts = 0
        self._judge = judge or (lambda draft: Allow("test", masks))
        self._catalog = catalog
        self.exchange = Exchange(
            NONCE, STATE, report=self.outcomes.append, interrupt=self._interrupt, sample_bytes=sample
        )
        responses = Responses(self.exchange, Outputs(catalog, b"k" * 32), masks=masks, value_cap=1 << 20)
        self._requests = Requests(self.exchange, statement_cap=statement_cap)
        self.relay = Relay(self.exchange, self._requests, responses, self)
        self.up = b""
        self.down = b""

    def _interrupt(self) -> None:
        self.interrupts += 1

    def facts(self, draft: Draft) -> Facts:
        text = draft.text
        if text is None:
            return read("\0", draft.state, self._catalog)
        facts = read(text, draft.state, self._catalog)
        names = (*facts.executes, *facts.fetches)
        if names:
            named = {n: read(t, draft.state, self._catalog) for n in names for t in draft.texts_of(n)}
            facts = read(text, draft.state, self._catalog, named)
        return facts

    # --- what is known already: everything, so that the short cut is taken wherever it may be ---

    def known(self, kind: str, text: str, state: State) -> Known | None:
        draft = self._requests.draft(kind, text, b"")
        verdict, facts = self._judge(draft), self.facts(draft)
        if not self._express or not isinstance(verdict, Allow) or not leaves_nothing(facts):
            return None
        return Known(facts, verdict, kind)  # type: ignore[arg-type]  # in place of a record

    def passed(self, uses: Sequence[Again]) -> list[Ruling] | None:
        rulings = []
        for known, message, text, _ in uses:
            draft = self._requests.draft(str(known.mould), text, message)
            if draft.kind == "execute":
                draft.parameters = read_bind(message).parameters
            self.drafts.append(draft)
            rulings.append(Ruling(known.allow, known.facts, f"s.{len(self.drafts)}"))
        return rulings

    def _perform(self, steps: Steps) -> None:
        answer: object = None
        refused: Exception | None = None
        while True:
            try:
                step = steps.send(answer) if refused is None else steps.throw(refused)
            except StopIteration:
                return
            answer = refused = None
            if isinstance(step, ToUpstream):
                self.up += step.data
            elif isinstance(step, ToDownstream):
                self.down += step.data
            elif isinstance(step, Judge):
                self.drafts.append(step.draft)
                verdict = Deny("x", step.draft.problem) if step.draft.problem else self._judge(step.draft)
                answer = Ruling(verdict, self.facts(step.draft), f"s.{len(self.drafts)}")
            elif isinstance(step, Mask):
                try:
                    plan, run = step.plan, step.run
                    answer = rewrite(plan[0], run, plan[1]) if isinstance(plan, tuple) else plan(run)
                except Exception as error:  # noqa: BLE001  (the relay says what it leads to)
                    refused = error

    def caller_says(self, *pieces: bytes) -> None:
        for piece in pieces:
            passed = self.relay.quick_downstream(piece)
            self.up += piece[:passed]
            if passed < len(piece):
                self._perform(self.relay.from_downstream(piece[passed:]))

    def server_says(self, *pieces: bytes) -> None:
        for piece in pieces:
            passed = self.relay.quick_upstream(piece) if self._express else 0
            self.down += piece[:passed]
            if passed < len(piece):
                self._perform(self.relay.from_upstream(piece[passed:]))

    def server_hears(self, *expected: bytes) -> None:
        heard, self.up = self.up, b""
        assert heard == b"".join(expected)

    def caller_hears(self, *expected: bytes) -> None:
        heard, self.down = self.down, b""
        assert heard == b"".join(expected)


# --- what peers say -----------------------------------------------------------------------


def bind(
    portal: str = "", statement: str = "", *values: bytes | None, results: tuple[int, ...] = ()
) -> bytes:
    cells = b"".join(struct.pack("!i", -1) if v is None else struct.pack("!i", len(v)) + v for v in values)
    body = m.cstring(portal) + m.cstring(statement) + b"\0\0" + struct.pack("!H", len(values)) + cells
    return m.message(b"B", body + struct.pack(f"!H{len(results)}h", len(results), *results))


def execute(portal: str = "", rows: int = 0) -> bytes:
    return m.message(b"E", m.cstring(portal) + struct.pack("!i", rows))


def describe(kind: str, name: str = "") -> bytes:
    return m.message(b"D", kind.encode() + m.cstring(name))


def close(kind: str, name: str = "") -> bytes:
    return m.message(b"C", kind.encode() + m.cstring(name))


def described(*columns: tuple[str, int, int, int]) -> bytes:
    """RowDescription of (label, table OID, attribute number, type OID), in text."""
    cells = [
        m.cstring(label) + struct.pack("!IhIhih", table, number, oid, -1, -1, 0)
        for label, table, number, oid in columns
    ]
    return m.message(b"T", struct.pack("!H", len(cells)) + b"".join(cells))


def row(*cells: bytes | None) -> bytes:
    packed = b"".join(struct.pack("!i", -1) if c is None else struct.pack("!i", len(c)) + c for c in cells)
    return m.message(b"D", struct.pack("!H", len(cells)) + packed)


def complete(tag: str) -> bytes:
    return m.message(b"C", m.cstring(tag))


PARSED = m.message(b"1")
BOUND = m.message(b"2")
CLOSED = m.message(b"3")
NO_DATA = m.message(b"n")
NO_PARAMETERS = m.message(b"t", b"\0\0")
