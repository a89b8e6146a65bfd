"""What is kept of a login between commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from vedette.client.errors import ClientError

How = Literal["browser", "device", "client-credentials", "token"]

#: Of a login, what may only stand where nobody else reads.
SECRETS = ("token", "refresh", "secret")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener of the gateway is."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Login:
    """One login at one gateway.

    *gateway* is the address of its API; *name* tells several logins there apart (``--as``). *how* it was
    had decides how it is renewed: by *refresh*, or for ``client-credentials`` by a secret, which is
    *secret* itself or stands in the environment variable *secret_env* or the file *secret_file*.
    *expires* in Unix seconds, None for "does not". *ca* is a PEM file. *postgres* is where psql goes.
    """

    gateway: str
    name: str
    how: How
    token: str = field(repr=False)
    expires: float | None = None
    issuer: str = ""
    client: str = ""
    scope: str = ""
    audience: str | None = None
    refresh: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    secret_env: str | None = None
    secret_file: str | None = None
    ca: str | None = None
    postgres: Address | None = None

    @property
    def key(self) -> str:
        """What it is called in the store."""
        return f"{self.name}@{self.gateway}"


def written(login: Login) -> dict[str, Any]:
    """As plain JSON values, secrets and all."""
    found = {each.name: getattr(login, each.name) for each in fields(login)}
    if login.postgres is not None:
        found["postgres"] = {"host": login.postgres.host, "port": login.postgres.port}
    return found


def read(found: Mapping[str, Any]) -> Login:
    """The reverse. Raises ClientError ``client.store`` for anything that `written` would not write."""
    known = {each.name for each in fields(Login)}
    values = dict(found)
    where = values.get("postgres")
    texts = known - {"expires", "postgres"}
    needed = ("gateway", "name", "how", "token")
    good = (
        values.keys() <= known
        and all(isinstance(values.get(name), str) and values[name] for name in needed)
        and all(isinstance(values.get(name), str | None) for name in texts)
        and isinstance(values.get("expires"), int | float | None)
        and values["how"] in get_args(How)
        and (where is None or _is_address(where))
    )
    if not good:
        raise ClientError("client.store", "a held login that this version cannot read", "log in again")
    if where is not None:
        values["postgres"] = Address(where["host"], where["port"])
    return Login(**values)


def _is_address(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"host", "port"}
        and isinstance(value["host"], str)
        and isinstance(value["port"], int)
    )
