"""Issued tokens (their ids, never the tokens), and which of them are void."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, true, update

from vedette.identity.tokens import TokenRecord
from vedette.model import Kind
from vedette.store import tables
from vedette.store.connect import Database
from vedette.store.errors import StoreError
from vedette.store.whose import Whose

log = logging.getLogger(__name__)
_T = tables.tokens
#: For so long after its token's end, a session may still be there to be ended with it.
OUTLIVED_SECONDS = 31 * 86400
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One issued token. *revoked* is when it was made void, None for never."""

    record: TokenRecord
    note: str
    revoked: float | None


class IssuedTokens:
    """The tokens this gateway gave out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: TokenRecord, note: str = "") -> None:
        """Keep a new token's record."""
        values = {
            "id": record.id, "issuer": record.issuer, "subject": record.subject, "kind": record.kind.value,
            "groups": sorted(record.groups), "actor": record.actor, "email": record.email,
            "issued": record.issued, "expires": record.expires, "key_id": record.key_id, "note": note,
            "resources": None if record.resources is None else sorted(record.resources),
            "client": record.client, "scope": record.scope, "owner": record.owner, "grant": record.grant,
            "parent": record.parent,
        }  # fmt: skip
        async with self._database.writing() as connection:
            await connection.execute(insert(_T).values(values))

    async def get(self, token: str) -> TokenRow | None:
        rows = await self._select(_T.c.id == token, 1)
        return rows[0] if rows else None

    async def find(
        self, *, now: float | None = None, whose: Whose | None = None, subject: str | None = None,
        before: float | None = None, limit: int = 1000,
    ) -> list[TokenRow]:  # fmt: skip
        """At most *limit* tokens, newest first; with *now*, only those that have not expired by then."""
        wanted = true() if now is None else _T.c.expires > now
        if subject is not None:
            wanted &= _T.c.subject == subject
        if before is not None:
            wanted &= _T.c.issued < before
        if whose is not None:
            wanted &= whose.by_subject(_T.c.issuer, _T.c.subject, _T.c.actor, _T.c.owner)
        return await self._select(wanted, limit)

    async def revoke(self, token: str, now: float) -> bool:
        """Make a token void; False where there is none, or it is void already."""
        change = update(_T).where(_T.c.id == token, _T.c.revoked.is_(None)).values(revoked=now)
        async with self._database.writing() as connection:
            return (await connection.execute(change)).rowcount == 1

    async def end(
        self, now: float, *, owner: str = "", grant: str = "", parent: str = "", lent_as: str = "",
        holding: Collection[str] = (),
    ) -> list[TokenRow]:  # fmt: skip
        """
        Make void every token of a principal, of one sign-in, lent by one token, or lent under the name of
        the principal *lent_as*: what is ended by this.

        *owner* means what hangs on the principal and what an admin issued in its name. With *holding*,
        only tokens that carry one of these groups. Tokens that have expired are among them for a while:
        sessions outlive the token that opened them.
        """
        if lent_as:
            issuer, _, subject = lent_as.rpartition("#")
            chosen: ColumnElement[bool] = (
                (_T.c.issuer == issuer) & (_T.c.subject == subject) & _T.c.actor.is_not(None)
            ) & (_T.c.owner != "")
        elif owner:
            issuer, _, subject = owner.rpartition("#")
            own = (_T.c.owner == "") & (_T.c.issuer == issuer) & (_T.c.subject == subject)
            chosen = (_T.c.owner == owner) | own
        else:
            chosen = _T.c.parent == parent if parent else _T.c.grant == grant
        live = chosen & (_T.c.expires > now - OUTLIVED_SECONDS) & _T.c.revoked.is_(None)
        query = select(_T).where(live).order_by(_T.c.issued.desc(), _T.c.id)
        async with self._database.writing() as connection:
            found = [_row(row) for row in (await connection.execute(query)).mappings()]
            ended = [row for row in found if not holding or not row.record.groups.isdisjoint(holding)]
            ids = [row.record.id for row in ended]
            for at in range(0, len(ids), _AT_ONCE):
                part = _T.c.id.in_(ids[at : at + _AT_ONCE])
                await connection.execute(update(_T).where(part).values(revoked=now))
        return ended

    async def bears(self, subject: str, now: float) -> bool:
        """Whether *subject* has a credential of its own: an admin's token, or a key, at *now*."""
        own = (_T.c.subject == subject) & (_T.c.owner == "") & (_T.c.expires > now) & _T.c.revoked.is_(None)
        keys = tables.keys.c
        key = (keys.subject == subject) & keys.revoked.is_(None)
        async with self._database.reading() as connection:
            if (await connection.execute(select(_T.c.id).where(own).limit(1))).first() is not None:
                return True
            return (await connection.execute(select(keys.prefix).where(key).limit(1))).first() is not None

    async def revoked(self, now: float) -> frozenset[str]:
        """
        The ids of void tokens, also of those that have expired by now: clocks differ, so that a token counts
        a little longer than it says, and sessions outlive the token that opened them.
        """
        recent = _T.c.expires > now - OUTLIVED_SECONDS
        query = select(_T.c.id).where(_T.c.revoked.is_not(None), recent)
        async with self._database.reading() as connection:
            return frozenset((await connection.execute(query)).scalars())

    async def void_keys(self) -> frozenset[str]:
        """The prefixes of API keys that were revoked: a key's prefix is its credential's id."""
        query = select(tables.keys.c.prefix).where(tables.keys.c.revoked.is_not(None))
        async with self._database.reading() as connection:
            return frozenset((await connection.execute(query)).scalars())

    async def forget(self, before: float) -> int:
        """Drop the records of tokens that expired before *before*; how many."""
        async with self._database.writing() as connection:
            return (await connection.execute(delete(_T).where(_T.c.expires < before))).rowcount

    async def _select(self, where: object, limit: int) -> list[TokenRow]:
        query = select(_T).order_by(_T.c.issued.desc(), _T.c.id).limit(limit)
        if where is not None:
            query = query.where(where)  # type: ignore[arg-type]
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).mappings().all()
        return [_row(row) for row in found]


def _row(row: Mapping[Any, Any]) -> TokenRow:
    resources = row["resources"]
    record = TokenRecord(
        row["id"], row["issuer"], row["subject"], Kind(row["kind"]), frozenset(row["groups"]), row["actor"],
        row["email"], row["issued"], row["expires"], row["key_id"],
        None if resources is None else frozenset(resources), row["client"], row["scope"], row["owner"],
        row["grant"], row["parent"],
    )  # fmt: skip
    return TokenRow(record, row["note"], row["revoked"])


class Revocations:
    """Which tokens are void, answered from memory; kept fresh by polling, at most *pause* seconds behind.

    Fails closed: when the store has not answered for *patience* seconds, every token counts as
    void, because one of them may have been revoked meanwhile. *told* is called with
    newly revoked ids, so that their sessions can be ended.
    """

    def __init__(
        self, tokens: IssuedTokens, *, now: Callable[[], float], clock: Callable[[], float],
        pause: float = 0.5, patience: float = 30.0, told: Callable[[frozenset[str]], None] | None = None,
    ) -> None:  # fmt: skip
        self._tokens = tokens
        self._now = now
        self._clock = clock
        self._pause = pause
        self._patience = patience
        self._told = told
        self._void: frozenset[str] = frozenset()
        self._added: dict[str, float] = {}
        self._fresh: float | None = None
        self._soon = asyncio.Event()

    def is_revoked(self, token: str) -> bool:
        """Whether *token* (a jti) is void. Never waits."""
        if self._fresh is None or self._clock() - self._fresh > self._patience:
            return True
        return token in self._void

    def add(self, token: str) -> None:
        """This process itself has just revoked *token*: void from this moment."""
        self._added[token] = self._clock()
        self._news(self._void | {token})

    def look(self) -> None:
        """Ask the store now rather than at the next turn (on a signal)."""
        self._soon.set()

    async def refresh(self) -> None:
        """Ask the store.

        Raises:
            StoreError: it does not answer.
        """
        asked = self._clock()
        found = await self._tokens.revoked(self._now()) | await self._tokens.void_keys()
        # What was added while the store was being asked may not be in its answer yet.
        self._added = {token: at for token, at in self._added.items() if at >= asked}
        self._news(found | self._added.keys())
        self._fresh = asked

    async def run(self) -> None:
        """Refresh for ever; ends by being cancelled."""
        while True:
            # Before, not after: a look that is asked for meanwhile is one of its own.
            self._soon.clear()
            try:
                await self.refresh()
            except StoreError as error:
                log.error("which tokens are revoked cannot be read: %s", error)
            try:
                async with asyncio.timeout(self._pause):
                    await self._soon.wait()
            except TimeoutError:
                pass

    def _news(self, void: frozenset[str]) -> None:
        fresh = void - self._void
        self._void = void
        if fresh and self._told is not None:
            self._told(fresh)
