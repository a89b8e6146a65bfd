"""ENGINES: what each engine brings to the conformance suite. A new engine adds its kit here."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from tests.conformance.kit_kubernetes import KubernetesKit
from tests.conformance.kit_postgres import PostgresKit
from tests.conformance.kit_ssh import SshKit
from tests.testbed.gateway import hosted, write
from tests.testbed.processes import PATIENCE_SECONDS
from vedette.app import App
from vedette.journal.read import read
from vedette.model import Kind


class Fake(Protocol):
    """An upstream that remembers what it heard, and can be made to fail."""

    name: str
    heard: bytes
    cut: int | None
    fail_at: int | None
    messages: int
    before: Callable[[bytes], None] | None

    def section(self, folder: Path) -> dict[str, Any]: ...
    def vanish(self) -> None: ...


class Caller(Protocol):
    """One caller's connection, logged in."""

    seen: bytes

    async def act(self, action: str) -> str:
        """Do the kit's action of that name; "" if it came through, else the refusal's words.

        Raises ConnectionError where the session ends instead.
        """

    def begin(self, action: str) -> None:
        """Send it without waiting for the answer."""

    async def answer(self) -> str:
        """The answer to what was begun, as `act` gives it."""

    async def told(self) -> str:
        """What the caller hears while people are asked; "" where it is answered without that."""

    async def flood(self, size: int) -> int:
        """Send harmless actions for as long as the gateway reads, *size* bytes at most; how many it took."""

    def garbage(self) -> None:
        """Send bytes that are nothing in this protocol."""

    async def gone(self) -> None:
        """Returns once the gateway has closed the connection."""

    def hang_up(self) -> None: ...
    async def close(self) -> None: ...


class Kit(Protocol):
    """
    One engine.

    The actions: ``read`` (allowed), ``refused``, ``held`` (by *rules*, for the group
    ``dba``), ``masked`` (its answer holds *masked* in clear upstream), ``remember`` and
    ``recall`` (something that one session must not find of another's).
    """

    name: str
    #: What ``gateway.listen`` says for it; empty for what the testbed writes by itself.
    listen: Mapping[str, str]
    #: Whether a session ends with its connection upstream. Else the next action gets another connection.
    bound: bool
    rules: Sequence[Mapping[str, Any]]
    secret: str
    masked: str

    def marks(self, action: str) -> bytes:
        """Bytes that the upstream hears if, and only if, the action passes."""

    def recorded(self, message: bytes) -> bool:
        """Whether what the upstream heard is an action of a caller's, which a record must stand for."""

    def sessions(self, app: App) -> Mapping[str, Any]:
        """The engine's sessions, by name."""

    def upstream(self) -> AbstractAsyncContextManager[Any]: ...
    async def call(self, app: App, token: str) -> Caller: ...
    def garble(self, fake: Any, action: str) -> None:
        """Make the upstream answer that action with what nobody can read."""


ENGINES: dict[str, Kit] = {"postgres": PostgresKit(), "ssh": SshKit(), "kubernetes": KubernetesKit()}


class Stage:
    """A gateway, the upstream behind it, and what the journal says."""

    def __init__(self, kit: Kit, fake: Any, app: App, folder: Path) -> None:
        self.kit, self.fake, self.app, self.folder = kit, fake, app, folder

    def token(self, subject: str = "agent-1") -> str:
        return self.app.tokens.issue(subject, Kind.AGENT, ("ai-agents",), 600, now=time.time()).text

    async def caller(self, subject: str = "agent-1") -> Any:
        return await self.kit.call(self.app, self.token(subject))

    def journal(self, kind: str | None = None) -> list[dict[str, Any]]:
        return [e.body | {"kind": e.kind} for e in read(self.app.journal.folder) if kind in (None, e.kind)]

    async def recorded(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """The records of that kind, once there are *count*."""
        await until(lambda: len(self.journal(kind)) >= count, f"{count} times {kind}")
        return self.journal(kind)

    async def pending(self) -> Any:
        """The hold that waits, once there is one."""
        found: list[Any] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not found:
                found = await self.app.desk.pending()
        return found[0]


async def until(true: Callable[[], bool], what: str = "") -> None:
    """Returns once *true*, letting everything else run meanwhile; raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(what or "what was waited for did not come")
        await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def staged(kit: Kit, folder: Path, **sections: Mapping[str, Any]) -> AsyncIterator[Stage]:
    """A gateway with the kit's rules before the kit's upstream."""
    policy = {"name": "conformance", "who": {}, "where": {}, "rules": [dict(rule) for rule in kit.rules]}
    if kit.listen:
        sections["gateway"] = {"listen": dict(kit.listen)} | dict(sections.get("gateway", {}))
    async with kit.upstream() as fake, hosted(write(folder, [fake], [policy], **sections)) as app:
        yield Stage(kit, fake, app, folder)
