"""Between the relay and the gate: reads a draft, puts it to the gate, says what was ruled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from vedette.gate import Gate, Ruled
from vedette.masking.plan import CannotMask
from vedette.model import Action, Allow, Deny, Effect, Hold, Touch
from vedette.protocols.postgres.astray import astray
from vedette.protocols.postgres.before import Again, Before, Known, leaves_nothing
from vedette.protocols.postgres.binds import show
from vedette.protocols.postgres.catalogue import CatalogueError
from vedette.protocols.postgres.exchange import Draft, Ruling
from vedette.protocols.postgres.lane import Lane
from vedette.protocols.postgres.messages import ProtocolError
from vedette.protocols.postgres.reader import UNREADABLE, Reader
from vedette.protocols.postgres.results import Outputs
from vedette.sql.catalog import Catalog
from vedette.sql.facts import Facts
from vedette.sql.reading import State

# What pg_stats and its kin hold are values of the columns themselves.
_STATISTICS = frozenset(
    {
        "pg_catalog.pg_statistic",
        "pg_catalog.pg_statistic_ext_data",
        "pg_catalog.pg_stats",
        "pg_catalog.pg_stats_ext",
        "pg_catalog.pg_stats_ext_exprs",
        "pg_catalog.pg_largeobject",
    }
)

_USES = frozenset({Effect.READ, Effect.WRITE, Effect.DELETE, Effect.EXECUTE, Effect.EXPORT})
_CERTAIN = ("pg_catalog.", "information_schema.", "setting:", "function:pg_catalog.")


class Judging:
    """One session's answer to `Judge`."""

    def __init__(
        self,
        gate: Gate,
        reader: Reader,
        outputs: Outputs,
        *,
        told: Callable[[str, Hold], None],
        observed: Callable[[Allow], None],
        clock: Callable[[], float],
    ) -> None:
        self.gate = gate
        self._reader = reader
        self._keeper = reader.keeper
        self._outputs = outputs
        self._told = told
        self._observed = observed
        self._clock = clock
        self._state: tuple[State, tuple[tuple[str, str], ...]] | None = None
        self._again = Before()
        #: The compiled lane, which has to be taught what is known.
        self.lane: Lane | None = None

    def give_up(self) -> None:
        """The caller no longer wants what it waits for."""
        self.gate.give_up()

    def __call__(self, draft: Draft) -> Ruling | Awaitable[Ruling]:
        if draft.problem:
            return self._unreadable(draft)
        facts = self._reader.read(draft)
        if not isinstance(facts, Facts):
            return self._later(draft, facts)
        if draft.altered:
            facts = self._uncertain(facts)
        ruled = self._judge(draft, facts)
        if isinstance(ruled, Ruled):
            self._remember(draft, facts, ruled.verdict)
            return self._said(ruled, facts)
        return self._ruling(ruled, facts)

    # --- what was judged before -----------------------------------------------------------

    def known(self, kind: str, text: str, state: State) -> Known | None:
        """The verdict on *text*, where it would be the same again."""
        return self._again.look_up(kind, text, state, self._keeper.trusted, self.gate.rules)

    def passed(self, uses: Sequence[Again]) -> list[Ruling] | None:
        """Put *uses* on record as allowed once more; None where that cannot be done."""
        names = self.gate.again(uses)
        if names is None:
            return None
        # The plan of masks goes by the same catalogue as the reading.
        self._outputs.catalog = self._keeper.current
        now = self._clock()
        return [
            Ruling(known.allow, known.facts, name, now)
            for (known, _, _, _), name in zip(uses, names, strict=True)
        ]

    def _remember(self, draft: Draft, facts: Facts, verdict: Allow | Deny) -> None:
        policy = self.gate.rules
        if policy.reads_text or draft.altered or not isinstance(verdict, Allow) or draft.text is None:
            return
        if verdict.observed is None and not verdict.approval and leaves_nothing(facts):
            try:
                mould = self.gate.mould(self._action(draft, facts), verdict)
            except ValueError:
                return  # no mould can be made of it: it is judged and recorded anew each time
            stamp = (draft.state, self._keeper.current, policy)
            known = Known(facts, verdict, mould)
            key = self._again.keep(draft.kind, draft.text, stamp, known)
            if self.lane is not None:
                self.lane.teach(draft.kind, key, stamp, known)

    async def _later(self, draft: Draft, coming: Awaitable[Facts]) -> Ruling:
        try:
            facts = await coming
        except CatalogueError as problem:
            deny = Deny("catalogue", str(problem), "try again later", "upstream.catalogue")
            ruled = self.gate.refuse(self._action(draft, UNREADABLE, str(problem)), draft.message, deny)
            return self._said(ruled, UNREADABLE)
        # The plan of masks goes by the same catalogue as the reading.
        self._outputs.catalog = self._reader.catalog
        if draft.altered:
            facts = self._uncertain(facts)
        judged = self._judge(draft, facts)
        if isinstance(judged, Ruled):
            return self._said(judged, facts)
        return await self._ruling(judged, facts)

    async def _ruling(self, ruled: Awaitable[Ruled], facts: Facts) -> Ruling:
        return self._said(await ruled, facts)

    def _said(self, ruled: Ruled, facts: Facts) -> Ruling:
        verdict = ruled.verdict
        if isinstance(verdict, Allow) and verdict.observed is not None:
            self._observed(verdict)
        return Ruling(verdict, facts, ruled.action, self._clock())

    def _unreadable(self, draft: Draft) -> Ruling:
        code = "protocol.oversize" if draft.oversize else "protocol.unreadable"
        deny = Deny("protocol", draft.problem, "send it as one readable statement", code)
        action = self._action(draft, UNREADABLE, draft.problem)
        ruled = self.gate.refuse(action, draft.message, deny)
        return Ruling(ruled.verdict, UNREADABLE, ruled.action, self._clock())

    @staticmethod
    def _uncertain(facts: Facts) -> Facts:
        """In a transaction that changed a view or function itself, and that only it can see."""
        if not any(
            t.effect in _USES and t.object and not t.object.startswith(_CERTAIN) for t in facts.touches
        ):
            return facts
        reason = "this transaction changed what names mean; commit first"
        return replace(facts, touches=(*facts.touches, Touch(Effect.UNKNOWN)), reason=facts.reason or reason)

    def _judge(self, draft: Draft, facts: Facts) -> Ruled | Awaitable[Ruled]:
        self._outputs.catalog = self._reader.catalog
        copy = facts.copy
        if copy is not None and facts.statements > 1:
            deny = Deny("protocol", "a COPY among other statements", "send COPY alone", "protocol.unreadable")
            return self.gate.refuse(self._action(draft, facts), draft.message, deny)
        catalog = self._reader.catalog
        return self.gate.judge(
            self._action(draft, facts),
            draft.message,
            check=lambda allow: self._still(draft, facts, catalog) or self._check(allow, facts),
            told=self._told,
            locked=draft.locked,
        )

    def _still(self, draft: Draft, facts: Facts, catalog: Catalog) -> Deny | None:
        """A catalogue that changed while people were asked may have changed what the text means."""
        if self._reader.catalog is catalog or draft.text is None:
            return None
        if self._reader.read_now(draft).touches == facts.touches:
            return None
        reason = "what the statement works on changed while people were asked"
        return Deny("approval", reason, "ask again", "approval.void")

    def _check(self, allow: Allow, facts: Facts) -> Deny | None:
        """Whether the masks can be kept; what cannot be masked is refused, never passed."""
        hint = "ask for columns that are not masked"
        columns = any(rule.columns for rule in allow.masks)
        if columns and any(touch.object in _STATISTICS for touch in facts.touches):
            return Deny("masking", "statistics quote masked columns", hint, "masking.refused")
        why = astray(self._outputs, allow.masks, facts)
        if why:
            return Deny("masking", why, hint, "masking.refused")
        copy = facts.copy
        if copy is None or copy.direction != "out" or not copy.stdio:
            return None
        if copy.query:
            unseen = Deny(
                "masking", "the query of this COPY could not be told apart", hint, "masking.refused"
            )
            return None if copy.text else unseen
        try:
            self._outputs.copy_plan(facts, allow.masks, b"")
        except (CannotMask, ProtocolError) as problem:
            return Deny("masking", str(problem), hint, "masking.refused")
        return None

    def _action(self, draft: Draft, facts: Facts, problem: str = "") -> Action:
        types = draft.types
        return Action(
            "postgres",
            draft.kind,
            draft.text or "",
            facts.touches,
            tuple(
                show(value, draft.formats[n], types[n] if n < len(types) else 0)
                for n, value in enumerate(draft.parameters)
            )
            if draft.parameters
            else (),
            facts.for_policy(),
            self._state_of(draft.state),
            problem or facts.reason,
        )

    def _state_of(self, state: State) -> tuple[tuple[str, str], ...]:
        """What changes the meaning of the text, as records and approvals carry it."""
        if self._state is None or self._state[0] is not state:
            path = ", ".join(state.search_path) or "unknown"
            found = (("database", state.database), ("role", state.role), ("search_path", path))
            self._state = (state, found)
        return self._state[1]
