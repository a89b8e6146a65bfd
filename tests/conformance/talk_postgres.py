"""A caller that speaks PostgreSQL byte by byte, so that a test sees exactly what a caller would."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Self

from tests.testbed.processes import LOOPBACK, PATIENCE_SECONDS
from vedette.protocols.postgres import messages as m


class LoginFailed(Exception):
    """The gateway refused the login; carries the error's fields."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(str(fields))
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Said:
    """What came back up to ReadyForQuery, or to the end of the connection."""

    messages: tuple[tuple[bytes, bytes], ...]
    over: bool = False

    @property
    def raw(self) -> bytes:
        return b"".join(tag + body for tag, body in self.messages)

    @property
    def errors(self) -> list[dict[str, str]]:
        return [_fields(body) for tag, body in self.messages if tag == b"E"]

    @property
    def notices(self) -> list[dict[str, str]]:
        return [_fields(body) for tag, body in self.messages if tag == b"N"]

    @property
    def rows(self) -> int:
        return sum(tag == b"D" for tag, _ in self.messages)

    @property
    def status(self) -> bytes:
        return next((body for tag, body in reversed(self.messages) if tag == b"Z"), b"")


def _fields(body: bytes) -> dict[str, str]:
    return {kind: value.decode() for kind, value in m.read_fields(body).items()}


class Talk:
    """One connection to the gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.seen = bytearray()

    @classmethod
    async def dial(cls, port: int) -> Self:
        """A connection on which nothing has been said yet."""
        return cls(*await asyncio.open_connection(LOOPBACK, port))

    @classmethod
    async def login(cls, port: int, token: str, resource: str = "appdb", **settings: str) -> Self:
        """A session. Raises LoginFailed, ConnectionError."""
        talk = await cls.dial(port)
        talk.writer.write(m.startup({"user": "agent", "database": resource} | settings))
        first = await talk.message()
        if first[0] == b"R" and first[1] == b"\0\0\0\3":
            talk.writer.write(m.message(b"p", m.cstring(token)))
            said = await talk.ready()
        else:
            said = Said((first,))
        if said.errors or said.over:
            talk.writer.close()
            raise LoginFailed(said.errors[0] if said.errors else {})
        return talk

    async def message(self) -> tuple[bytes, bytes]:
        """The next message. Raises ConnectionError, asyncio.IncompleteReadError at the end."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self.reader.readexactly(m.HEADER)
            body = await self.reader.readexactly(int.from_bytes(head[1:], "big") - 4)
        self.seen += head + body
        return head[:1], body

    async def ready(self, times: int = 1) -> Said:
        """Everything up to the so-manyth ReadyForQuery."""
        found = []
        while times:
            try:
                found.append(await self.message())
            except (ConnectionError, asyncio.IncompleteReadError):
                return Said(tuple(found), over=True)
            times -= found[-1][0] == b"Z"
        return Said(tuple(found))

    async def until(self, tag: bytes) -> Said:
        """Everything up to a message of this type."""
        found = [await self.message()]
        while found[-1][0] != tag:
            found.append(await self.message())
        return Said(tuple(found))

    def say(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))

    async def query(self, text: str) -> Said:
        self.say(m.query(text))
        return await self.ready()

    async def rest(self) -> Said:
        """Everything up to the end of the connection, which must come."""
        said = await self.ready(1 << 30)
        assert said.over
        return said

    def hang_up(self) -> None:
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()
