"""The compiled lane of a session, and what it leaves for the other way.

The lane (`vedette_native.Lane`) does in one call what `express` and `Responses.quick` do, down to
the journal, and makes no objects for it. So whoever looks at the exchange calls `settle` first:
what the lane did, and what it was in the middle of, then stands where it would stand had Python done it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from vedette import native
from vedette.gate import Gate
from vedette.journal.append import Journal
from vedette.masking.plan import CannotMask
from vedette.protocols.postgres.before import Known, Stamp
from vedette.protocols.postgres.binds import read_bind, show
from vedette.protocols.postgres.exchange import Exchange, Pending, Ruling
from vedette.protocols.postgres.messages import ProtocolError, read_u16
from vedette.protocols.postgres.names import Portal, Statement
from vedette.protocols.postgres.reader import Keeper
from vedette.protocols.postgres.requests import Requests
from vedette.protocols.postgres.responses import Responses


class Lane:
    """
    *swift* is the compiled part. *moved* is told how many bytes it passed, up and down.

    Made by `lane`, for sessions of which no rows are kept.
    """

    def __init__(
        self,
        session: str,
        exchange: Exchange,
        requests: Requests,
        responses: Responses,
        gate: Gate,
        keeper: Keeper,
        journal: Journal,
        *,
        clock: Callable[[], float],
        lost: Callable[[], None],
        moved: Callable[[int, int], None],
    ) -> None:
        self._x = exchange
        self._requests = requests
        self._responses = responses
        self._outputs = responses.outputs
        self._records = gate.records
        self._moved = moved
        self._catalog = self._outputs.catalog
        self.swift = native.compiled.Lane(
            session, exchange=exchange, requests=requests, responses=responses, gate=gate,
            records=gate.records, keeper=keeper, journal=journal, chain=journal.chain, clock=clock,
            clear=self._is_clear, show=show, lost=lost, write=os.write,
        )  # fmt: skip

    def teach(self, kind: str, key: str, stamp: Stamp, known: Known) -> None:
        """From here on *known* is what holds for *key*, a text or the shape of one, under *stamp*."""
        allow = known.allow
        self._catalog = stamp[1]
        if allow.limits or not self._records.as_said(stamp[2].masks):
            return
        masked, locks = bool(allow.masks), known.facts.writes_or_locks
        self.swift.keep(kind, key, stamp, known, known.mould.parts, masked, locks)

    def _is_clear(self, known: Known, described: bytes, formats: bytes | None) -> bool:
        """Whether nothing of a result that is described so is hidden."""
        shorts = (
            None if formats is None else tuple(read_u16(formats, n)[0] for n in range(0, len(formats), 2))
        )
        # The plan of masks goes by the same catalogue as the reading.
        self._outputs.catalog = self._catalog
        try:
            return self._outputs.plan(described, shorts, known.allow.masks, known.facts) is None
        except (ProtocolError, CannotMask):
            return False  # the other way says what is wrong with it

    # --- what it leaves -------------------------------------------------------------------

    def settle(self) -> None:
        """Close the lane: from here on the exchange is as it is."""
        left = self.swift.take()
        if left is None:
            return
        x = self._x
        self._moved(left.up, left.down)
        self._requests.copies_are_over()
        self._outputs.catalog = left.catalog
        self._records.number = left.number
        x.group, x.status, x.locked = left.group, left.status, left.locked
        x.session_rows += left.rows
        x.session_bytes += left.bytes
        self._responses.skip(left.passing)
        before = self._statement(left.fresh_before)
        fresh = self._statement(left.fresh)
        self._portal(left.portal_before, before or fresh)
        portal = self._portal(left.portal, fresh)
        if left.waiting is not None:
            self._wait(left.waiting, fresh, portal)

    def _statement(self, told: tuple[str, tuple[int, ...], int, bool] | None) -> Statement | None:
        if told is None:
            return None
        text, types, group, confirmed = told
        statement = Statement(b"", text, types, group)
        names = self._x.names.statements
        names.confirm(statement) if confirmed else names.send(statement)
        return statement

    def _portal(self, told: Any, fresh: Statement | None) -> Portal | None:
        if told is None:
            return None
        (body, statement, known, action, began), (locked, group, asked, described, confirmed) = told
        x = self._x
        bind = read_bind(body)
        bound: Statement | None = statement or fresh
        draft = self._requests.draft(
            "execute", bound.text if bound is not None else None, body,
            parameters=bind.parameters, formats=bind.formats, types=bound.types if bound is not None else (),
        )  # fmt: skip
        draft.locked = locked
        ruling = Ruling(known.allow, known.facts, action, began)
        portal = Portal(b"", bound, ruling, draft, bind.results, group, described, x.epoch)
        if asked:
            portal.asked = (group, x.epoch)
        x.names.portals.confirm(portal) if confirmed else x.names.portals.send(portal)
        return portal

    def _wait(self, told: Any, fresh: Statement | None, portal: Portal | None) -> None:
        """What the server still owes."""
        (kinds, prepared, known, action, began), (rows, size, opened, described) = told
        x = self._x
        ruling = Ruling(known.allow, known.facts, action, began)
        if portal is not None and kinds != "Q":
            ruling = portal.ruling
        for kind in kinds:
            x.push(self._entry(kind, ruling, prepared, began, fresh, portal))
        head = x.pending[0]
        head.rows, head.bytes, head.opened, head.described = rows, size, opened, described

    def _entry(
        self,
        kind: str,
        ruling: Ruling,
        prepared: tuple[Known, str] | None,
        began: float,
        fresh: Statement | None,
        portal: Portal | None,
    ) -> Pending:
        if kind == "P" and prepared is not None:
            known, action = prepared
            return Pending("P", Ruling(known.allow, known.facts, action, began), statement=fresh)
        if kind == "B" and portal is not None and portal.statement is not None:
            bound = portal.statement
            return Pending("B", ruling, statement=bound, portal=portal, target=bound.name)
        if kind == "D":
            return Pending("D", target=b"P", epoch=self._x.epoch)
        return Pending("S") if kind == "S" else Pending(kind, ruling)


def lane(
    session: str,
    exchange: Exchange,
    requests: Requests,
    responses: Responses,
    gate: Gate,
    keeper: Keeper,
    journal: object,
    *,
    clock: Callable[[], float],
    lost: Callable[[], None],
    moved: Callable[[int, int], None],
) -> Lane | None:
    """The lane of a session whose judgements and outcomes go to *journal*; None where there is none."""
    if native.compiled is None or exchange.sample_bytes or not isinstance(journal, Journal):
        return None
    if not isinstance(journal.chain, native.compiled.Chain):
        return None
    return Lane(
        session, exchange, requests, responses, gate, keeper, journal, clock=clock, lost=lost, moved=moved
    )
