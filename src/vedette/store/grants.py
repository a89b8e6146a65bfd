"""Sign-ins of people, and the refresh tokens that keep each going: every one works once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, Update, delete, insert, select, update

from vedette.store import tables
from vedette.store.connect import Database

_G, _R = tables.grants, tables.refresh_tokens
#: Clocks may go back so far between two uses; further, and nothing is renewed.
BACK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Grant:
    """One sign-in by one client. Times in Unix seconds."""

    id: str
    person: str
    client: str
    scope: str
    created: float
    expires: float
    revoked: float | None = None


@dataclass(frozen=True, slots=True)
class Renewal:
    """What came of a refresh token: renewed, over, or used before (its sign-in is void now)."""

    outcome: Literal["renewed", "over", "reused"]
    grant: Grant


class Grants:
    """Sign-ins of this gateway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, grant: Grant, refresh: bytes | None) -> None:
        """Keep a new sign-in, and the digest of its first refresh token where it has one."""
        values = {
            "id": grant.id, "person": grant.person, "client": grant.client, "scope": grant.scope,
            "created": grant.created, "expires": grant.expires,
        }  # fmt: skip
        async with self._database.writing() as connection:
            await connection.execute(insert(_G).values(values))
            if refresh is not None:
                await connection.execute(
                    insert(_R).values(digest=refresh, grant=grant.id, issued=grant.created)
                )

    async def get(self, grant: str) -> Grant | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(select(_G).where(_G.c.id == grant))).mappings().first()
        return None if row is None else Grant(**row)

    async def find(self, *, person: str | None = None, limit: int = 1000) -> list[Grant]:
        """At most *limit* sign-ins, newest first, those that are over among them."""
        query = select(_G).order_by(_G.c.created.desc(), _G.c.id).limit(limit)
        if person is not None:
            query = query.where(_G.c.person == person)
        async with self._database.reading() as connection:
            return [Grant(**row) for row in (await connection.execute(query)).mappings()]

    async def of_refresh(self, digest: bytes) -> Grant | None:
        """The sign-in that a refresh token belongs to, used or not."""
        query = select(_G).join(_R, _R.c.grant == _G.c.id).where(_R.c.digest == digest)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else Grant(**row)

    async def renew(self, old: bytes, new: bytes, client: str, now: float) -> Renewal | None:
        """
        Use up *old* and keep *new* in its place, in one transaction.

        A second use of *old* by anybody makes the whole sign-in void (RFC 9700 section 4.14.2): one of the
        two is a thief, and it does not show which.
        """
        query = (
            select(_G, _R.c.issued, _R.c.used)
            .join(_R, _R.c.grant == _G.c.id)
            .where(_R.c.digest == old, _G.c.client == client)
        )
        async with self._database.writing() as connection:
            found = (await connection.execute(query)).mappings().first()
            if found is None:
                return None
            row = dict(found)
            issued, used = row.pop("issued"), row.pop("used")
            grant = Grant(**row)
            if used is not None:
                await connection.execute(_void(_G.c.id == grant.id, now))
                return Renewal("reused", grant)
            if grant.revoked is not None or now >= grant.expires or now < issued - BACK_SECONDS:
                return Renewal("over", grant)
            await connection.execute(update(_R).where(_R.c.digest == old).values(used=now))
            await connection.execute(insert(_R).values(digest=new, grant=grant.id, issued=now))
            return Renewal("renewed", grant)

    async def revoke(self, grant: str, now: float) -> None:
        """End one sign-in."""
        async with self._database.writing() as connection:
            await connection.execute(_void(_G.c.id == grant, now))

    async def revoke_all(self, person: str, now: float) -> None:
        """End every sign-in of a person."""
        async with self._database.writing() as connection:
            await connection.execute(_void(_G.c.person == person, now))

    async def forget(self, before: float) -> None:
        """Drop what was over before *before*."""
        old = select(_G.c.id).where(_G.c.expires < before)
        async with self._database.writing() as connection:
            await connection.execute(delete(_R).where(_R.c.grant.in_(old)))
            await connection.execute(delete(_G).where(_G.c.expires < before))


def _void(which: ColumnElement[bool], now: float) -> Update:
    return update(_G).where(which, _G.c.revoked.is_(None)).values(revoked=now)
