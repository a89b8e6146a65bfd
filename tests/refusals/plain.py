"""A PostgreSQL client without manners: sends what it is told, and keeps every byte that it hears.

A driver would hide what it does not understand; here a leak is a leak wherever it stands.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PATIENCE_SECONDS = 30.0
_I32 = struct.Struct("!i")


@dataclass(frozen=True, slots=True)
class Answer:
    """All messages up to the ReadyForQuery, as (tag, body)."""

    messages: tuple[tuple[str, bytes], ...]

    @property
    def errors(self) -> list[dict[str, str]]:
        return [fields(body) for tag, body in self.messages if tag == "E"]

    @property
    def codes(self) -> list[str]:
        return [error["C"] for error in self.errors]

    @property
    def notices(self) -> list[str]:
        return [fields(body)["M"] for tag, body in self.messages if tag == "N"]

    @property
    def rows(self) -> list[tuple[bytes | None, ...]]:
        return [_cells(body) for tag, body in self.messages if tag == "D"]

    @property
    def copied(self) -> bytes:
        return b"".join(body for tag, body in self.messages if tag == "d")

    @property
    def status(self) -> str:
        """I, T or E: outside a transaction, in one, in a failed one."""
        return self.messages[-1][1].decode()


class Lost(Exception):
    """The other side ended the session; carries what it said last."""


def fields(body: bytes) -> dict[str, str]:
    """The fields of an error or a notice."""
    return {part[:1].decode(): part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}


def _cells(body: bytes) -> tuple[bytes | None, ...]:
    (count,), at = struct.unpack_from("!h", body), 2
    found: list[bytes | None] = []
    for _ in range(count):
        (size,) = _I32.unpack_from(body, at)
        at += 4
        found.append(None if size < 0 else body[at : at + size])
        at += max(0, size)
    return tuple(found)


def message(tag: str, body: bytes) -> bytes:
    return tag.encode() + _I32.pack(4 + len(body)) + body


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def prepare(text: str, name: str = "") -> bytes:
    return message("P", _text(name) + _text(text) + b"\0\0")


def bind(
    values: Sequence[str | None] = (), *, binary: bool = False, name: str = "", portal: str = ""
) -> bytes:
    body = _text(portal) + _text(name) + b"\0\0" + struct.pack("!h", len(values))
    for value in values:
        raw = None if value is None else value.encode()
        body += _I32.pack(-1) if raw is None else _I32.pack(len(raw)) + raw
    return message("B", body + struct.pack("!hh", 1, binary))


def describe(kind: str, name: str = "") -> bytes:
    return message("D", kind.encode() + _text(name))


def execute(rows: int = 0, portal: str = "") -> bytes:
    return message("E", _text(portal) + _I32.pack(rows))


SYNC = message("S", b"")


class Plain:
    """One session. *heard* is every byte that came, from the first of the login on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard = bytearray()
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int, database: str, user: str, password: str = "") -> Plain:
        """Logs in by trust or with a password in clear. Raises Lost."""
        self = cls(*await asyncio.open_connection("127.0.0.1", port))
        words = _text("user") + _text(user) + _text("database") + _text(database) + b"\0"
        self._writer.write(_I32.pack(8 + len(words)) + _I32.pack(196608) + words)
        try:
            while True:
                tag, body = await self.message()
                if tag == "R" and body == _I32.pack(3):
                    self.send(message("p", _text(password)))
                elif tag == "R" and body != _I32.pack(0):
                    raise Lost(f"asked for authentication {body!r}")
                elif tag == "Z":
                    return self
        except BaseException:
            await self.close()
            raise

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def message(self) -> tuple[str, bytes]:
        """The next message. Raises Lost where the session has ended instead."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                head = await self._reader.readexactly(5)
                (size,) = _I32.unpack_from(head, 1)
                body = await self._reader.readexactly(size - 4)
        except (asyncio.IncompleteReadError, ConnectionError) as gone:
            raise Lost(bytes(self.heard[-300:])) from gone
        self.heard += head + body
        return head[:1].decode(), body

    async def answer(self, copy: bytes | None = None) -> Answer:
        """What comes until the server is ready; COPY FROM STDIN gets *copy*, or a CopyFail."""
        found = []
        while True:
            tag, body = await self.message()
            found.append((tag, body))
            if tag == "G":
                given = (
                    message("f", _text("no data")) if copy is None else message("d", copy) + message("c", b"")
                )
                self.send(given)
            elif tag == "Z":
                return Answer(tuple(found))

    async def query(self, text: str, copy: bytes | None = None) -> Answer:
        """A simple query."""
        self.send(message("Q", _text(text)))
        return await self.answer(copy)

    async def extended(self, text: str, *, binary: bool = False) -> Answer:
        """Parse, Bind, Describe, Execute, Sync in one write, as drivers do."""
        self.send(prepare(text) + bind(binary=binary) + describe("P") + execute() + SYNC)
        return await self.answer()

    async def close(self) -> None:
        if not self._writer.is_closing():
            self._writer.write(message("X", b""))
        self._writer.close()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            pass

    async def __aenter__(self) -> Plain:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()
