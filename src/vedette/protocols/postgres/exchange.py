"""What the two directions of one PostgreSQL session share.

The server answers in the order in which it was asked. So every message that
gets an answer leaves a `Pending` in a queue, and every answer belongs to the
head of it: that is how rows find their masks, errors their statements, and
refusals their words.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from vedette.masking.copy import CopyMask
from vedette.masking.plan import Plan
from vedette.masking.tally import Tally
from vedette.model import Allow, Deny, Limit, MaskRule
from vedette.protocols.postgres.names import Names, Portal, Statement
from vedette.sql.facts import Facts
from vedette.sql.reading import State


@dataclass(slots=True)
class Draft:
    """
    A message to be judged, as the caller sent it.

    *message* is the exact bytes, header included. *text* is None where the
    bytes are no readable text; *problem* then says why. *locked* tells that the
    transaction may hold locks, so that nobody should be waited for.
    *altered*: the open transaction changed what names mean, and nobody else sees that yet.
    *texts_of* gives what a prepared statement, portal or cursor of a name may run.
    """

    kind: str
    text: str | None
    message: bytes
    state: State
    locked: bool
    texts_of: Callable[[str], tuple[str, ...]]
    parameters: tuple[bytes | None, ...] = ()
    formats: tuple[int, ...] = ()
    types: tuple[int, ...] = ()
    problem: str = ""
    oversize: int = 0
    altered: bool = False


@dataclass(slots=True)
class Ruling:
    """What was said of a draft, already on record. *action* is its id there."""

    verdict: Allow | Deny
    facts: Facts
    action: str = ""
    began: float = 0.0


@dataclass(slots=True)
class Outcome:
    """How an action that ran came out. *size* is in bytes; *sqlstate* is empty on success."""

    ruling: Ruling
    tag: str = ""
    rows: int = 0
    size: int = 0
    sqlstate: str = ""
    masked: dict[str, int] = field(default_factory=dict)
    described: bytes = b""
    sample: tuple[bytes, ...] = ()


class Pending:
    """
    One message that the server owes an answer to.

    *kind* is its tag (``Q P B D E C S``), or ``d`` for the end of COPY data.
    *target* is the name it works on, for ``D`` and ``C`` with the kind of name
    before it (``Sname``, ``Pname``). *swallow* marks what the gateway asked for
    itself: the caller never sees its answer; *owner* is the message it asks for.
    """

    __slots__ = (
        "bytes",
        "copy",
        "described",
        "epoch",
        "kind",
        "limits",
        "masks",
        "opened",
        "owner",
        "plan",
        "portal",
        "rows",
        "ruling",
        "sample",
        "sample_room",
        "statement",
        "swallow",
        "tally",
        "target",
    )

    def __init__(
        self,
        kind: str,
        ruling: Ruling | None = None,
        *,
        statement: Statement | None = None,
        portal: Portal | None = None,
        target: bytes = b"",
        owner: Pending | None = None,
        swallow: bool = False,
        sample_room: int = 0,
        epoch: int = 0,
    ) -> None:
        self.kind = kind
        self.ruling = ruling
        self.statement = statement
        self.portal = portal
        self.target = target
        self.owner = owner
        self.swallow = swallow
        self.opened = False
        self.plan: Plan | None = None
        self.copy: CopyMask | None = None
        self.described = b""
        self.rows = 0
        self.bytes = 0
        self.tally: Tally | None = None
        self.sample: list[bytes] = []
        self.sample_room = sample_room
        self.epoch = epoch
        verdict = ruling.verdict if ruling is not None else None
        self.masks: tuple[MaskRule, ...] = verdict.masks if isinstance(verdict, Allow) else ()
        self.limits: tuple[Limit, ...] = verdict.limits if isinstance(verdict, Allow) else ()

    def oblige(self, ruling: Ruling) -> None:
        """What runs is what *ruling* was on: its obligations are the ones that hold."""
        self.ruling = ruling
        if isinstance(ruling.verdict, Allow):
            self.masks = ruling.verdict.masks
            self.limits = ruling.verdict.limits

    @property
    def refusal(self) -> Deny | None:
        """The Deny that this message was replaced for, if it was."""
        verdict = self.ruling.verdict if self.ruling is not None else None
        return verdict if isinstance(verdict, Deny) else None


class Exchange:
    """The state of one session's conversation with its server."""

    def __init__(
        self,
        nonce: str,
        state: State,
        *,
        report: Callable[[Outcome], None],
        interrupt: Callable[[], None],
        sample_bytes: int = 0,
    ) -> None:
        self.nonce = nonce
        self.state = state
        self.report = report
        self.interrupt = interrupt
        self.sample_bytes = sample_bytes
        self.pending: deque[Pending] = deque()
        self.names = Names()
        self.status = b"I"
        # Counts the caller's Syncs: messages between two of them stand or fall together.
        self.group = 0
        # The server ignores everything up to the next Sync, and so do we.
        self.dropping = False
        # A COPY ... FROM STDIN that the server has accepted, or may yet accept.
        self.copy_in: Pending | None = None
        self.copying = False
        # Something ran that may have left locks behind, or changed what names mean.
        self.locked = False
        self.dirty = False
        # The open transaction changed views, functions and the like.
        self.altered = False
        # Rows are no longer wanted: an error was put in their place.
        self.discarding = False
        self.session_rows = 0
        self.session_bytes = 0
        # Goes up whenever what was said before may no longer hold.
        self.epoch = 0

    def push(self, entry: Pending) -> None:
        self.pending.append(entry)

    def skip_to_sync(self) -> None:
        """The server met an error in the extended protocol: it answers nothing before a Sync."""
        pending = self.pending
        while pending and pending[0].kind != "S":
            self.forget(pending.popleft())
        if not pending:
            self.dropping = True

    def forget(self, gone: Pending) -> None:
        """It failed or was skipped: what it would have named, it did not name."""
        if gone.kind == "P" and gone.statement is not None:
            self.names.statements.forget(gone.statement)
        elif gone.kind == "B" and gone.portal is not None:
            self.names.portals.forget(gone.portal)
        if gone is self.copy_in:
            self.copy_in = None
            self.copying = False

    def void_syncs(self, copy: Pending) -> None:
        """COPY IN has begun: the server swallowed the Syncs that came right behind its Execute."""
        kept: deque[Pending] = deque()
        behind = False
        for entry in self.pending:
            if entry is copy:
                behind = True
            elif behind and entry.kind == "d":
                behind = False
            elif behind and entry.kind == "S":
                continue
            kept.append(entry)
        self.pending = kept
