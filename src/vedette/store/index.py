"""Journal entries as changes of the index. Pure: bodies in, rows and patches out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from vedette.journal.read import Entry

#: How much of an action's text the index keeps, in characters; the journal has all of it.
MAX_TEXT = 10_000

Body = dict[str, Any]

#: Records of what administers, which have an index of their own.
ADMINISTERS = frozenset(
    {
        "config.changed", "policy.loaded", "policy.rejected", "token.issued", "token.revoked", "key.issued",
        "key.revoked", "certificate.issued", "login.refused", "login.refusals", "gateway.started",
        "gateway.stopped", "journal.recovered",
    }
)  # fmt: skip


@dataclass(slots=True)
class Tally:
    """What a batch adds to one session's counts. *last* is its newest record."""

    last: int = 0
    actions: int = 0
    denied: int = 0
    held: int = 0
    rows: int = 0
    bytes: int = 0
    masked: int = 0


@dataclass(slots=True)
class Changes:
    """What a run of entries does to the index.

    *lost* is the time at which everything that was open before these entries turned out to be over.
    """

    worker: str
    lost: float | None = None
    sessions: dict[str, Body] = field(default_factory=dict)
    closed: list[Body] = field(default_factory=list)
    actions: dict[str, Body] = field(default_factory=dict)
    outcomes: list[Body] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)
    administered: list[Body] = field(default_factory=list)

    def tally(self, session: str, seq: int) -> Tally:
        found = self.tallies.get(session)
        if found is None:
            found = self.tallies[session] = Tally()
        found.last = seq
        return found


def runs(worker: str, entries: Iterable[Entry]) -> list[Changes]:
    """The changes of *entries*, in pieces: each piece after the first begins with a gateway's start."""
    pieces = [Changes(worker)]
    for entry in entries:
        if entry.kind in _STARTS:
            pieces.append(Changes(worker, lost=entry.time))
        read = _READERS.get(entry.kind)
        if read is not None:
            read(pieces[-1], entry.seq, entry.body)
        if entry.kind in ADMINISTERS:
            pieces[-1].administered.append(_administered(worker, entry))
    return pieces


def _administered(worker: str, entry: Entry) -> Body:
    """Who did what to which: as told, or as the kind of record says."""
    body, noun = entry.body, entry.kind.partition(".")[0]
    by = body.get("by") or body.get("claimed") or (body.get("who") or {}).get("principal", "")
    return {
        "worker": worker, "seq": entry.seq, "at": body.get("at", entry.time), "kind": entry.kind, "by": by,
        "what": body.get("what", noun), "body": body,
        "name": body.get("name") or body.get(noun) or body.get("version") or body.get("kept") or "",
    }  # fmt: skip


def _opened(changes: Changes, seq: int, body: Body) -> None:
    _session(changes, seq, body, body["who"])


def _refused(changes: Changes, seq: int, body: Body) -> None:
    """Somebody who was not let in: a session that never was, so that it can be found."""
    who = body.get("who") or {"principal": body.get("claimed", ""), "kind": ""}
    row = _session(changes, seq, body, who)
    row["closed"] = body["at"]
    row["reason"] = f"refused: {body['code']}: {body['reason']}"


def _session(changes: Changes, seq: int, body: Body, who: Body) -> Body:
    row: Body = {
        "id": body["session"], "worker": changes.worker, "first_seq": seq, "last_seq": seq,
        "principal": who["principal"], "kind": who["kind"], "groups": who.get("groups", []),
        "actor": who.get("actor", ""), "resource": body.get("resource", ""), "protocol": body["protocol"],
        "address": body.get("address", ""), "application": body.get("application", ""),
        "policy": body.get("policy", ""), "run": body.get("run", ""), "opened": body["at"], "closed": None,
        "reason": "", "actions": 0, "denied": 0, "held": 0, "rows": 0, "bytes": 0, "masked": 0,
    }  # fmt: skip
    changes.sessions[row["id"]] = row
    return row


def _closed(changes: Changes, seq: int, body: Body) -> None:
    changes.tally(body["session"], seq)
    changes.closed.append({"session": body["session"], "at": body["at"], "why": body["reason"]})


def _judged(changes: Changes, seq: int, body: Body) -> None:
    touches = body["touches"]
    approval, code = body.get("approval", ""), body.get("code", "")
    observed = body.get("observed")
    changes.actions[body["action"]] = {
        "id": body["action"], "worker": changes.worker, "seq": seq, "session": body["session"],
        "at": body["at"], "principal": body["who"]["principal"], "resource": body["resource"],
        "protocol": body["protocol"], "form": body["form"],
        "text": (body.get("text") or body.get("shape", ""))[:MAX_TEXT],
        "effects": " ".join(sorted({touch["effect"] for touch in touches})),
        "objects": " ".join(sorted({touch["object"] for touch in touches if touch["object"]})),
        "verdict": body["verdict"], "rule": body["rule"], "reason": body.get("reason", ""), "code": code,
        "approval": approval, "observed": f"{observed['verdict']} {observed['rule']}" if observed else "",
        "status": "", "rows": 0, "bytes": 0, "tag": "", "sqlstate": "", "masked": 0, "duration": 0.0,
    }  # fmt: skip
    tally = changes.tally(body["session"], seq)
    tally.actions += 1
    tally.denied += body["verdict"] == "deny"
    tally.held += bool(approval) or code.startswith("approval.")


def _outcome(changes: Changes, seq: int, body: Body) -> None:
    masked = sum(body.get("masks", {}).values())
    found = {
        "status": body.get("status", "ok"), "rows": body.get("rows", 0), "bytes": body.get("bytes", 0),
        "tag": body.get("tag", ""), "sqlstate": body.get("sqlstate", ""), "masked": masked,
        "duration": body.get("duration", 0.0),
    }  # fmt: skip
    tally = changes.tally(body["session"], seq)
    tally.rows += found["rows"]
    tally.bytes += found["bytes"]
    tally.masked += masked
    row = changes.actions.get(body["action"])
    if row is None:
        changes.outcomes.append({"action": body["action"], **{f"new_{name}": found[name] for name in found}})
    else:
        row.update(found)


_STARTS = frozenset({"journal.recovered", "gateway.started"})
_READERS = {
    "session.opened": _opened,
    "session.refused": _refused,
    "session.closed": _closed,
    "action.judged": _judged,
    "action.outcome": _outcome,
}
