"""The gate: judge, hold, journal, answer. The only place that knows the order.

Every engine goes through it. What it answers is on record by then; what could
not be recorded is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from vedette.model import Action, Allow, Ask, Decision, Deny, Hold, MaskRule, Principal, Resource, Verdict
from vedette.trail.judgements import Journal, Judgements, Keep, Like, Mould, Parameters


class Policy(Protocol):
    """What a session's rules say. *reads_text*: a verdict may hang on more than touches and facts."""

    @property
    def hash(self) -> str: ...
    @property
    def reads_text(self) -> bool: ...
    @property
    def masks(self) -> tuple[MaskRule, ...]: ...
    def decide(self, ask: Ask) -> Decision: ...


class Desk(Protocol):
    """Where people are asked."""

    def wait(
        self, ask: Ask, hold: Hold, policy: str, *, told: Callable[[str], None]
    ) -> Coroutine[Any, Any, Allow | Deny]: ...
    def ticket(self, ask: Ask, hold: Hold, policy: str) -> Coroutine[Any, Any, Allow | Deny]: ...


@dataclass(frozen=True, slots=True)
class Ruled:
    """The final word on an action, and the id under which it stands in the journal."""

    verdict: Allow | Deny
    action: str


_UNRECORDED = Deny(
    "journal", "the journal cannot be written, so nothing may run", "tell the operator", "journal.unavailable"
)
# How many decisions are remembered per session before it starts afresh.
MAX_DECISIONS = 4096


class Gate:
    """One session's gate."""

    def __init__(
        self,
        principal: Principal,
        resource: Resource,
        session: str,
        *,
        policy: Policy,
        journal: Journal,
        desk: Desk,
        keep: Keep,
        now: Callable[[], float],
    ) -> None:
        self.principal = principal
        self.resource = resource
        self.session = session
        self.denied = 0
        self._policy = policy
        self._records = Judgements(principal, resource, session, journal=journal, keep=keep, now=now)
        self._desk = desk
        self._asking: asyncio.Task[Allow | Deny] | None = None
        self._decided: dict[tuple[str, int, int], tuple[Action, Decision]] = {}

    @property
    def records(self) -> Judgements:
        """What puts its judgements on record."""
        return self._records

    @property
    def actions(self) -> int:
        """How many there were so far."""
        return self._records.number

    @property
    def policy(self) -> str:
        """The version that judges now."""
        return self._policy.hash

    def use(self, policy: Policy) -> None:
        """From here on judge by *policy*; what was decided before is forgotten."""
        self._policy = policy
        self._decided.clear()

    def judge(
        self,
        action: Action,
        message: bytes,
        *,
        check: Callable[[Allow], Deny | None],
        told: Callable[[str, Hold], None],
        locked: bool = False,
    ) -> Ruled | Awaitable[Ruled]:
        """
        The final word on *action*, already on record when this (or what it awaits) returns.

        *message* is what the caller sent, byte for byte; its digest is recorded.
        *check* is asked of an Allow with obligations whether they can be met, and of an
        approved action whether it is still what people approved. *told* is
        called with a hold's id once people are being waited for. *locked*: the
        caller may hold locks, so nobody is waited for unless the rule says so.
        """
        ask = Ask(self.principal, self.resource, action, self.session)
        decision = self._decide(ask)
        verdict = decision.verdict
        if isinstance(verdict, Hold):
            if action.kind == "prepare":
                # Preparing runs nothing; people are asked when it is bound, with its values.
                verdict = Allow(verdict.rule, verdict.masks, verdict.limits)
            else:
                return self._ask_people(ask, decision, verdict, message, check, told, locked)
        ruled = self._conclude(ask, decision.policy, verdict, message, check)
        return ruled if self._records.on_disk is None else self._settled(ruled)

    def refuse(self, action: Action, message: bytes, deny: Deny) -> Ruled:
        """Record a refusal that no rule had to speak for: what cannot be read at all."""
        ask = Ask(self.principal, self.resource, action, self.session)
        return self._record(ask, self._policy.hash, deny, message)

    @property
    def rules(self) -> Policy:
        """What it judges by now."""
        return self._policy

    def mould(self, action: Action, allow: Allow) -> Mould:
        """For `again`: the record of *allow* on *action*, but for what differs each time."""
        return self._records.mould(action, allow, self._policy.hash)

    def again(self, uses: Sequence[tuple[Like, bytes, str, Parameters]]) -> list[str] | None:
        """
        Allow what was allowed before, when nothing that the verdict hangs on has changed.

        *uses*: like what it is, the message, its text and its parameters. Returns the
        actions' ids; None where they could not be recorded at once: then none of them may pass.
        """
        return self._records.again(uses, self._policy.masks)

    def give_up(self) -> None:
        """The caller no longer wants what it waits for: nobody has to answer it."""
        waiting, self._asking = self._asking, None
        if waiting is not None:
            waiting.cancel()

    def _decide(self, ask: Ask) -> Decision:
        policy = self._policy
        if policy.reads_text:
            return policy.decide(ask)
        # Touches and facts come from a cache, so the same objects mean the same decision;
        # the remembered action keeps them alive, so that no id is used again.
        action = ask.action
        key = (action.kind, id(action.touches), id(action.facts))
        known = self._decided.get(key)
        if known is not None:
            return known[1]
        if len(self._decided) >= MAX_DECISIONS:
            self._decided.clear()
        decision = policy.decide(ask)
        self._decided[key] = (action, decision)
        return decision

    async def _ask_people(
        self,
        ask: Ask,
        decision: Decision,
        hold: Hold,
        message: bytes,
        check: Callable[[Allow], Deny | None],
        told: Callable[[str, Hold], None],
        locked: bool,
    ) -> Ruled:
        verdict: Verdict
        judging = self._policy
        if hold.mode == "ticket" or (locked and not hold.locks):
            asking = self._desk.ticket(ask, hold, decision.policy)
        else:
            asking = self._desk.wait(ask, hold, decision.policy, told=lambda number: told(number, hold))
        waiting = self._asking = asyncio.create_task(asking)
        try:
            verdict = await waiting
        except OSError:
            verdict = Deny(hold.rule, "nobody can be asked now", "try again later", "approval.unavailable")
        except asyncio.CancelledError:
            if self._asking is not None:
                raise  # the session ends
            verdict = Deny(hold.rule, "cancelled while people were asked", code="approval.cancelled")
        finally:
            self._asking = None
        if isinstance(verdict, Allow) and self._policy is not judging:
            verdict = Deny(
                hold.rule, "the policy changed while people were asked", "ask again", "approval.void"
            )
        ruled = self._conclude(ask, decision.policy, verdict, message, check)
        return ruled if self._records.on_disk is None else await self._settled(ruled)

    async def _settled(self, ruled: Ruled) -> Ruled:
        """*ruled* once its record is on the disk; a refusal where that fails."""
        wait = self._records.on_disk
        if wait is None or isinstance(ruled.verdict, Deny):
            return ruled
        try:
            await wait()
        except OSError:
            self.denied += 1
            return Ruled(_UNRECORDED, ruled.action)
        return ruled

    def _conclude(
        self,
        ask: Ask,
        policy: str,
        verdict: Allow | Deny,
        message: bytes,
        check: Callable[[Allow], Deny | None],
    ) -> Ruled:
        if isinstance(verdict, Allow) and (verdict.masks or verdict.approval):
            verdict = check(verdict) or verdict
        return self._record(ask, policy, verdict, message)

    def _record(self, ask: Ask, policy: str, verdict: Allow | Deny, message: bytes) -> Ruled:
        name, recorded = self._records.put(ask, verdict, message, policy=policy, masks=self._policy.masks)
        if not recorded:
            verdict = _UNRECORDED
        if isinstance(verdict, Deny):
            self.denied += 1
        return Ruled(verdict, name)
