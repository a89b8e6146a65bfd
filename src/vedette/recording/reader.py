"""A session's records out of the journal, in order, with the gateway's account of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from vedette.journal.errors import JournalDamaged
from vedette.journal.read import Entry, read
from vedette.recording.account import account


@dataclass(frozen=True, slots=True)
class Moment:
    """One record of a session. *time* is Unix seconds.

    *said* is the gateway's account of it, one printable line. *quoted* is what others wrote
    (the caller, the server, an approver), untouched: it must be made visible
    (``vedette.approvals.render``) before any surface shows it.
    """

    seq: int
    time: float
    kind: str
    said: str
    quoted: tuple[str, ...]
    body: dict[str, Any]


def timeline(
    folder: Path, session: str, *, after: int = 0, until: int | None = None,
    damaged: Callable[[JournalDamaged], None] | None = None,
) -> list[Moment]:  # fmt: skip
    """What the journal in *folder* holds of *session*; empty where it knows none of that name.

    *after* and *until* narrow the reading down: a store's ``first_seq - 1`` and ``last_seq``. Holds
    that the session opened come along with their decisions.

    Raises:
        JournalDamaged: a record cannot be read, and *damaged* was not given.
    """
    needles = (b'"session":' + msgspec.json.encode(session), b'"kind":"hold.')
    holds: set[str] = set()
    found = []
    for entry in read(folder, after, holding=needles, damaged=damaged):
        if until is not None and entry.seq > until:
            break
        if _belongs(entry, session, holds):
            found.append(_moment(entry))
    return found


def _belongs(entry: Entry, session: str, holds: set[str]) -> bool:
    hold = entry.body.get("hold")
    if entry.body.get("session") == session:
        if isinstance(hold, str):
            holds.add(hold)
        return True
    return isinstance(hold, str) and hold in holds


def _moment(entry: Entry) -> Moment:
    said, quoted = account(entry.kind, entry.body)
    return Moment(entry.seq, entry.time, entry.kind, said, quoted, entry.body)
