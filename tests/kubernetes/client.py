"""A caller that sends exactly the bytes it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from tests.kubernetes.stage import NAME, Stage
from tests.testbed.processes import PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The gateway's own stable code, where the answer is a refusal of its own."""
        causes = self.json.get("details", {}).get("causes", [])
        return str(causes[0]["reason"]).removeprefix("vedette/") if causes else ""


class Raw:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        self.reader, self.writer, self.token = reader, writer, token

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def ask(
        self, method: str, path: str, *fields: str, body: bytes | None = None, cluster: str = NAME
    ) -> None:
        """A request as any client would send it, but for more *fields*."""
        lines = [f"{method} /clusters/{cluster}{path} HTTP/1.1", "Host: gateway", *fields]
        if self.token and not any(each.lower().startswith("authorization:") for each in fields):
            lines.append(f"Authorization: Bearer {self.token}")
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))

    async def head(self) -> tuple[int, dict[str, str]]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            raw = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").rstrip().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)
        return int(first.split(" ")[1]), {name.lower(): value for name, value in pairs}

    async def piece(self) -> bytes:
        """One chunk; empty for the last."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            return (await self.reader.readexactly(size + 2))[:-2]

    async def answer(self, method: str = "GET") -> Answer:
        status, fields = await self.head()
        while status == 100:  # people are asked
            status, fields = await self.head()
        body = b""
        if method != "HEAD" and status not in (101, 204, 304):
            if fields.get("transfer-encoding") == "chunked":
                while piece := await self.piece():
                    body += piece
            else:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    body = await self.reader.readexactly(int(fields["content-length"]))
        return Answer(status, fields, body)

    async def get(self, path: str, *fields: str) -> Answer:
        self.ask("GET", path, *fields)
        return await self.answer()

    async def closed(self) -> bytes:
        """What still comes before the gateway closes the connection."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                return await self.reader.read()
            except (ConnectionError, ssl.SSLError):
                return b""


@contextlib.asynccontextmanager
async def raw(stage: Stage, token: str | None = None, **tls: Any) -> AsyncIterator[Raw]:
    """A connection; *token* empty for none, None for an agent's."""
    context = ssl.create_default_context(cafile=stage.ca)
    if "certificate" in tls:
        context.load_cert_chain(tls["certificate"], tls["key"])
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.app.ports["kubernetes"], ssl=context)
    try:
        yield Raw(reader, writer, stage.token() if token is None else token)
    finally:
        writer.transport.abort()
