"""The nouns everyone shares: who asks, for what, what it would do, and what was said.

Everything here is a frozen value without behaviour beyond itself. Nothing here
imports asyncio, sockets or a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

NOTHING: Mapping[str, Mapping[str, object]] = MappingProxyType({})
NO_LABELS: Mapping[str, str] = MappingProxyType({})


class Kind(StrEnum):
    """What sort of caller a principal is."""

    AGENT = "agent"
    PERSON = "person"
    SERVICE = "service"


class Effect(StrEnum):
    """What running an action does to an object.

    UNKNOWN is what could not be read to its last byte; no rule that allows
    something else allows it.
    """

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    DESTROY = "destroy"
    CREATE = "create"
    ALTER = "alter"
    GRANT = "grant"
    EXECUTE = "execute"
    EXPORT = "export"
    CONFIGURE = "configure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling. Identity is *issuer* and *subject* together.

    *credential* names the token or key that proved it (its id, never the
    secret); *expires* is Unix time in seconds, None for "does not".
    *actor* is on whose behalf, where the token says so. *resources* are the only
    ones that what it shows is good for, None for any that policy permits. *owner* is
    the id of the person who answers for the key or account, empty where there is none.
    *actor_groups* are groups of the actor's that did not come along, *actor_email* is its address:
    what binds those binds this principal as well, and what permits them permits it nothing.
    """

    subject: str
    kind: Kind
    groups: frozenset[str] = frozenset()
    issuer: str = "vedette"
    email: str | None = None
    actor: str | None = None
    credential: str = ""
    expires: float | None = None
    resources: frozenset[str] | None = None
    owner: str = ""
    actor_groups: frozenset[str] = frozenset()
    actor_email: str | None = None

    @property
    def id(self) -> str:
        """Issuer and subject in one string; what "the same principal" means."""
        return f"{self.issuer}#{self.subject}"

    @property
    def answers_to(self) -> frozenset[str]:
        """Every id by which it can be shut out: its own, its credential's, its owner's, whom it acts for."""
        own = {self.id, self.credential, self.owner} - {""}
        # A bare actor was named by the principal's own issuer.
        return frozenset(own | ({self.actor, f"{self.issuer}#{self.actor}"} if self.actor else set()))

    def reaches(self, resource: str) -> bool:
        """Whether what it has shown is good for *resource* at all; policy has the last word."""
        return self.resources is None or resource in self.resources


@dataclass(frozen=True, slots=True)
class Resource:
    """A configured thing to reach, as policy sees it (no credential, no address).

    *at* is a digest of where it leads and as whom, so that an approval does not
    outlive a name that came to mean another server.
    """

    name: str
    protocol: str
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS)
    at: str = ""


@dataclass(frozen=True, slots=True)
class Touch:
    """One effect on one object.

    *object* is a qualified name: ``public.customers`` for relations, and
    ``kind:name`` for the rest (``function:public.f``, ``setting:search_path``,
    ``role:bob``, ``database:app``, ``schema:audit``, ``program:/bin/sh``,
    ``file:/etc/passwd``). Empty means no particular object (``SELECT 1``).

    *resolved* is False where the schema could not be found out: the name then
    stands bare, denying and holding rules match it in any schema, and allowing
    rules that name objects do not match it.

    *implied* marks what follows from another touch (the tables behind a view):
    it needs no permission of its own, yet every denial or hold on it counts.
    """

    effect: Effect
    object: str = ""
    resolved: bool = True
    implied: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to be judged: a statement, a command, a request, a tool call.

    *parameters* are the values bound to *text*, rendered as text (None is SQL
    NULL; what cannot be rendered as text is ``\\x`` and hex). *facts* are what
    conditions may ask about, by dialect: ``{"sql": {"unscoped": True, ...}}``.
    *state* is what the session carries that changes the meaning of *text*
    (role, search_path, database, ...), sorted by name. *reason* says, where a
    touch is UNKNOWN, what could not be read. *preview* is for people who are asked
    about it: what it would change, in the gateway's words. An approval is not bound to it.
    """

    protocol: str
    kind: str
    text: str
    touches: tuple[Touch, ...]
    parameters: tuple[str | None, ...] = ()
    facts: Mapping[str, Mapping[str, object]] = field(default_factory=lambda: NOTHING)
    state: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    preview: str = ""

    @property
    def effects(self) -> frozenset[Effect]:
        return frozenset(touch.effect for touch in self.touches)

    @property
    def objects(self) -> tuple[str, ...]:
        return tuple(sorted({touch.object for touch in self.touches if touch.object}))


@dataclass(frozen=True, slots=True)
class Ask:
    """What is put to policy: this principal, this resource, this action."""

    principal: Principal
    resource: Resource
    action: Action
    session: str = ""


@dataclass(frozen=True, slots=True)
class MaskRule:
    """An obligation: hide these in whatever comes back.

    Exactly one of *entities* (detector names, by content) and *columns*
    (globs on ``schema.table.column``) is non-empty. *keep* is how many
    characters ``partial`` leaves. What is no text is not shown where *binary* says so;
    *files* is the largest file, in bytes, that is masked on its way out.
    """

    rule: str
    strategy: Literal["redact", "partial", "hash", "null"] = "redact"
    entities: frozenset[str] = frozenset()
    columns: tuple[str, ...] = ()
    keep: int = 4
    binary: Literal["refuse", "text"] = "refuse"
    files: int = 16 << 20


@dataclass(frozen=True, slots=True)
class Limit:
    """An obligation: no more than this many rows or bytes come back, per scope."""

    rule: str
    rows: int | None = None
    bytes: int | None = None
    per: Literal["session", "action"] = "session"


@dataclass(frozen=True, slots=True)
class Bound:
    """So many *seconds*, and the rule that says so."""

    seconds: float
    rule: str


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session may last; None is no bound of that kind.

    *max* counts from its beginning, *idle* while nothing is said on either side and
    nothing runs. *recheck* is how often it is asked whether the caller's credential
    still stands, and which groups it has by now.
    """

    max: Bound | None = None
    idle: Bound | None = None
    recheck: Bound | None = None


@dataclass(frozen=True, slots=True)
class Shell:
    """Interactive shells may be opened, by *rule*; *guarded*: each line is judged before it is entered."""

    rule: str
    guarded: bool = False


#: Of each stream of a command without a terminal, so many bytes are kept where no rule says otherwise.
KEPT_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Recorded:
    """
    What is kept of terminals and commands: of each stream of a command without a terminal the first
    *output* bytes; of a terminal everything that was shown, and with *input* what was typed at it.
    """

    output: int = KEPT_BYTES
    input: bool = False


#: What opening an interactive shell touches: only a ``shell`` rule permits it.
SHELL_OBJECT = "terminal:shell"


@dataclass(frozen=True, slots=True)
class Deny:
    """Refused. *code* is stable (``policy.denied``, ``approval.expired``, ...);
    *rule*, *reason* and *hint* are for the caller to read."""

    rule: str
    reason: str
    hint: str = ""
    code: str = "policy.denied"


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait for people. Turns into a Deny after *patience* seconds.

    *approvers* are groups, of which *count* different people must approve. In
    mode ``wait`` the caller waits; in mode ``ticket`` it is refused with a
    ticket id, and the identical action passes once approved, *uses* times,
    within *patience* of the approval. *locks* permits waiting inside a
    transaction that may hold locks. Obligations apply once approved.
    """

    rule: str
    reason: str
    approvers: frozenset[str] = frozenset()
    count: int = 1
    patience: float = 900.0
    mode: Literal["wait", "ticket"] = "wait"
    uses: int = 1
    locks: bool = False
    masks: tuple[MaskRule, ...] = ()
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Allow:
    """May pass, under these obligations.

    *observed* is the verdict that an observing (not enforcing) policy would
    have given; it is recorded and shown, not acted on. *approval* is the id
    of the hold that people approved, where one was needed.
    """

    rule: str
    masks: tuple[MaskRule, ...] = ()
    limits: tuple[Limit, ...] = ()
    observed: Deny | Hold | None = None
    approval: str = ""


Verdict = Allow | Hold | Deny


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and where it came from: the policy version, and who said what.

    *opinions* lists (rule, verdict word, touch text) for ``policy explain``;
    it is empty on the hot path.
    """

    verdict: Verdict
    policy: str = ""
    opinions: tuple[tuple[str, str, str], ...] = field(default=())
