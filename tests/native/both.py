"""One session without sockets, down to the journal's file: in Python alone, or with the compiled twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from vedette import native
from vedette.gate import Gate
from vedette.journal import Journal, JournalKeys
from vedette.masking.rewrite import rewrite
from vedette.model import Allow, Ask, Decision, Deny, Kind, Limit, MaskRule, Principal, Resource
from vedette.protocols.postgres.exchange import Exchange, Outcome
from vedette.protocols.postgres.judging import Judging
from vedette.protocols.postgres.lane import lane
from vedette.protocols.postgres.messages import ProtocolError
from vedette.protocols.postgres.reader import Reader
from vedette.protocols.postgres.relay import Relay
from vedette.protocols.postgres.requests import Requests
from vedette.protocols.postgres.responses import Responses
from vedette.protocols.postgres.results import Outputs
from vedette.protocols.postgres.samples import labels
from vedette.protocols.steps import Judge, Mask, Steps, ToDownstream, ToUpstream
from vedette.sql.catalog import Catalog, Column, Relation
from vedette.sql.reading import State
from vedette.trail import events
from vedette.trail.judgements import Keep

KEYS = JournalKeys.generate()
Turn = tuple[Sequence[bytes], Sequence[bytes]]
STATE = State(("pg_catalog", "public"), "app", "agent")
CUSTOMERS = Relation(
    16400, "public", "customers", "r",
    (Column(1, "id", 23), Column(2, "name", 25), Column(3, "email", 25), Column(4, "ssn", 25)),
)  # fmt: skip
SSN = MaskRule("hide-ssn", "redact", columns=("public.customers.ssn",))


class Rules:
    """Refuses what says DROP; what it allows carries its masks and limits."""

    hash = "0123456789ab"
    reads_text = False
    observing = False

    def __init__(self, masks: tuple[MaskRule, ...] = (), limits: tuple[Limit, ...] = ()) -> None:
        self.masks = masks
        self._limits = limits

    def decide(self, ask: Ask) -> Decision:
        if "DROP" in ask.action.text:
            return Decision(Deny("no", "not here"), self.hash)
        return Decision(Allow("test", self.masks, self._limits), self.hash)


class Shelf:
    """A catalogue that stays what it is until it is said to have changed."""

    def __init__(self) -> None:
        self.current = Catalog([CUSTOMERS], [])
        self.trusted: Catalog | None = self.current

    def should_refresh(self, unresolved: bool) -> bool:
        return False

    async def refresh(self) -> Catalog:
        return self.current


def _aside(work: Callable[[], Any]) -> Any:
    raise AssertionError("nothing here takes long")


class Both:
    """
    What is said goes through the relay as the drive would have it.

    *up*, *down* are what passed; *trouble* is the ProtocolError that ended it, if one did; `seen` is all of
    it with the journal's bytes. *taken* counts what the compiled lane took whole.
    """

    def __init__(self, folder: Path, rules: Rules, *, every: int = 1000, limit: int | None = None) -> None:
        self.up = self.down = b""
        self.trouble = ""
        self.taken = 0
        self._clock = 1_763_835_000.0
        self.shelf = Shelf()
        self.folder = folder
        self.journal = Journal.open(folder, KEYS, checkpoint_every=every, now=self.now)
        keep = Keep(lambda text, masks: text, lambda values, masks: values, lambda masks: True)
        who = Principal("agent-1", Kind.AGENT, frozenset({"agents"}))
        self.gate = Gate(
            who, Resource("appdb", "postgres"), "s-1",
            policy=rules, journal=self.journal, desk=None, keep=keep, now=self.now,  # type: ignore[arg-type]
        )  # fmt: skip
        self.exchange = Exchange("n0nce", STATE, report=self._report, interrupt=lambda: None)
        outputs = Outputs(self.shelf.current, b"k" * 32)
        self.responses = Responses(self.exchange, outputs, masks=rules.masks, value_cap=1 << 20)
        self.judging = Judging(
            self.gate, Reader(self.shelf, _aside), outputs,  # type: ignore[arg-type]
            told=lambda number, hold: None, observed=lambda allow: None, clock=self.now,
        )  # fmt: skip
        requests = Requests(self.exchange, statement_cap=1 << 20)
        self.lane = lane(
            "s-1", self.exchange, requests, self.responses, self.gate, self.shelf, self.journal,  # type: ignore[arg-type]
            clock=self.now, lost=lambda: None, moved=lambda up, down: None,
        )  # fmt: skip
        self.judging.lane = self.lane
        self.relay = Relay(self.exchange, requests, self.responses, self.judging, self.lane)

    def now(self) -> float:
        self._clock += 0.000_37
        return self._clock

    def _report(self, outcome: Outcome) -> None:
        """As the engine does."""
        seconds = self.now() - outcome.ruling.began
        event = events.ActionOutcome(
            at=self.now(), session="s-1", action=outcome.ruling.action,
            status="error" if outcome.sqlstate else "ok",
            rows=outcome.rows, bytes=outcome.size, tag=outcome.tag, sqlstate=outcome.sqlstate,
            masks=outcome.masked, duration=seconds if seconds > 0.0 else 0.0,
            columns=labels(outcome.described) if outcome.described else (),
        )  # fmt: skip
        self.journal.defer(*events.encode(event))

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
                answer = self.judging(step.draft)
            elif isinstance(step, Mask):
                try:
                    plan, run = step.plan, step.run
                    answer = rewrite(plan[0], run, plan[1]) if isinstance(plan, tuple) else plan(run)
                except Exception as error:  # noqa: BLE001  (the relay says what it leads to)
                    refused = error

    def caller_says(self, *pieces: bytes) -> None:
        for piece in pieces:
            passed = self.relay.quick_downstream(piece)
            self.taken += bool(passed)
            self.up += piece[:passed]
            if passed < len(piece):
                self._perform(self.relay.from_downstream(piece[passed:]))

    def server_says(self, *pieces: bytes) -> None:
        for piece in pieces:
            passed = self.relay.quick_upstream(piece)
            self.down += piece[:passed]
            if passed < len(piece):
                self._perform(self.relay.from_upstream(piece[passed:]))

    def play(self, turns: Sequence[tuple[Sequence[bytes], Sequence[bytes]]]) -> None:
        try:
            for said, answered in turns:
                self.caller_says(*said)
                self.server_says(*answered)
        except ProtocolError as problem:
            self.trouble = str(problem)

    def seen(self) -> dict[str, object]:
        """All that can be told apart, from outside or by what comes later."""
        x = self.relay.exchange
        names = x.names
        self.journal.close()
        return {
            "trouble": self.trouble,
            "up": self.up,
            "down": self.down,
            "journal": b"".join(file.read_bytes() for file in sorted(self.folder.glob("*.journal"))),
            "actions": (self.gate.actions, self.gate.denied),
            "counts": (x.session_rows, x.session_bytes, x.group, x.epoch),
            "flags": (x.status, x.locked, x.dropping, x.altered, x.dirty, x.discarding),
            "pending": [_entry(entry) for entry in x.pending],
            "statements": {name: _statement(one) for name, one in names.statements.confirmed.items()},
            "portals": {name: _portal(one) for name, one in names.portals.confirmed.items()},
            "in flight": (
                {name: list(map(_statement, each)) for name, each in names.statements._in_flight.items()},
                {name: list(map(_portal, each)) for name, each in names.portals._in_flight.items()},
            ),
        }


def _ruling(ruling: Any) -> object:
    return ruling and (ruling.verdict, ruling.facts, ruling.action, ruling.began)


def _statement(one: Any) -> object:
    return one and (one.name, one.text, one.types, one.group, one.described, one.epoch, one.asked)


def _portal(one: Any) -> object:
    draft = one and one.draft
    said = draft and (
        draft.kind, draft.text, draft.message, draft.state, draft.locked, draft.parameters, draft.formats,
        draft.types, draft.problem, draft.altered,
    )  # fmt: skip
    return one and (
        one.name, _statement(one.statement), _ruling(one.ruling), said, one.formats, one.group, one.described,
        one.epoch, one.asked,
    )  # fmt: skip


def _entry(one: Any) -> object:
    return (
        one.kind, _ruling(one.ruling), _statement(one.statement), _portal(one.portal), one.target, one.swallow,
        one.rows, one.bytes, one.opened, one.described, one.plan is None, one.masks, one.limits, one.epoch,
    )  # fmt: skip


@contextmanager
def using(twin: bool) -> Iterator[None]:
    """With the compiled twin, or with Python alone."""
    with pytest.MonkeyPatch.context() as patch:
        if not twin:
            patch.setattr(native, "compiled", None)
        yield


def play(
    turns: Sequence[Turn], *, twin: bool, rules: Rules | None = None, every: int = 1000, lose: int = 99
) -> tuple[dict[str, object], int]:
    """What came of it, and how much the compiled lane took. The catalogue is lost before turn *lose*."""
    with TemporaryDirectory() as folder, using(twin):
        both = Both(Path(folder, "journal"), rules or Rules(), every=every)
        for number, turn in enumerate(turns):
            if number == lose:
                both.shelf.trusted = None
            both.play([turn])
            if both.trouble:
                break
        taken = both.lane.swift if both.lane is not None else None
        return both.seen(), both.taken if taken is not None else -1


def same(turns: Sequence[Turn], **settings: object) -> int:
    """Both ways come to the same; how many reads the lane, or its twin, took."""
    (pure, _), (swift, taken) = (play(turns, twin=twin, **settings) for twin in (False, True))  # type: ignore[arg-type]
    if pure["trouble"]:
        # Some of the last read may have been passed on, and counted, before.
        wanted = ("trouble", "up", "actions", "journal")
    else:
        wanted = tuple(pure)
    assert {key: swift[key] for key in wanted} == {key: pure[key] for key in wanted}
    return taken
