"""API keys: what is needed to check one, never the key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from vedette.identity.keys import KeyRecord, Verifier
from vedette.model import Kind
from vedette.store import tables
from vedette.store.connect import Database
from vedette.store.errors import StoreError

_T = tables.keys


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key and its history: *used* when last (to the minute or so), *revoked* when made void."""

    record: KeyRecord
    used: float | None
    revoked: float | None


class Keys:
    """The API keys this gateway gave out; what ``vedette.identity.keys`` asks for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: KeyRecord) -> None:
        """Keep a new key.

        Raises:
            StoreError: its name is taken, or its SSH key was registered before.
        """
        verifier = record.verifier
        values = {
            "prefix": record.prefix, "name": record.name, "subject": record.subject,
            "kind": record.kind.value, "groups": sorted(record.groups), "created": record.created,
            "expires": record.expires, "salt": verifier.salt, "iterations": verifier.iterations,
            "stored_key": verifier.stored_key, "server_key": verifier.server_key, "owner": record.owner,
            "ssh": record.ssh or None,
        }  # fmt: skip
        try:
            async with self._database.writing() as connection:
                await connection.execute(insert(_T).values(values))
        except IntegrityError as error:
            said = f"there is a key named {record.name} already, or one with this SSH key"
            raise StoreError(said) from error

    async def by_prefix(self, prefix: str) -> KeyRecord | None:
        rows = await self._select(_T.c.prefix == prefix)
        return rows[0].record if rows else None

    async def by_name(self, name: str) -> KeyRecord | None:
        rows = await self._select(_T.c.name == name)
        return rows[0].record if rows else None

    async def by_ssh(self, fingerprint: str) -> KeyRecord | None:
        rows = await self._select(_T.c.ssh == fingerprint)
        return rows[0].record if rows else None

    async def all(self) -> list[KeyRow]:
        """All keys, newest first."""
        return await self._select(None)

    async def revoke(self, prefix: str, now: float) -> bool:
        """Make a key void; False where there is none, or it is void already."""
        change = update(_T).where(_T.c.prefix == prefix, _T.c.revoked.is_(None)).values(revoked=now)
        async with self._database.writing() as connection:
            return (await connection.execute(change)).rowcount == 1

    async def regroup(self, prefix: str, groups: Iterable[str]) -> bool:
        """Give a key other groups; False where there is none, or it is void."""
        change = update(_T).where(_T.c.prefix == prefix, _T.c.revoked.is_(None))
        async with self._database.writing() as connection:
            return (await connection.execute(change.values(groups=sorted(groups)))).rowcount == 1

    async def used(self, prefix: str, now: float) -> None:
        """Note that a key was used. Written once a minute at most, so that logins do not queue."""
        stale = _T.c.used.is_(None) | (_T.c.used < now - 60)
        async with self._database.reading() as connection:
            query = select(_T.c.prefix).where(_T.c.prefix == prefix, stale)
            if (await connection.execute(query)).first() is None:
                return
        async with self._database.writing() as connection:
            await connection.execute(update(_T).where(_T.c.prefix == prefix).values(used=now))

    async def _select(self, where: Any) -> list[KeyRow]:
        query = select(_T).order_by(_T.c.created.desc(), _T.c.prefix)
        if where is not None:
            query = query.where(where)
        async with self._database.reading() as connection:
            return [_row(found) for found in (await connection.execute(query)).mappings()]


def _row(row: Mapping[Any, Any]) -> KeyRow:
    record = KeyRecord(
        prefix=row["prefix"],
        name=row["name"],
        subject=row["subject"],
        kind=Kind(row["kind"]),
        groups=frozenset(row["groups"]),
        created=row["created"],
        expires=row["expires"],
        verifier=Verifier(row["salt"], row["iterations"], row["stored_key"], row["server_key"]),
        revoked=row["revoked"] is not None,
        owner=row["owner"],
        ssh=row["ssh"] or "",
    )
    return KeyRow(record, row["used"], row["revoked"])
