"""Kubernetes in the conformance suite: plain requests over one connection, before an API server that remembers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.conformance.fake_kubernetes import SECRET, SSN, FakeKubernetes, fake_kubernetes
from tests.testbed.processes import LOOPBACK, PATIENCE_SECONDS
from vedette.app import App

MAPS = "/api/v1/namespaces/default/configmaps"
LINES = {
    "read": f"GET {MAPS}/notes",
    "refused": "DELETE /api/v1/namespaces/shop",
    "held": f"DELETE {MAPS}/payments",
    "masked": f"GET {MAPS}/people",
    "remember": f"GET {MAPS}/remember",
    "recall": f"GET {MAPS}/recall",
}


class KubernetesCaller:
    """One connection, over which requests go one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        self._reader, self._writer, self._token = reader, writer, token
        self.seen = b""
        self._early: list[str] = []

    async def act(self, action: str) -> str:
        self.begin(action)
        return await self.answer()

    def begin(self, action: str) -> None:
        self._writer.write(self._request(action))

    def _request(self, action: str) -> bytes:
        method, _, path = LINES[action].partition(" ")
        line = f"{method} /clusters/prod{path} HTTP/1.1"
        return f"{line}\r\nHost: gateway\r\nAuthorization: Bearer {self._token}\r\n\r\n".encode()

    async def _read(self, what: Any) -> bytes:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                data: bytes = await what
        except (asyncio.IncompleteReadError, ssl.SSLError) as gone:
            raise ConnectionResetError(self.seen[-300:].decode("utf-8", "replace")) from gone
        self.seen += data
        return data

    async def _head(self) -> tuple[int, dict[str, str], str]:
        head = (await self._read(self._reader.readuntil(b"\r\n\r\n"))).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        return int(first.split(" ")[1]), fields, head

    async def answer(self) -> str:
        if self._early:
            return self._early.pop()
        status, fields, _ = await self._head()
        while status < 200:
            status, fields, _ = await self._head()
        return await self._words(status, fields)

    async def _words(self, status: int, fields: dict[str, str]) -> str:
        body = b""
        if fields.get("transfer-encoding") == "chunked":
            while size := int(await self._read(self._reader.readuntil(b"\r\n")), 16):
                body += (await self._read(self._reader.readexactly(size + 2)))[:-2]
            await self._read(self._reader.readexactly(2))
        else:
            body = await self._read(self._reader.readexactly(int(fields["content-length"])))
        return "" if status < 300 else body.decode()

    async def told(self) -> str:
        status, fields, head = await self._head()
        if status < 200:
            return head
        self._early.append(await self._words(status, fields))
        return ""

    async def flood(self, size: int) -> int:
        piece = self._request("read") * 400
        written = idle = 0
        transport = self._writer.transport
        while written < size and idle < 400:
            if transport.get_write_buffer_size() < 1 << 20:
                self._writer.write(piece)
                written += len(piece)
                idle = 0
            else:
                idle += 1
            await asyncio.sleep(0)
        return written - transport.get_write_buffer_size()

    def garbage(self) -> None:
        self._writer.write(b"\x01this is no request\r\n\r\n" * 40)

    async def gone(self) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while data := await self._reader.read(1 << 16):
                    self.seen += data

    def hang_up(self) -> None:
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class KubernetesKit:
    name = "kubernetes"
    listen: Mapping[str, str] = {"kubernetes": f"{LOOPBACK}:0"}
    bound = False
    secret = SECRET
    masked = SSN
    rules = (
        {"allow": {"effects": ["read"]}},
        {"deny": {"effects": ["destroy"]}},
        {
            "hold": {"effects": ["delete"], "objects": ["kubernetes:namespaces/default/configmaps/payments"]},
            "approvers": {"groups": ["dba"]},
        },
        {"mask": {"entities": ["us_ssn"], "as": "redact"}},
    )

    def __init__(self) -> None:
        self._fake: FakeKubernetes | None = None

    def marks(self, action: str) -> bytes:
        return f"{LINES[action]} HTTP".encode()

    def recorded(self, message: bytes) -> bool:
        # To show approvers what would be gone, the gateway looks for itself.
        return not message.startswith(f"GET {MAPS}/payments ".encode())

    @contextlib.asynccontextmanager
    async def _upstream(self) -> Any:
        async with fake_kubernetes() as fake:
            self._fake = fake
            yield fake

    def upstream(self) -> AbstractAsyncContextManager[FakeKubernetes]:
        found: AbstractAsyncContextManager[FakeKubernetes] = self._upstream()
        return found

    def sessions(self, app: App) -> Mapping[str, Any]:
        assert app.clusters is not None
        return app.clusters.engine.sessions

    async def call(self, app: App, token: str) -> KubernetesCaller:
        """A session begins with the first request; where the login upstream fails, that is where it shows."""
        context = ssl.create_default_context(cafile=app.certificate.ca or app.certificate.certificate)
        reader, writer = await asyncio.open_connection(LOOPBACK, app.ports["kubernetes"], ssl=context)
        caller = KubernetesCaller(reader, writer, token)
        if self._fake is not None and self._fake.lie and (words := await caller.act("read")):
            caller.hang_up()
            raise ConnectionResetError(words)
        return caller

    def garble(self, fake: FakeKubernetes, action: str) -> None:
        fake.garbled = LINES[action].encode()
