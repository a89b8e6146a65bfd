"""How PostgreSQL's clients are told where to go: DSN, environment, password file.

Source: PostgreSQL manual, "Database Connection Control Functions": connection URIs, environment
variables, the password file.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from vedette.client.held import Address
from vedette.client.web import loopback

#: PostgreSQL cuts an application's name there (NAMEDATALEN - 1).
MAX_NAME = 63
_PLAIN = re.compile(r"[^A-Za-z0-9._-]")
#: User names that would make the gateway ask for another kind of evidence.
_OTHER_EVIDENCE = ("vdt_", "oauth")

#: Variables of ours that would send a child elsewhere, or as somebody else.
STRAY = frozenset(
    {
        *("PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGPASSFILE", "PGSERVICE"),
        *("PGSERVICEFILE", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLNEGOTIATION"),
        *("PGREQUIREAUTH", "PGCHANNELBINDING", "PGAPPNAME", "PGTARGETSESSIONATTRS", "DATABASE_URL"),
    }
)


@dataclass(frozen=True, slots=True)
class Door:
    """A PostgreSQL listener that takes a token for a password.

    *mode* and *root* are libpq's ``sslmode`` and ``sslrootcert``.
    """

    where: Address
    user: str
    mode: str = "verify-full"
    root: str | None = None
    application: str = ""

    def dsn(self, database: str, password: str | None = None) -> str:
        """A connection URI. Drivers that know no ``sslrootcert`` take it from the environment."""
        host = f"[{self.where.host}]" if ":" in self.where.host else self.where.host
        secret = "" if password is None else ":" + quote(password, safe="")
        query = {"sslmode": self.mode}
        if self.root and self.mode.startswith("verify"):
            query["sslrootcert"] = self.root
        if self.application:
            query["application_name"] = self.application
        user = quote(self.user, safe="")
        return (
            f"postgresql://{user}{secret}@{host}:{self.where.port}/{quote(database, safe='')}"
            # libpq takes a plus sign for a plus sign.
            f"?{urlencode(query, quote_via=quote)}"
        )

    def environment(self, database: str | None, passwords: Path) -> dict[str, str]:
        """Variables of libpq; no secret is among them."""
        found = {
            "PGHOST": self.where.host, "PGPORT": str(self.where.port), "PGUSER": self.user,
            "PGPASSFILE": str(passwords), "PGSSLMODE": self.mode,
        }  # fmt: skip
        if self.root and self.mode.startswith("verify"):
            found["PGSSLROOTCERT"] = self.root
        if self.application:
            found["PGAPPNAME"] = self.application
        if database is not None:
            found |= {"PGDATABASE": database, "DATABASE_URL": self.dsn(database)}
        return found

    def password_file(self, password: str) -> str:
        """The line of a password file that is good for every resource behind this listener."""
        return ":".join((_field(self.where.host), str(self.where.port), "*", "*", _field(password))) + "\n"


def door(where: Address, user: str, ca: str | None, application: str = "") -> Door:
    """How to go to the gateway's listener at *where*.

    TLS is verified. Without *ca*, the system's authorities count, except for a gateway on this very
    machine: its certificate is its own, and the way there is as private as the machine.
    """
    name = login_name(user)
    if ca is None and loopback(where.host):
        return Door(where, name, "disable", None, application[:MAX_NAME])
    return Door(where, name, "verify-full", ca or system_authorities(), application[:MAX_NAME])


def login_name(subject: str) -> str:
    """A user name for the log's reader; it selects nothing that the token does not grant."""
    name = _PLAIN.sub("-", subject)[:MAX_NAME] or "agent"
    return f"u-{name}"[:MAX_NAME] if name.startswith(_OTHER_EVIDENCE) else name


def system_authorities() -> str:
    """A file with the system's authorities; ``system`` (libpq 16 and later) where there is no such file."""
    return ssl.get_default_verify_paths().cafile or "system"


def _field(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")
