"""One principal on one cluster over one connection: its gate, its way to the cluster, its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from vedette.gate import Gate, Ruled
from vedette.model import Action, Allow, Deny, Hold, Principal, Resource
from vedette.protocols.http.wire import Wire
from vedette.protocols.kubernetes.dial import Shown, Target
from vedette.trail.judgements import Keep


@dataclass(frozen=True, slots=True)
class Backend:
    """
    A cluster. *shown* gives what the gateway logs in with there now, *forget* drops what was not taken;
    *dial* connects. With *impersonate* the cluster is told who each request is for. *value* is how many
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


class Session:
    """
    *upstream* is the one connection that its requests go over, one after the other; nobody else's do.

    What ends the session calls `close`, and *cut* is what then ends its request under way.
    """

    def __init__(
        self, name: str, gate: Gate, backend: Backend, cut: Callable[[], None], began: float
    ) -> None:
        self.name = name
        self.gate = gate
        self.backend = backend
        self.began = began
        self.upstream: Wire | None = None
        self.passed: dict[str, list[int]] = {}
        self.sent = 0
        self.received = 0
        self.holding = False
        self._cut = cut

    @property
    def principal(self) -> Principal:
        return self.gate.principal

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
