"""The ways to the same server: direct, through pgbouncer, through the gateway (compiled, and in pure Python)."""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.testbed import gateway, postgres, processes
from tests.testbed.postgres import Postgres
from vedette import native

DATABASE = "bench"
ROLE = "by_scram"
PGBOUNCER = "/usr/sbin/pgbouncer"
ACCOUNTS = 100_000

# Twenty rules of the sort people write; none of them masks what the bench reads, so rows may pass unopened.
RULES: list[dict[str, Any]] = [
    {"allow": {"effects": ["read", "write", "delete", "create", "alter", "execute", "configure"]}},
    {"deny": {"pack": "destructive-sql"}},
    {"deny": {"pack": "privilege-sql"}},
    {"deny": {"pack": "filesystem-sql"}},
    {"deny": {"when": "action.sql.unscoped"}},
    *({"deny": {"effects": ["write", "delete"], "objects": [f"audit.part_{n}"]}} for n in range(6)),
    *(
        {
            "hold": {"effects": ["write", "delete"], "objects": [f"public.payments_{n}"]},
            "approvers": {"groups": ["dba"]},
        }
        for n in range(5)
    ),
    *({"mask": {"columns": [f"public.people_{n}.ssn"], "as": "redact"}} for n in range(4)),
]
POLICIES = [{"name": "bench", "who": {}, "where": {}, "rules": RULES}]


@dataclass(frozen=True, slots=True)
class Side:
    """One way in. *pid* is whose CPU counts, None for the server itself."""

    name: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    pid: int | None
    sslmode: str = "disable"

    def environment(self) -> dict[str, str]:
        """For libpq's programs."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.database,
            "PGSSLMODE": self.sslmode,
            "PGGSSENCMODE": "disable",
        }


@dataclass(frozen=True, slots=True)
class Bench:
    """The server and the ways to it; *tls* holds the same ways, encrypted, where the server can."""

    server: Postgres
    plain: dict[str, Side]
    tls: dict[str, Side]


def _bouncer_config(server: Postgres, port: int, folder: Path, *, tls: bool) -> str:
    lines = [
        "[databases]",
        f"{DATABASE} = host={server.host} port={server.port} dbname={DATABASE}",
        "[pgbouncer]",
        f"listen_addr = {processes.LOOPBACK}",
        f"listen_port = {port}",
        "unix_socket_dir =",
        "auth_type = scram-sha-256",
        f"auth_file = {folder / 'users'}",
        "pool_mode = session",
        "max_client_conn = 1200",
        "default_pool_size = 1100",
        "ignore_startup_parameters = extra_float_digits",
        "log_connections = 0",
        "log_disconnections = 0",
        f"server_tls_sslmode = {'require' if tls else 'disable'}",
    ]
    if tls:
        lines.append("client_tls_sslmode = require")
        lines += [
            f"client_tls_{kind}_file = {folder / name}" for kind, name in (("cert", "crt"), ("key", "key"))
        ]
    return "\n".join([*lines, ""])


@contextlib.contextmanager
def bouncer(server: Postgres, *, tls: bool) -> Iterator[Side]:
    """Debian's pgbouncer, session pooling, SCRAM on both sides."""
    folder = processes.folder() / ("bouncer-tls" if tls else "bouncer")
    folder.mkdir()
    folder.chmod(0o755)
    port = processes.free_port()
    role = server.roles[ROLE]
    (folder / "users").write_text(f'"{role.name}" "{role.password}"\n')
    if tls and server.tls is not None:
        shutil.copy(server.tls.server.certificate, folder / "crt")
        shutil.copy(server.tls.server.key, folder / "key")
    (folder / "ini").write_text(_bouncer_config(server, port, folder, tls=tls))
    for name in folder.iterdir():
        name.chmod(0o644)  # throw-away secrets; pgbouncer runs as nobody
    words = processes.command([PGBOUNCER, folder / "ini"], drop=True)
    with processes.running(words, folder / "log") as child:
        processes.wait_until(lambda: processes.listening(port), child, folder / "log", "pgbouncer")
        yield Side(
            name="pgbouncer",
            host=processes.LOOPBACK,
            port=port,
            user=role.name,
            password=role.password,
            database=DATABASE,
            pid=child.pid,
            sslmode="require" if tls else "disable",
        )
        processes.end(child, signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def vedette(server: Postgres, *, tls: bool, name: str = "vedette") -> Iterator[tuple[Side, Side]]:
    """The gateway as operators run it: once with a token as password, once with an API key (SCRAM).

    *name* ``pure`` leaves the compiled twin aside.
    """
    folder = processes.folder() / (f"{name}-tls" if tls else name)
    folder.mkdir()
    upstream = gateway.Upstream(server, DATABASE, ROLE, name=DATABASE, tls="require" if tls else "disable")
    # One principal opens a thousand sessions here, and on a busy machine in no hurry.
    limits = {"limits": {"per_principal": 1500, "login_timeout": "60s"}}
    file = gateway.write(folder, [upstream], POLICIES, gateway=limits)
    with gateway.serving(file, env={"VEDETTE_PURE": "1"} if name == "pure" else None) as running:

        def side(word: str, user: str, secret: str) -> Side:
            return Side(
                name=word,
                host=processes.LOOPBACK,
                port=running.port,
                user=user,
                password=secret,
                database=DATABASE,
                pid=running.child.pid,
                sslmode="require" if tls else "disable",
            )

        yield (
            side(name, "agent", running.token(ttl="2h")),
            side(name, "bench", running.key("bench")),
        )


@contextlib.contextmanager
def served() -> Iterator[tuple[Postgres, bool]]:
    """The server with its table, and whether it speaks TLS. Raises ChildFailed where there is none."""
    programs = postgres.debian() or postgres.wheel(16)
    if programs is None:
        raise processes.ChildFailed("no PostgreSQL here: neither Debian's nor the wheel's")
    has_tls = postgres.debian() is not None
    settings = {"max_connections": "2500", "log_statement": "none", "shared_buffers": "256MB"}
    with postgres.serve(programs, "bench", tls=has_tls, settings=settings) as server:
        server.run(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
        server.run(
            "CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));"
            f"INSERT INTO pgbench_accounts SELECT n, 1, 0, '' FROM generate_series(1, {ACCOUNTS}) n;"
            "ANALYZE pgbench_accounts",
            DATABASE,
            ROLE,
        )
        yield server, has_tls


@contextlib.contextmanager
def opened() -> Iterator[Bench]:
    """Everything started; ends all of it. Raises ChildFailed where something needed is missing."""
    with contextlib.ExitStack() as stack:
        server, has_tls = stack.enter_context(served())
        plain = _sides(stack, server, tls=False)
        yield Bench(server, plain, _sides(stack, server, tls=True) if has_tls else {})


def _sides(stack: contextlib.ExitStack, server: Postgres, *, tls: bool) -> dict[str, Side]:
    role = server.roles[ROLE]
    direct = Side(
        name="direct",
        host=server.host,
        port=server.port,
        user=role.name,
        password=role.password,
        database=DATABASE,
        pid=None,
        sslmode="require" if tls else "disable",
    )
    found = {"direct": direct}
    if Path(PGBOUNCER).exists():
        found["pgbouncer"] = stack.enter_context(bouncer(server, tls=tls))
    found["vedette"], found["scram"] = stack.enter_context(vedette(server, tls=tls))
    if native.compiled is not None:
        found["pure"], _ = stack.enter_context(vedette(server, tls=tls, name="pure"))
    return found
