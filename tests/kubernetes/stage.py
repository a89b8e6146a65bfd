"""A gateway before the fake cluster, as tests of Kubernetes need it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.testbed import gateway as hosting
from tests.testbed import processes
from tests.testbed.cluster.server import Cluster, cluster
from tests.testbed.gateway import OPEN, hosted
from tests.testbed.kubectl import Kubectl
from tests.testbed.processes import LOOPBACK
from vedette.app import App
from vedette.journal.read import read

NAME = "prod"


@dataclass(slots=True)
class Stage:
    app: App
    cluster: Cluster
    folder: Path

    @property
    def server(self) -> str:
        return f"https://{LOOPBACK}:{self.app.ports['kubernetes']}/clusters/{NAME}"

    @property
    def ca(self) -> Path:
        return self.app.certificate.ca or self.app.certificate.certificate

    def token(self, subject: str = "agent-1", groups: Sequence[str] = ("ai-agents",)) -> str:
        return hosting.token(self.app, subject, groups)

    def kubectl(self, token: str | None = None, **user: Any) -> Kubectl:
        shown = user or {"token": token or self.token()}
        return Kubectl.to(self.folder / "home", self.server, self.ca, shown)

    def journal(self, kind: str | None = None) -> list[dict[str, Any]]:
        return [e.body | {"kind": e.kind} for e in read(self.app.journal.folder) if kind in (None, e.kind)]


@contextlib.asynccontextmanager
async def staged(
    folder: Path,
    policies: Sequence[Mapping[str, Any]] = OPEN,
    *,
    more: Mapping[str, Any] | None = None,
    login: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    identity: Mapping[str, Any] | None = None,
) -> AsyncIterator[Stage]:
    """*more* is added to the resource, *login* to (or in the place of) its login."""
    async with cluster(folder) as fake:
        section = fake.section(folder) | dict(more or {})
        if login is not None:
            section["login"] = dict(login)
        listen = {name: f"{LOOPBACK}:{processes.free_port()}" for name in ("kubernetes", "web")}
        gateway: dict[str, Any] = {"listen": listen, "data": str(folder / "vedette-data")}
        if limits:
            gateway["limits"] = dict(limits)
        document = {
            "gateway": gateway, "resources": {NAME: section}, "policies": [dict(each) for each in policies],
        }  # fmt: skip
        if identity:
            document["identity"] = dict(identity)
        file = folder / "vedette.yaml"
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        async with hosted(file) as app:
            yield Stage(app, fake, folder)


def status(text: str | bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    assert found["kind"] == "Status"
    return found
