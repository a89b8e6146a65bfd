"""The gate: judge, hold, journal, answer. The only place that knows the order.

Every engine goes through it. What it answers is on record by then; what could
not be recorded is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from vedette.model import Action, Allow, Ask, Decision, Deny, Hold, MaskRule, Principal, Resource, Verdict
from vedette.trail import events


class Policy(Protocol):
    """What a session's rules say. *reads_text*: a verdict may hang on more than touches and facts."""

    @property
    def hash(self) -> str: ...
    @property
    def reads_text(self) -> bool: ...
    @property
    def masks(self) -> tuple[MaskRule, ...]: ...
    def decide(self, ask: Ask) -> Decision: ...


class Journal(Protocol):
    """*append* returns once the record survives this process; raises OSError where it does not.

    *on_disk*, where there is one, is awaited before anything passes: it returns once what was
    appended survives the machine.
    """

    @property
    def on_disk(self) -> Callable[[], Awaitable[None]] | None: ...

    def append(self, kind: str, body: bytes) -> int: ...
    def append_many(self, records: Iterable[tuple[str, bytes]]) -> int: ...
    def defer(self, kind: str, body: bytes) -> None: ...


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


Parameters = tuple[str | None, ...]


class Like(Protocol):
    """What was allowed before; *record* is the mould of its record."""

    @property
    def record(self) -> events.Judged: ...


@dataclass(frozen=True, slots=True)
class Keep:
    """What of an action is written down, under the session's masks: its text, and its parameters or None.

    *as_said* tells whether both are written as they were said.
    """

    text: Callable[[str, tuple[MaskRule, ...]], str]
    parameters: Callable[[Parameters, tuple[MaskRule, ...]], Parameters | None]
    as_said: Callable[[tuple[MaskRule, ...]], bool]


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
        self.actions = 0
        self.denied = 0
        self._who = events.caller(principal)
        self._policy = policy
        self._journal = journal
        self._desk = desk
        self._keep = keep
        self._as_said = keep.as_said(policy.masks)
        self._now = now
        self._asking: asyncio.Task[Allow | Deny] | None = None
        self._decided: dict[tuple[str, int, int], tuple[Action, Decision]] = {}

    @property
    def policy(self) -> str:
        """The version that judges now."""
        return self._policy.hash

    def use(self, policy: Policy) -> None:
        """From here on judge by *policy*; what was decided before is forgotten."""
        self._policy = policy
        self._as_said = self._keep.as_said(policy.masks)
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
        return ruled if self._journal.on_disk is None else self._settled(ruled)

    def refuse(self, action: Action, message: bytes, deny: Deny) -> Ruled:
        """Record a refusal that no rule had to speak for: what cannot be read at all."""
        ask = Ask(self.principal, self.resource, action, self.session)
        return self._record(ask, self._policy.hash, deny, message)

    @property
    def rules(self) -> Policy:
        """What it judges by now."""
        return self._policy

    def like(self, action: Action, allow: Allow) -> events.Judged:
        """For `again`: the record of *allow* on *action*, but for what differs each time."""
        ask = Ask(self.principal, self.resource, action, self.session)
        return events.Judged(ask, allow, who=self._who, policy=self._policy.hash)

    def again(self, uses: Sequence[tuple[Like, bytes, str, Parameters]]) -> list[str] | None:
        """
        Put on record what was allowed before, when nothing that the verdict hangs on has changed.

        *uses*: like what it is, the message, its text and its parameters. Returns the
        actions' ids; None where they could not be recorded at once: then none of them may pass.
        """
        if self._journal.on_disk is not None:
            return None  # the disk has to be waited for
        at = self._now()
        number = self.actions
        names = []
        records = []
        for like, message, text, parameters in uses:
            number += 1
            name = f"{self.session}.{number}"
            names.append(name)
            shown: Parameters | None = parameters
            if not self._as_said:
                masks = self._policy.masks
                text, shown = self._keep.text(text, masks), self._keep.parameters(parameters, masks)
            records.append(like.record.record(at, name, sha256(message).hexdigest(), text, shown))
        try:
            if number == self.actions + 1:
                self._journal.append(*records[0])
            else:
                self._journal.append_many(records)
        except (OSError, UnicodeError):
            return None
        self.actions = number
        return names

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
        return ruled if self._journal.on_disk is None else await self._settled(ruled)

    async def _settled(self, ruled: Ruled) -> Ruled:
        """*ruled* once its record is on the disk; a refusal where that fails."""
        wait = self._journal.on_disk
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
        self.actions += 1
        event = events.judged(
            ask,
            verdict,
            who=self._who,
            number=self.actions,
            policy=policy,
            digest=sha256(message).hexdigest(),
            at=self._now(),
            text=self._keep.text(ask.action.text, self._policy.masks),
            parameters=self._keep.parameters(ask.action.parameters, self._policy.masks),
        )
        try:
            self._journal.append(*events.encode(event))
        except (OSError, UnicodeError):
            # No record, no passage: an unwritten Allow must not run.
            verdict = _UNRECORDED
        if isinstance(verdict, Deny):
            self.denied += 1
        return Ruled(verdict, event.action)
