"""Which records of the journal somebody may see as they come: those of sessions that are theirs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from vedette.api.access import Visitor
from vedette.api.context import Gateway
from vedette.journal.read import Entry

Value = TypeVar("Value")
#: Sessions and holds that are remembered per stream; older ones are looked up again, or left out.
MAX_KNOWN = 5000
_SESSION = frozenset({"session.opened", "session.refused", "session.closed"})
_ACTION = frozenset({"action.judged", "action.outcome"})


class Sight:
    """
    For one stream. *topics* of ``sessions`` and ``actions``; *session* not empty: of that one only.

    *who* is asked anew for each record: what a token permits may change while the stream lasts.
    """

    def __init__(self, here: Gateway, who: Callable[[], Visitor], topics: set[str], session: str) -> None:
        self._here, self._who, self._topics, self._session = here, who, topics, session
        self._theirs: OrderedDict[str, tuple[str, str | None]] = OrderedDict()
        self._holds: OrderedDict[str, str] = OrderedDict()

    async def topic(self, entry: Entry) -> str:
        """``session`` or ``action``, as what *entry* is told; empty where it is not told."""
        kind = _kind(entry)
        if f"{kind}s" not in self._topics:
            return ""
        session = self._of(entry)
        if not session or (self._session and session != self._session):
            return ""
        visitor = self._who()
        if visitor.reads:
            return kind
        caller = await self._caller(session, entry.body)
        return kind if caller is not None and visitor.sees(*caller) else ""

    def _of(self, entry: Entry) -> str:
        """The session that *entry* belongs to; what people say of a hold names only the hold."""
        hold = str(entry.body.get("hold", ""))
        session = str(entry.body.get("session", ""))
        if hold and session:
            _keep(self._holds, hold, session)
        return session or self._holds.get(hold, "")

    async def _caller(self, session: str, body: dict[str, Any]) -> tuple[str, str | None] | None:
        known = self._theirs.get(session)
        if known is not None:
            return known
        who = body.get("who")
        if isinstance(who, dict):
            known = str(who.get("principal", "")), who.get("actor")
        else:
            row = await self._here.store.sessions.get(session)
            if row is None:
                return None
            known = row.principal, row.actor
        _keep(self._theirs, session, known)
        return known


def _kind(entry: Entry) -> str:
    if entry.kind in _SESSION:
        return "session"
    return "action" if entry.kind in _ACTION or entry.kind.startswith("hold.") else ""


def _keep(known: OrderedDict[str, Value], name: str, value: Value) -> None:
    known[name] = value
    if len(known) > MAX_KNOWN:
        known.popitem(last=False)
