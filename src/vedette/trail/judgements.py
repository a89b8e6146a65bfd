"""How judgements are put on record: whole, or cut from a mould where they are like one before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, Protocol

import msgspec

from vedette.model import Action, Allow, Ask, Deny, Hold, MaskRule, Principal, Resource, Touch
from vedette.trail.events import ActionJudged, Caller, Observed, caller, encode

Parameters = tuple[str | None, ...]


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


@dataclass(frozen=True, slots=True)
class Keep:
    """What of an action is written down, under the session's masks: its text, and its parameters or None.

    *as_said* tells whether both are written as they were said.
    """

    text: Callable[[str, tuple[MaskRule, ...]], str]
    parameters: Callable[[Parameters, tuple[MaskRule, ...]], Parameters | None]
    as_said: Callable[[tuple[MaskRule, ...]], bool]


class Like(Protocol):
    """What was allowed before, and the mould of its record."""

    @property
    def mould(self) -> Mould: ...


_json = msgspec.json.Encoder().encode


class Judgements:
    """Those of one session, numbered from 1."""

    def __init__(
        self,
        principal: Principal,
        resource: Resource,
        session: str,
        *,
        journal: Journal,
        keep: Keep,
        now: Callable[[], float],
    ) -> None:
        self.number = 0
        self._principal = principal
        self._resource = resource
        self._session = session
        self._who = caller(principal)
        self._journal = journal
        self._keep = keep
        self._now = now
        # Whether records are as things were said, for the masks asked about last.
        self._as_said: tuple[tuple[MaskRule, ...], bool] | None = None

    def put(
        self, ask: Ask, verdict: Allow | Deny, message: bytes, *, policy: str, masks: tuple[MaskRule, ...]
    ) -> tuple[str, bool]:
        """The action's id, and whether it is on record with *verdict*."""
        self.number += 1
        event = judged(
            ask,
            verdict,
            who=self._who,
            number=self.number,
            policy=policy,
            digest=sha256(message).hexdigest(),
            at=self._now(),
            text=self._keep.text(ask.action.text, masks),
            parameters=self._keep.parameters(ask.action.parameters, masks),
        )
        try:
            self._journal.append(*encode(event))
        except (OSError, UnicodeError):
            return event.action, False
        return event.action, True

    def mould(self, action: Action, allow: Allow, policy: str) -> Mould:
        """For `again`. Raises ValueError where none can be made."""
        return Mould(Ask(self._principal, self._resource, action, self._session), allow, self._who, policy)

    def again(
        self, uses: Sequence[tuple[Like, bytes, str, Parameters]], masks: tuple[MaskRule, ...]
    ) -> list[str] | None:
        """
        Put *uses* on record, all or none: like what each is, its message, text and parameters.

        Returns the actions' ids; None where they cannot be on record when this returns.
        """
        if self._journal.on_disk is not None:
            return None  # the disk has to be waited for
        at, keep, number = self._now(), self._keep, self.number
        as_said = self.as_said(masks)
        names = []
        records = []
        for like, message, text, parameters in uses:
            number += 1
            name = f"{self._session}.{number}"
            names.append(name)
            shown: Parameters | None = parameters
            if not as_said:
                text, shown = keep.text(text, masks), keep.parameters(parameters, masks)
            records.append(like.mould.record(at, name, sha256(message).hexdigest(), text, shown))
        try:
            if len(records) == 1:
                self._journal.append(*records[0])
            else:
                self._journal.append_many(records)
        except (OSError, UnicodeError):
            return None
        self.number = number
        return names

    def as_said(self, masks: tuple[MaskRule, ...]) -> bool:
        """Whether texts and parameters are written as they were said."""
        known = self._as_said
        if known is None or known[0] is not masks:
            known = self._as_said = (masks, self._keep.as_said(masks))
        return known[1]

    @property
    def on_disk(self) -> Callable[[], Awaitable[None]] | None:
        """Awaited before anything passes, where there is one; raises OSError where the disk failed."""
        return self._journal.on_disk


def observed(verdict: Deny | Hold | None) -> Observed | None:
    """How an event tells what an observing policy would have said."""
    if verdict is None:
        return None
    word: Literal["deny", "hold"] = "deny" if isinstance(verdict, Deny) else "hold"
    return Observed(verdict=word, rule=verdict.rule, reason=verdict.reason)


def judged(
    ask: Ask, verdict: Allow | Deny, *, who: Caller, number: int, policy: str, digest: str, at: float,
    text: str | None = None, shape: str = "", parameters: tuple[str | None, ...] | None = None,
) -> ActionJudged:  # fmt: skip
    """The record of *verdict* on *ask*, the session's action *number* (from 1).

    *text* None keeps the action's own text; pass what the record setting leaves of it otherwise.
    """
    action = ask.action
    reason = code = approval = ""
    would: Observed | None = None
    masks: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    word: Literal["allow", "deny"] = "deny"
    if isinstance(verdict, Allow):
        word, approval = "allow", verdict.approval
        if verdict.observed is not None:
            would = observed(verdict.observed)
        if verdict.masks:
            masks = tuple(mask.rule for mask in verdict.masks)
        if verdict.limits:
            limits = tuple(limit.rule for limit in verdict.limits)
    else:
        reason, code = verdict.reason, verdict.code
    return ActionJudged(
        at=at,
        session=ask.session,
        action=f"{ask.session}.{number}",
        who=who,
        resource=ask.resource.name,
        protocol=action.protocol,
        form=action.kind,
        digest=digest,
        verdict=word,
        rule=verdict.rule,
        policy=policy,
        touches=_encoded(action.touches),
        text=action.text if text is None else text,
        shape=shape,
        parameters=parameters,
        reason=reason,
        code=code,
        approval=approval,
        observed=would,
        masks=masks,
        limits=limits,
        state=action.state,
        unread=action.reason,
    )


class Mould:
    """
    The record of an Allow, for the many actions that differ in five fields only.

    Encoded once, with marks where those fields stand, and cut there.
    """

    __slots__ = ("parts",)

    def __init__(self, ask: Ask, allow: Allow, who: Caller, policy: str) -> None:
        event = judged(ask, allow, who=who, number=0, policy=policy, digest="", at=_AT, text="")
        event.action, event.digest, event.text, event.parameters = _MARKS
        parts: list[bytes] = []
        rest = _json(event)
        for mark in map(_json, (*_MARKS, _AT)):
            part, found, rest = rest.partition(mark)
            if not found or mark in rest:
                raise ValueError("a record that holds the marks itself")
            parts.append(part)
        #: What stands around and between the five that differ, and the time.
        self.parts = (*parts, rest)

    def record(
        self, at: float, action: str, digest: str, text: str, parameters: tuple[str | None, ...] | None
    ) -> tuple[str, bytes]:
        """The event's name and body; raises UnicodeEncodeError as `encode` does."""
        one, two, three, four, five, six = self.parts
        shown = _json(parameters) if parameters is not None else b"null"
        body = b'%b"%b"%b"%b"%b%b%b%b%b%b%b' % (
            one, action.encode(), two, digest.encode(), three, _json(text), four, shown,
            five, _json(at), six,
        )  # fmt: skip
        return ActionJudged.kind, body


# No action has such a time or such names; of a record that holds one of them all the same, no mould is made.
_AT = 1.2345678901234567e300
_MARKS = ("\x01\x02", "\x01\x03", "\x01\x04", ("\x01\x05",))

# What a statement touches comes from a cache of facts, the same object each time it is run; encoding it
# is half of encoding a record. By identity, and holding on to the tuple so that its id stays its own.
_MAX_TOUCHES = 4096
_touches: dict[int, tuple[tuple[Touch, ...], msgspec.Raw]] = {}


def _encoded(touches: tuple[Touch, ...]) -> msgspec.Raw:
    known = _touches.get(id(touches))
    if known is not None:
        return known[1]
    if len(_touches) >= _MAX_TOUCHES:
        _touches.clear()
    raw = msgspec.Raw(_json(touches))
    _touches[id(touches)] = (touches, raw)
    return raw
