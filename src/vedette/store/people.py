"""People of the built-in issuer. Of a password, only its Argon2id verifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from vedette.store import tables
from vedette.store.connect import Database
from vedette.store.errors import StoreError

_T = tables.people


@dataclass(frozen=True, slots=True)
class Person:
    """*password* is a verifier, None until one is set. Times in Unix seconds; *used* is the last sign-in."""

    name: str
    groups: frozenset[str]
    created: float
    email: str | None = None
    password: str | None = field(default=None, repr=False)
    changed: float | None = None
    used: float | None = None
    disabled: float | None = None


class People:
    """Who may sign in here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, person: Person) -> None:
        """Keep a new person.

        Raises:
            StoreError: the name is a person's or an account's already.
        """
        values = {
            "name": person.name, "email": person.email, "groups": sorted(person.groups),
            "password": person.password, "created": person.created, "changed": person.changed,
        }  # fmt: skip
        other = select(tables.accounts.c.name).where(tables.accounts.c.name == person.name)
        try:
            async with self._database.writing() as connection:
                if (await connection.execute(other)).first() is not None:
                    raise StoreError(f"there is an account named {person.name} already")
                await connection.execute(insert(_T).values(values))
        except IntegrityError as error:
            raise StoreError(f"there is a person named {person.name} already") from error

    async def first(self, person: Person, link: bytes, now: float) -> bool:
        """
        Keep *person* as the first of all and use up the set-up *link*; False where either cannot be.

        Raises:
            StoreError: the name is an account's already.
        """
        links = tables.setup_links
        use = (
            update(links)
            .where(
                links.c.digest == link, links.c.used.is_(None), links.c.expires > now, links.c.created <= now
            )
            .values(used=now)
        )
        values = {
            "name": person.name, "email": person.email, "groups": sorted(person.groups),
            "password": person.password, "created": person.created, "changed": person.changed,
        }  # fmt: skip
        async with self._database.writing() as connection:
            people = (await connection.execute(select(func.count()).select_from(_T))).scalar_one()
            if people or (await connection.execute(use)).rowcount != 1:
                return False
            other = select(tables.accounts.c.name).where(tables.accounts.c.name == person.name)
            if (await connection.execute(other)).first() is not None:
                raise StoreError(f"there is an account named {person.name} already")
            await connection.execute(insert(_T).values(values))
            return True

    async def get(self, name: str) -> Person | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(select(_T).where(_T.c.name == name))).mappings().first()
        return None if row is None else _person(row)

    async def all(self) -> list[Person]:
        """Everybody, by name."""
        async with self._database.reading() as connection:
            return [
                _person(row) for row in (await connection.execute(select(_T).order_by(_T.c.name))).mappings()
            ]

    async def any(self) -> bool:
        """Whether there is anybody."""
        async with self._database.reading() as connection:
            return (await connection.execute(select(_T.c.name).limit(1))).first() is not None

    async def change(self, name: str, **values: object) -> bool:
        """Set *groups*, *email*, *password* and *changed*, *disabled*, *used*; False: nobody there."""
        async with self._database.writing() as connection:
            done = await connection.execute(update(_T).where(_T.c.name == name).values(**values))
            return done.rowcount == 1


class SetupLinks:
    """One-time links by which the first person comes in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, digest: bytes, now: float, expires: float) -> None:
        """Keep a new one; those before it are void."""
        links = tables.setup_links
        async with self._database.writing() as connection:
            await connection.execute(update(links).where(links.c.used.is_(None)).values(used=now))
            await connection.execute(insert(links).values(digest=digest, created=now, expires=expires))

    async def good(self, digest: bytes, now: float) -> bool:
        """Whether it can still be used at *now*. A clock that was set back before its making says no."""
        links = tables.setup_links
        query = select(links.c.digest).where(
            links.c.digest == digest, links.c.used.is_(None), links.c.expires > now, links.c.created <= now
        )
        async with self._database.reading() as connection:
            return (await connection.execute(query)).first() is not None


def _person(row: Mapping[Any, Any]) -> Person:
    return Person(
        row["name"], frozenset(row["groups"]), row["created"], row["email"], row["password"], row["changed"],
        row["used"], row["disabled"],
    )  # fmt: skip
