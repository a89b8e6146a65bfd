"""An API server that remembers every request it heard, keeps nothing, and fails when told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from tests.testbed.processes import LOOPBACK

SECRET = "upstream-Pa55-7e1a"
SSN = "123-45-6789"
PEOPLE = {"kind": "ConfigMap", "apiVersion": "v1", "data": {"ada": SSN, "grace": f"it is {SSN}, at last"}}


class Line:
    """One connection: whether it is over, and what its requests have left behind."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.over = False
        self.kept = False


class FakeKubernetes:
    """
    Takes SECRET as a bearer token, and answers by what stands in the request line.

    *cut* sends answers in pieces of so many bytes. *fail_at* resets the connection at the so-manyth request it
    hears, counted over all connections. *garbled* makes the answer to a request that contains it unreadable.
    *lie* refuses the token. *before* is called with each request as a record stands for it: the request line,
    the type of its body, and its body.
    """

    name = "prod"

    def __init__(self) -> None:
        self.port = 0
        self.lines: list[Line] = []
        self.heard = b""
        self.cut: int | None = None
        self.fail_at: int | None = None
        self.garbled = b""
        self.lie = False
        self.before: Callable[[bytes], None] | None = None
        self.messages = 0

    def section(self, folder: Path) -> dict[str, Any]:
        """As a resource in the configuration file."""
        secret = folder / "cluster.token"
        secret.touch(0o600)
        secret.write_text(SECRET)
        upstream = {"host": LOOPBACK, "port": self.port, "tls": "disable"}
        return {"protocol": "kubernetes", "upstream": upstream, "login": {"token": {"file": str(secret)}}}

    def vanish(self) -> None:
        for line in self.lines:
            line.writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(writer)
        self.lines.append(line)
        try:
            while await self._one(line, reader):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            line.over = True
            writer.close()

    async def _one(self, line: Line, reader: asyncio.StreamReader) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *rest = head[:-4].split(b"\r\n")
        fields = dict(each.lower().split(b": ", 1) for each in rest)
        body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
        self.heard += head + body
        self.messages += 1
        if self.messages == self.fail_at:
            line.writer.transport.abort()
            return False
        kind = b"content-type: " + fields[b"content-type"] + b"\r\n" if body else b""
        if self.before is not None:
            self.before(first + b"\r\n" + kind + b"\r\n" + body)
        if self.garbled and self.garbled in first:
            line.writer.write(b"\x01garbage that is no answer\r\n\r\n")
            return True
        await self._say(line.writer, *self._answer(line, first))
        return True

    def _answer(self, line: Line, first: bytes) -> tuple[int, Any]:
        if self.lie:
            return 401, {"kind": "Status", "status": "Failure", "code": 401}
        if b"/people" in first:
            return 200, PEOPLE
        if b"/remember" in first:
            line.kept = True
        elif b"/recall" in first and not line.kept:
            return 404, {
                "kind": "Status",
                "status": "Failure",
                "message": "nothing is remembered",
                "code": 404,
            }
        return 200, {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    async def _say(self, writer: asyncio.StreamWriter, code: int, body: Any) -> None:
        raw = json.dumps(body).encode()
        head = f"HTTP/1.1 {code} Said\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
        whole = head.encode() + raw
        for at in range(0, len(whole), self.cut or len(whole)):
            writer.write(whole[at : at + (self.cut or len(whole))])
            await writer.drain()
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def fake_kubernetes() -> AsyncIterator[FakeKubernetes]:
    fake = FakeKubernetes()
    server = await asyncio.start_server(fake.serve, LOOPBACK, 0)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        fake.vanish()
        await server.wait_closed()
