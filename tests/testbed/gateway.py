"""The real gateway: as the process that operators run, or inside the test's own event loop."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.testbed import processes
from tests.testbed.postgres import Postgres
from tests.testbed.processes import LOOPBACK
from vedette.model import Kind

if TYPE_CHECKING:
    from vedette.app import App

RESOURCE = "appdb"
# Lets everything pass that could be read to its last byte: the least that a test can ask for.
OPEN: tuple[Mapping[str, Any], ...] = (
    {
        "name": "open",
        "who": {},
        "where": {},
        "rules": [
            {
                "allow": {
                    "effects": [
                        *("read", "write", "delete", "destroy", "create", "alter"),
                        *("grant", "execute", "export", "configure"),
                    ]
                }
            }
        ],
    },
)
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Upstream:
    """
    One resource as the configuration file describes it.

    *port* may be a tap's instead of the server's. With *tls*, the server's authority is trusted, and the role
    ``by_cert`` shows its certificate. *more* is added to the section as it stands.
    """

    server: Postgres
    database: str
    role: str = "by_scram"
    name: str = RESOURCE
    port: int | None = None
    tls: str = "disable"
    labels: Mapping[str, str] | None = None
    more: Mapping[str, Any] | None = None

    def section(self, folder: Path) -> dict[str, Any]:
        """The resource's section; the password goes into a file beside the configuration."""
        role = self.server.roles[self.role]
        login: dict[str, Any] = {"user": role.name}
        if role.password:
            secret = folder / f"{self.name}.password"
            secret.touch(0o600)
            secret.write_text(role.password)
            login["password"] = {"file": str(secret)}
        upstream: dict[str, Any] = {"host": self.server.host, "port": self.port or self.server.port}
        upstream |= {"database": self.database, "tls": self.tls}
        authority = self.server.tls
        if authority and self.tls.startswith("verify"):
            upstream["ca"] = str(authority.root.certificate)
        if authority and role.method == "cert":
            login |= {
                "certificate": str(authority.client.certificate),
                "key": {"file": str(authority.client.key)},
            }
        section: dict[str, Any] = {"protocol": "postgres", "upstream": upstream, "login": login}
        if self.labels:
            section["labels"] = dict(self.labels)
        section |= self.more or {}
        return section


def write(
    folder: Path,
    upstreams: Sequence[Upstream],
    policies: Sequence[Mapping[str, Any]] = OPEN,
    *,
    gateway: Mapping[str, Any] | None = None,
    identity: Mapping[str, Any] | None = None,
) -> Path:
    """A complete vedette.yaml on free ports below *folder*; *gateway* adds to or replaces its settings."""
    ports = {"postgres": processes.free_port(), "web": processes.free_port()}
    listen = {name: f"{LOOPBACK}:{port}" for name, port in ports.items()}
    document: dict[str, Any] = {
        "gateway": {"listen": listen, "data": str(folder / "vedette-data")} | dict(gateway or {}),
        "resources": {upstream.name: upstream.section(folder) for upstream in upstreams},
        "policies": [dict(policy) for policy in policies],
    }
    if identity:
        document["identity"] = dict(identity)
    file = folder / "vedette.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file


def _port(file: Path, name: str) -> int:
    listen = yaml.safe_load(file.read_text())["gateway"]["listen"][name]
    return int(str(listen).rpartition(":")[2])


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway process. *log* holds what it printed; *data* is its folder."""

    file: Path
    data: Path
    port: int
    web: int
    log: Path
    child: subprocess.Popen[bytes]

    def dsn(self, token: str, resource: str = RESOURCE, user: str = "agent", **options: str) -> str:
        """What an agent is given: an address, a resource for a database, a token for a password."""
        query = "&".join(f"{name}={value}" for name, value in ({"sslmode": "prefer"} | options).items())
        return f"postgresql://{user}:{token}@{LOOPBACK}:{self.port}/{resource}?{query}"

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """
        `vedette` with *arguments*, against this gateway's configuration.

        Raises:
            ChildFailed: it ended with another status than 0, and *check* is set.
        """
        done = subprocess.run(
            [sys.executable, "-m", "vedette", *arguments, "--config", str(self.file)],
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
            timeout=processes.PATIENCE_SECONDS,
        )
        if check and done.returncode:
            said = f"{done.stdout}{done.stderr}"
            raise processes.ChildFailed(f"vedette {' '.join(arguments)} gave {done.returncode}\n{said}")
        return done

    def token(
        self, subject: str = "agent-1", groups: str = "ai-agents", *, kind: str = "agent", ttl: str = "10m"
    ) -> str:
        """A token issued by this gateway."""
        words = ["--subject", subject, "--groups", groups, "--kind", kind, "--ttl", ttl]
        return str(json.loads(self.command("token", "issue", *words, "--json").stdout)["token"])

    def key(
        self, name: str = "key-1", subject: str = "agent-1", groups: str = "ai-agents", *, kind: str = "agent"
    ) -> str:
        """An API key, which logs in by SCRAM-SHA-256 with *name* as the user."""
        words = ["--name", name, "--subject", subject, "--groups", groups, "--kind", kind]
        return str(json.loads(self.command("key", "create", *words, "--json").stdout)["key"])

    def reload(self) -> None:
        self.child.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        """Ends it as an operator would; its exit status."""
        return processes.end(self.child, signal.SIGTERM, signal.SIGTERM)

    def kill(self) -> None:
        """kill -9: nothing of the gateway's runs after this."""
        self.child.kill()
        self.child.wait()


def _environment() -> dict[str, str]:
    return processes.environment({"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)})


@contextlib.contextmanager
def serving(
    file: Path, program: Sequence[str] = ("-m", "vedette"), env: Mapping[str, str] | None = None
) -> Iterator[Gateway]:
    """
    `vedette serve` on *file*, listening when yielded, ended on the way out.

    *program* is what Python runs in its place (a wrapper), *env* what its environment has besides.
    """
    port, web = _port(file, "postgres"), _port(file, "web")
    log = file.with_name(f"gateway-{next(_NUMBERS)}.log")
    words = processes.command([sys.executable, *program, "serve", "--config", file])
    with processes.running(words, log, env=_environment() | dict(env or {}), cwd=file.parent) as child:
        processes.wait_until(
            lambda: processes.listening(port) and processes.listening(web), child, log, "the gateway"
        )
        data = Path(yaml.safe_load(file.read_text())["gateway"]["data"])
        gateway = Gateway(file=file, data=data, port=port, web=web, log=log, child=child)
        yield gateway
        gateway.stop()


@contextlib.asynccontextmanager
async def hosted(file: Path) -> AsyncIterator[App]:
    """The same gateway inside this event loop: quicker, and its inside can be reached (and broken)."""
    from vedette.app import App
    from vedette.config import load

    app = App(load(file))
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


def token(
    app: App, subject: str = "agent-1", groups: Sequence[str] = ("ai-agents",), kind: Kind = Kind.AGENT
) -> str:
    """A token from a gateway inside this process, good for ten minutes."""
    return app.tokens.issue(subject, kind, groups, 600.0, now=time.time()).text


def address(app: App, secret: str, resource: str = RESOURCE, user: str = "agent") -> str:
    """The URL that an agent would be given for it."""
    return f"postgresql://{user}:{secret}@{LOOPBACK}:{app.ports['postgres']}/{resource}"
