"""Service accounts of the built-in issuer. Of a secret, only its digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from vedette.model import Kind
from vedette.store import tables
from vedette.store.connect import Database
from vedette.store.errors import StoreError

_T = tables.accounts
USED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Account:
    """A program with an id and a secret. *owner* is the person who answers for it, and may lend it out."""

    name: str
    kind: Kind
    groups: frozenset[str]
    verifier: bytes = field(repr=False)
    created: float
    changed: float
    owner: str = ""
    used: float | None = None
    disabled: float | None = None


class Accounts:
    """The service accounts of this gateway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, account: Account) -> None:
        """Keep a new account.

        Raises:
            StoreError: the name is an account's or a person's already.
        """
        values = {
            "name": account.name, "kind": account.kind.value, "groups": sorted(account.groups),
            "owner": account.owner, "verifier": account.verifier, "created": account.created,
            "changed": account.changed,
        }  # fmt: skip
        other = select(tables.people.c.name).where(tables.people.c.name == account.name)
        try:
            async with self._database.writing() as connection:
                if (await connection.execute(other)).first() is not None:
                    raise StoreError(f"there is a person named {account.name} already")
                await connection.execute(insert(_T).values(values))
        except IntegrityError as error:
            raise StoreError(f"there is an account named {account.name} already") from error

    async def get(self, name: str) -> Account | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(select(_T).where(_T.c.name == name))).mappings().first()
        return None if row is None else _account(row)

    async def all(self) -> list[Account]:
        """All of them, by name."""
        async with self._database.reading() as connection:
            return [
                _account(row) for row in (await connection.execute(select(_T).order_by(_T.c.name))).mappings()
            ]

    async def change(self, name: str, **values: object) -> bool:
        """Set *groups*, *owner*, *verifier* and *changed*, or *disabled*; False where there is none."""
        async with self._database.writing() as connection:
            done = await connection.execute(update(_T).where(_T.c.name == name).values(**values))
            return done.rowcount == 1

    async def used(self, account: Account, now: float) -> None:
        """Note the use, once a minute at most, so that many logins do not queue for the file."""
        if account.used is None or account.used < now - USED_SECONDS:
            await self.change(account.name, used=now)


def _account(row: Mapping[Any, Any]) -> Account:
    return Account(
        name=row["name"], kind=Kind(row["kind"]), groups=frozenset(row["groups"]), verifier=row["verifier"],
        created=row["created"], changed=row["changed"], owner=row["owner"], used=row["used"],
        disabled=row["disabled"],
    )  # fmt: skip
