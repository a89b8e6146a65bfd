"""A PostgreSQL server of a few tables that remembers every byte it heard, and fails when told to."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.testbed.processes import LOOPBACK
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.probe import PROBE

SECRET = "upstream-Pa55-7c1e"
SSN = "123-45-6789"
PEOPLE = (("id", 16400, 1, 23), ("name", 16400, 2, 25), ("ssn", 16400, 3, 25))
ROWS = ((b"1", b"Ada", SSN.encode()), (b"2", b"Grace", SSN.encode()))
_RELATIONS = [("16400", "public", "people", "r", ""), ("16401", "public", "payments", "r", "")]
_COLUMNS = [
    *(("16400", str(number), name, str(oid), "f") for name, _, number, oid in PEOPLE),
    ("16401", "1", "id", "23", "f"),
]


@dataclass(slots=True, eq=False)
class Line:
    """One connection: what was heard on it."""

    writer: asyncio.StreamWriter
    heard: bytearray = field(default_factory=bytearray)
    statements: dict[bytes, str] = field(default_factory=dict)
    portals: dict[bytes, str] = field(default_factory=dict)
    status: bytes = b"I"
    skipping: bool = False
    over: bool = False


class FakePostgres:
    """
    Asks for its SECRET in clear, then answers simple and extended queries.

    *cut* sends answers in pieces of so many bytes. *fail_at* resets the connection at the
    so-manyth message it hears, counted over all connections. *garbled* makes the next
    answer to a statement that contains it unreadable. *lie* makes the login fail with
    the secret in the error's text. *before* is called with each message as it is heard.
    """

    def __init__(self) -> None:
        self.port = 0
        self.lines: list[Line] = []
        self.cut: int | None = None
        self.fail_at: int | None = None
        self.garbled = ""
        self.lie = False
        self.silent_on = ""
        self.before: Callable[[bytes], None] | None = None
        self.messages = 0
        self.name = "appdb"

    @property
    def heard(self) -> bytes:
        return b"".join(bytes(line.heard) for line in self.lines)

    def section(self, folder: Path) -> dict[str, Any]:
        """As a resource in the configuration file."""
        secret = folder / "upstream.password"
        secret.touch(0o600)
        secret.write_text(SECRET)
        where = {"host": LOOPBACK, "port": self.port, "database": "app", "tls": "disable"}
        login = {"user": "app", "auth": "password", "password": {"file": str(secret)}}
        return {"protocol": "postgres", "upstream": where, "login": login}

    def vanish(self) -> None:
        for line in self.lines:
            line.writer.transport.abort()

    # --- one connection ---------------------------------------------------------------------

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(writer)
        self.lines.append(line)
        try:
            await self._talk(line, reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            line.over = True
            writer.close()

    async def _talk(self, line: Line, reader: asyncio.StreamReader) -> None:
        head = await reader.readexactly(8)
        body = await reader.readexactly(int.from_bytes(head[:4], "big") - 8)
        line.heard += head + body
        if head[4:] == struct.pack("!I", m.CANCEL_REQUEST):
            return
        line.writer.write(m.authentication(3))
        password = await self._message(line, reader)
        if self.lie:
            line.writer.write(m.error("28P01", f"the password {SECRET} is wrong", severity="FATAL"))
            return
        assert password[5:-1] == SECRET.encode(), "the gateway gave another password"
        line.writer.write(m.authentication(0))
        for name, value in (
            ("server_version", "13.0"), ("client_encoding", "UTF8"), ("standard_conforming_strings", "on"),
        ):  # fmt: skip
            line.writer.write(m.parameter_status(name, value))
        line.writer.write(m.backend_key(4711, b"\0\0\0\1") + m.ready())
        while (message := await self._message(line, reader))[:1] != b"X":
            for piece in self._pieces(b"".join(self._answer(line, message))):
                line.writer.write(piece)
                await line.writer.drain()
                await asyncio.sleep(0)

    async def _message(self, line: Line, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readexactly(m.HEADER)
        line.heard += head
        body = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
        line.heard += body
        self.messages += 1
        if self.messages == self.fail_at:
            line.writer.transport.abort()
            raise ConnectionResetError
        if self.before is not None:
            self.before(head + body)
        return head + body

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        size = self.cut or max(1, len(data))
        for at in range(0, len(data), size):
            yield data[at : at + size]

    # --- answers ------------------------------------------------------------------------------

    def _answer(self, line: Line, message: bytes) -> Iterator[bytes]:
        tag, body = message[:1], message[m.HEADER :]
        if tag == b"S":
            line.skipping = False
            yield m.ready(line.status)
        elif line.skipping or tag == b"H":
            return
        elif tag == b"Q":
            yield from self._run(line, body[:-1].decode(), describe=True)
            yield m.ready(line.status)
        elif tag == b"P":
            name, at = m.read_cstring(body, 0)
            text = m.read_cstring(body, at)[0].decode()
            if text.startswith("vedette_refused"):
                yield self._syntax_error(line, text)
            else:
                line.statements[name] = text
                yield m.message(b"1")
        elif tag == b"B":
            portal, at = m.read_cstring(body, 0)
            line.portals[portal] = line.statements.get(m.read_cstring(body, at)[0], "")
            yield m.message(b"2")
        elif tag == b"D":
            names = line.statements if body[:1] == b"S" else line.portals
            if body[:1] == b"S":
                yield m.message(b"t", b"\0\0")
            yield _described(names.get(body[1:-1], "")) or m.message(b"n")
        elif tag == b"E":
            yield from self._run(line, line.portals.get(m.read_cstring(body, 0)[0], ""), describe=False)
        elif tag == b"C":
            yield m.message(b"3")

    def _syntax_error(self, line: Line, text: str) -> bytes:
        line.skipping = True
        line.status = b"I" if line.status == b"I" else b"E"
        return m.error("42601", f'syntax error at or near "{text}"')

    def _run(self, line: Line, text: str, *, describe: bool) -> Iterator[bytes]:
        if text.startswith("vedette_refused"):
            yield self._syntax_error(line, text)
            line.skipping = not describe
        elif text == PROBE:
            yield from _result([("a", 25), ("b", 25), ("c", 25)], [("pg_catalog\x1fpublic", "app", "app")])
        elif "FROM pg_catalog.pg_class" in text and "pg_get_viewdef" not in text:
            yield m.message(b"C", m.cstring("BEGIN"))
            yield from _result([("c", 25)] * 5, _RELATIONS)
            yield from _result([("c", 25)] * 5, _COLUMNS)
            yield from _result([("c", 25)] * 15, [])
        elif "pg_get_viewdef" in text:
            yield from _result([("c", 25)] * 2, [])
        elif self.silent_on and self.silent_on in text:
            return
        elif self.garbled and self.garbled in text:
            yield b"\x00garbage that is no message" * 8
        else:
            yield from self._plain(line, text, describe=describe)

    def _plain(self, line: Line, text: str, *, describe: bool) -> Iterator[bytes]:
        word = text.split(maxsplit=1)[0].upper() if text.split() else ""
        if word == "SELECT":
            if describe:
                yield _described(text)
            rows = ROWS if "people" in text else ((b"1",),)
            yield from (_row(*row) for row in rows)
            yield m.message(b"C", m.cstring(f"SELECT {len(rows)}"))
            return
        if word in ("BEGIN", "COMMIT", "ROLLBACK"):
            line.status = b"T" if word == "BEGIN" else b"I"
        yield m.message(b"C", m.cstring(f"{word} 1" if word in ("UPDATE", "DELETE") else word))


def _described(text: str) -> bytes:
    if not text.upper().startswith("SELECT"):
        return b""
    columns = PEOPLE if "people" in text else (("one", 0, 0, 23),)
    cells = [
        m.cstring(label) + struct.pack("!IhIhih", table, n, oid, -1, -1, 0)
        for label, table, n, oid in columns
    ]
    return m.message(b"T", struct.pack("!H", len(cells)) + b"".join(cells))


def _row(*cells: bytes) -> bytes:
    return m.message(
        b"D", struct.pack("!H", len(cells)) + b"".join(struct.pack("!i", len(c)) + c for c in cells)
    )


def _result(columns: list[tuple[str, int]], rows: list[tuple[str, ...]]) -> Iterator[bytes]:
    yield m.row_description(columns)
    yield from (_row(*(cell.encode() for cell in row)) for row in rows)
    yield m.message(b"C", m.cstring(f"SELECT {len(rows)}"))


@contextlib.asynccontextmanager
async def fake_postgres() -> AsyncIterator[FakePostgres]:
    fake = FakePostgres()
    server = await asyncio.start_server(fake.accept, LOOPBACK, 0)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        fake.vanish()
        await server.wait_closed()
