"""The events that are journaled: stable names, and one msgspec struct for each.

A name, once released, keeps its meaning; a field may be added with a default,
never renamed or given another type. ``v`` in every body is the schema version
(SCHEMA). Fields that hold their default are left out of the bytes, which keeps
the hot path cheap and the records short.

Times are Unix seconds, durations are seconds, digests are lower-case hex.
Every name has a row in ``docs/journal.md``; a test sees to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import msgspec

from vedette.model import Principal, Touch

SCHEMA = 1


class Event(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False, tag_field="v", tag=SCHEMA):
    """One thing that happened. *at* is when, which may be a little before it was written."""

    kind: ClassVar[str] = ""

    at: float


class Caller(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """Who was calling, as every event says it. Built once per session (see ``caller``)."""

    principal: str
    kind: str
    groups: tuple[str, ...] = ()
    email: str = ""
    actor: str = ""
    credential: str = ""
    owner: str = ""


class Observed(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """What an observing policy would have said, had it been enforcing."""

    verdict: Literal["deny", "hold"]
    rule: str
    reason: str = ""


class SessionOpened(Event):
    """A principal is logged in on both sides. *run* and *trace* are what the caller sent of its own run."""

    kind: ClassVar[str] = "session.opened"

    session: str
    who: Caller
    resource: str
    protocol: str
    address: str = ""
    application: str = ""
    tls: str = ""
    policy: str = ""
    observing: bool = False
    state: tuple[tuple[str, str], ...] = ()
    run: str = ""
    trace: str = ""


class SessionRefused(Event):
    """Somebody came and was not let in. *claimed* is what they said they were: unproven."""

    kind: ClassVar[str] = "session.refused"

    session: str
    protocol: str
    code: str
    reason: str
    address: str = ""
    resource: str = ""
    claimed: str = ""
    who: Caller | None = None


class LoginRefusals(Event):
    """
    How many more strangers were refused since *since* (Unix time) than have a record each: by network (an
    IPv4 /24 or IPv6 /64; ``others`` are those beyond the first hundred) and by code.
    """

    kind: ClassVar[str] = "login.refusals"

    since: float
    count: int
    networks: dict[str, int]
    codes: dict[str, int]


class SessionClosed(Event):
    """The end of a session. *reason* is a short code and words (``caller``, ``killed: ...``)."""

    kind: ClassVar[str] = "session.closed"

    session: str
    reason: str
    actions: int = 0
    denied: int = 0
    rows: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    duration: float = 0.0


class ActionJudged(Event):
    """The final word on one action, on record before its first byte is forwarded.

    *action* is ``<session>.<number>``. *digest* is SHA-256 over the exact bytes of the
    client's message. *text* is empty where the resource's record setting keeps only the
    *shape*; *parameters* is None where they are not kept. *touches* may be given already encoded.
    """

    kind: ClassVar[str] = "action.judged"

    session: str
    action: str
    who: Caller
    resource: str
    protocol: str
    form: str
    digest: str
    verdict: Literal["allow", "deny"]
    rule: str
    policy: str
    touches: tuple[Touch, ...] | msgspec.Raw
    text: str = ""
    shape: str = ""
    parameters: tuple[str | None, ...] | None = None
    reason: str = ""
    code: str = ""
    approval: str = ""
    observed: Observed | None = None
    masks: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    state: tuple[tuple[str, str], ...] = ()
    unread: str = ""


class ActionOutcome(Event):
    """What came of an action that passed. *masks* counts the cells hidden, by rule or entity.

    *sample* is the first rows, already masked, where the resource's record setting asks for them.
    """

    kind: ClassVar[str] = "action.outcome"

    session: str
    action: str
    status: Literal["ok", "error", "cancelled", "lost"] = "ok"
    rows: int = 0
    bytes: int = 0
    tag: str = ""
    sqlstate: str = ""
    message: str = ""
    masks: dict[str, int] = {}
    duration: float = 0.0
    columns: tuple[str, ...] = ()
    sample: tuple[tuple[str | None, ...], ...] = ()


class RecordingOpened(Event):
    """
    What an action shows is recorded from here on, in a file of the recording's name.

    *form* is ``terminal``, or ``output`` of a command without one, of whose streams *cap* bytes are kept
    each (-1: all). *typed*: so is what is typed.
    """

    kind: ClassVar[str] = "recording.opened"

    session: str
    action: str
    recording: str
    form: Literal["terminal", "output"]
    width: int = 0
    height: int = 0
    cap: int = -1
    typed: bool = False


class RecordingSealed(Event):
    """
    The first *bytes* of a recording's file have this digest; *final*: there are no more.

    *left_out* counts what went beyond the cap, by stream (``o``, ``e``, ``i``). *recovered*: the gateway
    had been killed, and *cut* bytes of an unfinished line were taken off.
    """

    kind: ClassVar[str] = "recording.sealed"

    session: str
    recording: str
    bytes: int
    sha256: str
    final: bool = False
    left_out: dict[str, int] = {}
    recovered: bool = False
    cut: int = 0


class HoldOpened(Event):
    """An action waits for people. Written before anyone can see the hold."""

    kind: ClassVar[str] = "hold.opened"

    hold: str
    session: str
    who: Caller
    resource: str
    protocol: str
    form: str
    text: str
    touches: tuple[Touch, ...]
    rule: str
    reason: str
    approvers: tuple[str, ...]
    count: int
    mode: str
    uses: int
    patience: float
    expires: float
    digest: str
    terms: str
    policy: str
    parameters: tuple[str | None, ...] = ()
    state: tuple[tuple[str, str], ...] = ()
    preview: str = ""


class HoldDecided(Event):
    """One person's answer, and what the hold became by it (``pending`` while more are needed)."""

    kind: ClassVar[str] = "hold.decided"

    hold: str
    by: Caller
    approve: bool
    status: str
    reason: str = ""
    expires: float = 0.0


class HoldExpired(Event):
    """Nobody answered in time, or an approval was not used in time (*was* says which)."""

    kind: ClassVar[str] = "hold.expired"

    hold: str
    was: str = "pending"


class HoldWithdrawn(Event):
    """The asker went away, or what was approved is no longer what would run."""

    kind: ClassVar[str] = "hold.withdrawn"

    hold: str
    reason: str


class HoldUsed(Event):
    """An approval let one action pass. *left* is how many more times it may."""

    kind: ClassVar[str] = "hold.used"

    hold: str
    session: str
    left: int = 0


class PolicyLoaded(Event):
    """From here on this policy judges. *config* is the hash of all settings, *changes* what else is new."""

    kind: ClassVar[str] = "policy.loaded"

    policy: str
    files: tuple[str, ...] = ()
    rules: int = 0
    before: str = ""
    config: str = ""
    changes: tuple[str, ...] = ()


class PolicyRejected(Event):
    """A policy could not be read; *kept* goes on judging."""

    kind: ClassVar[str] = "policy.rejected"

    kept: str
    problems: tuple[str, ...]


class TokenIssued(Event):
    """The gateway gave out a token (its id, never the token)."""

    kind: ClassVar[str] = "token.issued"

    token: str
    subject: str
    principal_kind: str
    expires: float
    groups: tuple[str, ...] = ()
    by: str = ""
    note: str = ""
    actor: str = ""
    resources: tuple[str, ...] | None = None
    client: str = ""
    address: str = ""


class LoginRefused(Event):
    """
    Somebody came with a token that is not good (*how* is ``api``), or asked the built-in issuer for
    a token or to sign in, and got none. *claimed* is unproven.
    """

    kind: ClassVar[str] = "login.refused"

    how: str
    code: str
    reason: str
    address: str = ""
    claimed: str = ""
    client: str = ""


class TokenRevoked(Event):
    """A token is void from now on."""

    kind: ClassVar[str] = "token.revoked"

    token: str
    by: str = ""
    reason: str = ""


class KeyIssued(Event):
    """An API key was given out (its id, never the key)."""

    kind: ClassVar[str] = "key.issued"

    key: str
    subject: str
    principal_kind: str
    groups: tuple[str, ...] = ()
    expires: float | None = None
    by: str = ""


class KeyRevoked(Event):
    """An API key is void from now on."""

    kind: ClassVar[str] = "key.revoked"

    key: str
    by: str = ""
    reason: str = ""


class CertificateIssued(Event):
    """A caller's SSH key was certified. *certificate* is its serial number, *key* the key's fingerprint."""

    kind: ClassVar[str] = "certificate.issued"

    certificate: str
    who: Caller
    key: str
    expires: float


#: What a setting may hold in the record of its change: plain values, never a secret.
Plain = str | int | float | bool | tuple[str, ...] | None


class ConfigChanged(Event):
    """
    Somebody changed who may come in or what holds here, and this is the difference.

    *by* is the principal's id (``file`` where the configuration file was changed under the gateway,
    ``folder`` where a credential was sealed in its folder), *what* the noun (``token``, ``key``,
    ``block``, ``person``, ``account``, ``delegation``, ``credential``, ``signing-key``, ``sign-in``;
    of the file ``policy``, ``resource``, ``issuer``, ``gateway``), *name* which one. *before* None: it was
    not there; *after* None: it is gone. Only what differs need be given. Secrets, verifiers and tokens
    never stand here.
    """

    kind: ClassVar[str] = "config.changed"

    by: str
    what: str
    name: str
    before: Mapping[str, Plain] | None = None
    after: Mapping[str, Plain] | None = None


class GatewayStarted(Event):
    """The gateway listens."""

    kind: ClassVar[str] = "gateway.started"

    version: str
    worker: str
    policy: str
    config: str = ""
    listen: tuple[str, ...] = ()
    pid: int = 0


class GatewayStopped(Event):
    """The gateway ended in an orderly way."""

    kind: ClassVar[str] = "gateway.stopped"

    worker: str
    reason: str = ""


class JournalRecovered(Event):
    """The journal had not been closed. *cut* bytes of an unfinished record were set aside in *file*.

    *anchored* is the last record the anchor knows of, where that is beyond what is here.
    """

    kind: ClassVar[str] = "journal.recovered"

    worker: str
    segment: str = ""
    cut: int = 0
    file: str = ""
    sha256: str = ""
    anchored: int = 0


class JournalCheckpoint(Event):
    """Signed: the journal stood at record *seq* with this link. See ``journal.checkpoint``."""

    kind: ClassVar[str] = "journal.checkpoint"

    worker: str
    seq: int
    link: str
    tag: str
    count: int
    every: int
    why: str
    signature: str


EVENTS: dict[str, type[Event]] = {
    event.kind: event
    for event in (
        SessionOpened, SessionRefused, LoginRefusals, SessionClosed,
        ActionJudged, ActionOutcome,
        RecordingOpened, RecordingSealed,
        HoldOpened, HoldDecided, HoldExpired, HoldWithdrawn, HoldUsed,
        PolicyLoaded, PolicyRejected,
        TokenIssued, LoginRefused, TokenRevoked, KeyIssued, KeyRevoked, CertificateIssued,
        ConfigChanged,
        GatewayStarted, GatewayStopped,
        JournalRecovered, JournalCheckpoint,
    )
}  # fmt: skip

_encode = msgspec.json.Encoder().encode


def encode(event: Event) -> tuple[str, bytes]:
    """The event's name and its body: one JSON object, without a line end.

    Text that holds lone surrogates (no UTF-8 form exists) raises UnicodeEncodeError.
    """
    return event.kind, _encode(event)


def decode(kind: str, body: object) -> Event:
    """The event of a journal entry's *body* (a decoded JSON object).

    Raises:
        KeyError: no event has this name.
        msgspec.ValidationError: the body is not of this schema version.
    """
    return msgspec.convert(body, EVENTS[kind])


def caller(principal: Principal) -> Caller:
    """How events name *principal*. Build it once per session, not per action."""
    return Caller(
        principal=principal.id,
        kind=principal.kind.value,
        groups=tuple(sorted(principal.groups)),
        email=principal.email or "",
        actor=principal.actor or "",
        credential=principal.credential,
        owner=principal.owner,
    )
