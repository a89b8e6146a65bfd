"""One principal on one cluster over one connection: its gate, its way to the cluster, its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from vedette import gate
from vedette.gate import Gate, Ruled
from vedette.kubernetes import actions
from vedette.model import Action, Allow, Ask, Deny, Hold, Principal, Recorded, Resource, Shell
from vedette.protocols.http.wire import Wire
from vedette.protocols.kubernetes.dial import Shown, Target
from vedette.protocols.kubernetes.judging import Asking
from vedette.recording.tape import Tapes
from vedette.trail.judgements import Keep


@dataclass(frozen=True, slots=True)
class Backend:
    """
    A cluster. *shown* gives what the gateway logs in with there now, *forget* drops what was not taken;
    *dial* connects. With *impersonate* the cluster is told who each request is for. *groups* are those
    API groups of others whose kinds keep to the usual verbs. *value* is how many
    bytes of an answer are read whole, to be masked.
    """

    resource: Resource
    target: Target
    shown: Callable[[], Awaitable[Shown]]
    forget: Callable[[], None]
    dial: Callable[[Target, Shown], Awaitable[Wire]]
    keep: Keep
    mask_key: bytes
    impersonate: bool = False
    max_sessions: int = 1000
    groups: tuple[str, ...] = ()
    request: int = 16 << 20
    value: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action that passed: how it ended, in words, and what went to the caller, in bytes."""

    action: str
    status: str
    tag: str
    bytes: int
    seconds: float
    masks: Mapping[str, int] = field(default_factory=dict)


class Policy(gate.Policy, Protocol):
    """What applies to the session, as far as it matters here."""

    @property
    def shell(self) -> Shell | None: ...
    @property
    def recorded(self) -> Recorded: ...


class Session:
    """
    *upstream* is the one connection that its requests go over, one after the other; nobody else's do.

    What ends the session calls `close`, and *cut* is what then ends its request under way.
    """

    def __init__(
        self, name: str, its: Gate, backend: Backend, policy: Policy, tapes: Tapes,
        cut: Callable[[], None], began: float,
    ) -> None:  # fmt: skip
        self.name = name
        self.gate = its
        self.backend = backend
        self.tapes = tapes
        self.began = began
        self.upstream: Wire | None = None
        self.passed: dict[str, list[int]] = {}
        self.sent = 0
        self.received = 0
        self.holding = False
        self._policy = policy
        self._cut = cut

    @property
    def principal(self) -> Principal:
        return self.gate.principal

    @property
    def recorded(self) -> Recorded:
        """What is kept of terminals and commands."""
        return self._policy.recorded

    def use(self, policy: Policy) -> None:
        """Judge by *policy* from the next action on."""
        self._policy = policy
        self.gate.use(policy)

    def shells(self, asking: Asking) -> Deny | None:
        """Why a shell may not be opened, where its rule asks for what cannot be done here."""
        shell = self._policy.shell
        if shell is None or not shell.guarded or not actions.opens_shell(asking.asked):
            return None
        reason = "each line of a shell here has to be judged, which cannot be done inside a cluster yet"
        hint = f"give the command: kubectl exec {asking.asked.name} -- COMMAND"
        return Deny(shell.rule, reason, hint, "kubernetes.shell")

    def asks(self, action: Action) -> bool:
        """Whether people would be asked about *action*."""
        ask = Ask(self.gate.principal, self.gate.resource, action, self.gate.session)
        return isinstance(self._policy.decide(ask).verdict, Hold)

    async def judge(
        self, action: Action, message: bytes, check: Callable[[Allow], Deny | None],
        told: Callable[[str, Hold], None],
    ) -> Ruled:  # fmt: skip
        """The final word on *action*, on record."""
        ruled = self.gate.judge(action, message, check=check, told=told)
        if isinstance(ruled, Ruled):
            return ruled
        self.holding = True
        try:
            return await ruled
        finally:
            self.holding = False

    async def connection(self, shown: Shown) -> tuple[Wire, bool]:
        """The way to the cluster, and whether it has been used before. Raises UpstreamRefused."""
        wire = self.upstream
        if wire is not None and not wire.gone and not wire.buffer:
            return wire, True
        # What stands in a buffer before anything was asked is nobody's answer.
        self.drop()
        wire = self.upstream = await self.backend.dial(self.backend.target, shown)
        return wire, False

    def drop(self) -> None:
        """The way to the cluster is not used any more; what runs there is cancelled by that."""
        wire, self.upstream = self.upstream, None
        if wire is not None:
            self.sent += wire.sent
            self.received += wire.received
            wire.abort()

    def stop(self) -> None:
        """End what is under way: people need not answer any more, and the cluster stops."""
        if self.holding:
            self.gate.give_up()
        else:
            self._cut()

    def close(self) -> None:
        """It is over."""
        self.drop()
