"""The desk: parks what needs people, and lets through exactly what they approved.

Everything is said on record (``hold.*`` events) before it takes effect. The store decides races;
this process only remembers who is waiting here, and looks for what other processes decided.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable

from vedette.approvals import answers, quorum
from vedette.approvals.clocks import GRACE, Deadlines, boot_clock
from vedette.approvals.digest import digest, terms
from vedette.approvals.names import sayable
from vedette.approvals.notice import Notices, Subscription
from vedette.approvals.quorum import NotAllowed
from vedette.model import Allow, Ask, Deny, Hold, Principal, Touch
from vedette.store.errors import StoreError
from vedette.store.holds import OPEN, DecisionRow, HoldRow, Holds, Mode, Status
from vedette.trail import events

log = logging.getLogger(__name__)

Record = Callable[[events.Event], object]
Shown = Callable[[Ask], tuple[str, tuple[str | None, ...]]]

#: How often the store is asked what others decided, in seconds: while somebody waits, and otherwise.
POLL = 0.25
IDLE = 2.0


def _as_written(ask: Ask) -> tuple[str, tuple[str | None, ...]]:
    return ask.action.text, ask.action.parameters


class Desk:
    """Where people are asked.

    *record* writes an event to the journal and raises OSError where it cannot; nothing
    takes effect then. *shown* is what approvers see (and what is kept) of an action's
    text and parameters: the place to mask them. Errors of the store and the journal come out as
    OSError: the caller must take them for a refusal.
    """

    def __init__(
        self, holds: Holds, record: Record, *, now: Callable[[], float] = time.time,
        clock: Callable[[], float] = boot_clock, worker: str = "main", shown: Shown = _as_written,
    ) -> None:  # fmt: skip
        self._holds = holds
        self._record = record
        self._now = now
        self._worker = worker
        self._shown = shown
        self._boot = secrets.token_hex(8)
        self._deadlines = Deadlines(now, clock)
        self._notices = Notices()
        self._waiting: dict[str, asyncio.Future[Status]] = {}
        self._opening = asyncio.Lock()
        self._look = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._closed = False

    # -- asking -----------------------------------------------------------------------

    async def wait(self, ask: Ask, hold: Hold, policy: str, *, told: Callable[[str], None]) -> Allow | Deny:
        """Park until people have decided or the hold's patience is over.

        *told* gets the hold's id once it can be seen. Cancelling withdraws the hold. An approved
        ticket for the same action is used first, without asking anybody again.
        """
        passed = await self._redeem(ask, hold, policy)
        if passed is not None:
            return passed
        done: asyncio.Future[Status] = asyncio.get_running_loop().create_future()
        row = await self._open(ask, hold, policy, "wait", lambda name: self._waiting.__setitem__(name, done))
        if row is None:
            return answers.unavailable(hold)
        self._look.set()
        try:
            told(row.id)
            if self._closed and not done.done():
                # Put on record while the desk closed: nobody would ever answer. `start` withdraws it.
                done.set_result("withdrawn")
            status = await done
        except BaseException:
            self._withdraw_later(row.id, "the caller went away")
            raise
        finally:
            self._waiting.pop(row.id, None)
        return await self._after(ask, hold, row, status)

    async def ticket(self, ask: Ask, hold: Hold, policy: str) -> Allow | Deny:
        """Use an approved ticket for exactly this action, or say under which name one waits."""
        async with self._opening:
            for _ in range(3):
                passed = await self._redeem(ask, hold, policy)
                if passed is not None:
                    return passed
                standing = await self._standing(ask, hold, policy)
                if standing is not None:
                    return standing
                row = await self._open(ask, hold, policy, "ticket", lambda name: None)
                if row is not None:
                    return answers.required(hold, row.id)
        # Other processes opened and ended the same ticket three times meanwhile.
        return answers.unavailable(hold)

    # -- deciding ---------------------------------------------------------------------

    async def decide(self, hold_id: str, by: Principal, approve: bool, reason: str = "") -> HoldRow:
        """What one person says about a hold; the hold as it is afterwards.

        Raises:
            NotAllowed: it does not count; its code says why.
        """
        late = False
        async with self._holds.changing(hold_id) as change:
            if change is None:
                raise NotAllowed("approval.unknown", f"there is no hold named {hold_id}")
            row = change.row
            if row.status != "pending":
                raise NotAllowed("approval.over", f"{hold_id} is {row.status} already")
            late = self._deadlines.over(row)
            if late:
                self._record(events.HoldExpired(at=self._now(), hold=hold_id, was=row.status))
                await change.close("expired")
            else:
                quorum.check(row, by)
                said = DecisionRow(by.id, by.subject, by.email or "", approve, reason, self._now(), by.owner)
                status = quorum.outcome(row, (*row.decisions, said))
                expires = row.expires
                if status == "approved":
                    expires = self._now() + (GRACE if row.mode == "wait" else row.patience)
                self._record(
                    events.HoldDecided(
                        at=said.at, hold=hold_id, by=events.caller(by), approve=approve, status=status,
                        reason=reason, expires=expires,
                    )
                )  # fmt: skip
                await change.decide(said, status, expires)
        changed = await self._changed(hold_id)
        if late:
            raise NotAllowed("approval.over", f"{hold_id} has expired")
        return changed

    async def withdraw(self, hold_id: str, why: str) -> None:
        """Take a hold back: the caller hung up, or what it was for is gone. Nothing if it is over."""
        await self._end(hold_id, "withdrawn", why)

    # -- looking ----------------------------------------------------------------------

    async def pending(self) -> list[HoldRow]:
        """What waits for a decision, newest first."""
        return [row for row in await self._holds.find(("pending",)) if not self._deadlines.over(row)]

    async def get(self, hold_id: str) -> HoldRow | None:
        return await self._holds.get(hold_id)

    def subscribe(self) -> Subscription:
        """Every change of every hold from now on, those made by other processes too."""
        self._look.set()
        return self._notices.subscribe()

    # -- the desk's own work ----------------------------------------------------------

    async def start(self) -> None:
        """Settle what an earlier run of this worker left, then keep looking at the store."""
        for row in await self._holds.find(OPEN):
            if row.mode == "wait" and row.worker == self._worker and row.boot != self._boot:
                await self.withdraw(row.id, "the gateway restarted")
        await self.sweep()
        self._runner = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Withdraw what still waits here, and stop looking."""
        self._closed = True
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
        for name, done in list(self._waiting.items()):
            self._withdraw_later(name, "the gateway stops")
            if not done.done():
                done.set_result("withdrawn")
        await asyncio.gather(*self._goodbyes)
        self._notices.close()

    async def sweep(self) -> None:
        """Look once: expire what is over, wake whoever waits for what others decided."""
        pinned = self._deadlines.known
        rows = await self._holds.find(OPEN)
        for row in rows:
            if self._deadlines.over(row):
                await self._end(row.id, "expired", "")
            else:
                self._settle(row)
        present = frozenset(row.id for row in rows)
        for name in {*self._waiting, *self._notices.missing(present)} - present:
            gone = await self._holds.get(name)
            if gone is not None:
                self._settle(gone)
        self._deadlines.forget(pinned - present - self._waiting.keys())

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep()
            except OSError as error:
                log.error("holds cannot be looked after: %s", error)
                self._give_up()
            pause = POLL if self._waiting or self._notices.wanted else IDLE
            self._look.clear()
            try:
                async with asyncio.timeout(pause):
                    await self._look.wait()
                    # Somebody begins to wait: from here on look often.
            except TimeoutError:
                pass

    def _give_up(self) -> None:
        """Without a store or a journal time still ends: whoever waited long enough is refused."""
        for name, done in self._waiting.items():
            if self._deadlines.passed(name) and not done.done():
                done.set_result("expired")

    # -- the inside -------------------------------------------------------------------

    async def _open(
        self, ask: Ask, hold: Hold, policy: str, mode: Mode, named: Callable[[str], None]
    ) -> HoldRow | None:
        """Put a hold on record, then where people see it; None where a live ticket is there already."""
        row = await self._draft(ask, hold, policy, mode)
        named(row.id)
        on_record = False
        try:
            self._record(_opened(ask, row))
            on_record = True
            self._deadlines.pin(row)
            if await self._holds.add(row):
                self._notices.tell(row)
                return row
        except UnicodeError:
            # Text that has no form in UTF-8 cannot be recorded, so nobody can be asked about it.
            self._waiting.pop(row.id, None)
            return None
        except BaseException:
            self._waiting.pop(row.id, None)
            self._withdraw_later(row.id, "it could not be put before anybody", on_record=on_record)
            raise
        self._waiting.pop(row.id, None)
        why = "another process asked for the same at the same time"
        self._record(events.HoldWithdrawn(at=self._now(), hold=row.id, reason=why))
        return None

    async def _draft(self, ask: Ask, hold: Hold, policy: str, mode: Mode) -> HoldRow:
        name = sayable()
        while await self._holds.get(name) is not None:
            name = sayable()
        principal, action, at = ask.principal, ask.action, self._now()
        text, parameters = self._shown(ask)
        return HoldRow(
            id=name, created=at, expires=at + hold.patience, patience=hold.patience, session=ask.session,
            principal=principal.id, kind=principal.kind.value, groups=tuple(sorted(principal.groups)),
            email=principal.email or "", actor=principal.actor or "", owner=principal.owner,
            resource=ask.resource.name,
            protocol=action.protocol, form=action.kind, text=text, parameters=parameters, state=action.state,
            touches=tuple((it.effect.value, it.object, it.resolved, it.implied) for it in action.touches),
            rule=hold.rule, reason=hold.reason, approvers=tuple(sorted(hold.approvers)),
            count=max(1, hold.count), mode=mode, uses=hold.uses if mode == "ticket" else 1,
            uses_left=hold.uses if mode == "ticket" else 1, status="pending", digest=digest(ask, policy),
            terms=terms(hold), policy=policy, worker=self._worker, boot=self._boot, preview=action.preview,
        )  # fmt: skip

    async def _redeem(self, ask: Ask, hold: Hold, policy: str) -> Allow | None:
        """Use an approved ticket for this action, where there is one."""
        for row in await self._holds.tickets(digest(ask, policy), terms(hold)):
            if row.status == "approved":
                if self._deadlines.over(row):
                    await self._end(row.id, "expired", "")
                elif (left := await self._consume(ask, row)) is not None:
                    return self._allow(ask, hold, row, left)
        return None

    async def _standing(self, ask: Ask, hold: Hold, policy: str) -> Deny | None:
        """What there is to say about a ticket for this action that was asked for before."""
        for row in await self._holds.tickets(digest(ask, policy), terms(hold)):
            if row.status == "pending":
                if not self._deadlines.over(row):
                    return answers.required(hold, row.id)
                await self._end(row.id, "expired", "")
            elif row.status == "denied" and self._now() < row.expires:
                # Asking again at once does not wear approvers down.
                return answers.refused(hold, row)
        return None

    async def _after(self, ask: Ask, hold: Hold, row: HoldRow, status: Status) -> Allow | Deny:
        """The answer to a caller who waited."""
        if status == "approved":
            left = await self._consume(ask, row)
            return answers.spent(hold, row.id) if left is None else self._allow(ask, hold, row, left)
        if status == "denied":
            return answers.refused(hold, await self._holds.get(row.id) or row)
        return answers.expired(hold, row.id) if status == "expired" else answers.withdrawn(hold, row.id)

    async def _consume(self, ask: Ask, row: HoldRow) -> int | None:
        return await self._holds.consume(
            row.id, digest=row.digest, terms=row.terms, session=ask.session, now=self._now()
        )

    def _allow(self, ask: Ask, hold: Hold, row: HoldRow, left: int) -> Allow:
        """The use is taken; it is on record before anything passes."""
        self._record(events.HoldUsed(at=self._now(), hold=row.id, session=ask.session, left=left))
        self._look.set()
        return Allow(hold.rule, hold.masks, hold.limits, approval=row.id)

    async def _end(self, hold_id: str, status: Status, why: str, *, on_record: bool = False) -> None:
        """Expire or withdraw an open hold, on record first.

        With *on_record*, its opening is on record though the store may never have seen it:
        its end is put on record all the same.
        """
        async with self._holds.changing(hold_id) as change:
            if change is None:
                if on_record:
                    self._record(events.HoldWithdrawn(at=self._now(), hold=hold_id, reason=why))
                return
            if change.row.status in OPEN:
                at, was = self._now(), change.row.status
                if status == "expired":
                    self._record(events.HoldExpired(at=at, hold=hold_id, was=was))
                else:
                    self._record(events.HoldWithdrawn(at=at, hold=hold_id, reason=why))
                await change.close(status)
        await self._changed(hold_id)

    async def _changed(self, hold_id: str) -> HoldRow:
        row = await self._holds.get(hold_id)
        if row is None:
            raise StoreError(f"the hold {hold_id} is gone from the store")
        self._settle(row)
        return row

    def _settle(self, row: HoldRow) -> None:
        """Tell whoever listens, and wake who waits for this hold if there is something to wake for."""
        if row.status in OPEN:
            self._deadlines.pin(row)
        self._notices.tell(row)
        done = self._waiting.get(row.id)
        if done is not None and row.status != "pending" and not done.done():
            done.set_result(row.status)

    def _withdraw_later(self, hold_id: str, why: str, *, on_record: bool = False) -> None:
        """Withdraw without keeping a cancelled caller waiting for it."""

        async def goodbye() -> None:
            try:
                await self._end(hold_id, "withdrawn", why, on_record=on_record)
            except OSError as error:
                # Nobody waits for it any more, so an approval of it opens nothing; it expires.
                log.error("the hold %s could not be withdrawn: %s", hold_id, error)

        task = asyncio.create_task(goodbye())
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)


def _opened(ask: Ask, row: HoldRow) -> events.HoldOpened:
    touches: tuple[Touch, ...] = ask.action.touches
    return events.HoldOpened(
        at=row.created, hold=row.id, session=row.session, who=events.caller(ask.principal),
        resource=row.resource, protocol=row.protocol, form=row.form, text=row.text, touches=touches,
        rule=row.rule, reason=row.reason, approvers=row.approvers, count=row.count, mode=row.mode,
        uses=row.uses, patience=row.patience, expires=row.expires, digest=row.digest, terms=row.terms,
        policy=row.policy, parameters=row.parameters, state=row.state, preview=row.preview,
    )  # fmt: skip
