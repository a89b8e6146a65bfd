"""A port of this machine that leads to one PostgreSQL resource: it asks for a password of its own, and
gives the gateway a token that is good at the moment. Everything behind the login passes as it is.

Source: PostgreSQL manual, "Frontend/Backend Protocol": message flow and formats.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

from vedette.client.errors import ClientError
from vedette.client.held import Address
from vedette.client.postgres import Door

HOST = "127.0.0.1"
LOGIN_SECONDS = 15.0
MAX_VISITS = 100
MAX_STARTUP = 10_000  # MAX_STARTUP_PACKET_LENGTH of the server
MAX_PASSWORD = 65_535
_CHUNK = 65_536

_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102
_OK, _CLEARTEXT = 0, 3


class Turned(Exception):
    """Ends a visit: *code* is an SQLSTATE."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Startup:
    """What a caller begins with: its protocol version, and its settings but for user and database."""

    version: int
    database: str
    settings: tuple[tuple[bytes, bytes], ...]


class Porter:
    """The port. A context; it works in a thread of its own.

    *there* is the gateway's listener, *resource* what the port leads to, *token* gives a token that is
    good now (and may block).
    """

    def __init__(
        self, there: Door, resource: str, token: Callable[[], str], *, port: int = 0, password: str = ""
    ) -> None:
        self._there, self._resource, self._token, self._port = there, resource, token, port
        self._visits = 0
        self.password = password or secrets.token_urlsafe(24)
        self._started: threading.Event = threading.Event()
        self._failure: OSError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def door(self) -> Door:
        """How callers of this machine come in."""
        return Door(Address(HOST, self._port), self._there.user, "disable", None, self._there.application)

    def __enter__(self) -> Porter:
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise ClientError("client.port", f"port {self._port} cannot be had: {self._failure.strerror}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        visits: set[asyncio.Task[None]] = set()

        def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._visit(reader, writer))
            visits.add(task)
            task.add_done_callback(visits.discard)

        try:
            server = await asyncio.start_server(came, HOST, self._port)
        except OSError as error:
            self._failure = error
            self._started.set()
            return
        self._port = server.sockets[0].getsockname()[1]
        self._started.set()
        try:
            await self._stop.wait()
        finally:
            server.close()
            for task in list(visits):
                task.cancel()
            await asyncio.gather(*visits, return_exceptions=True)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._visits += 1
        try:
            if self._visits > MAX_VISITS:
                raise Turned("53300", f"over {MAX_VISITS} connections")
            async with asyncio.timeout(LOGIN_SECONDS):
                there = await self._login(reader, writer)
            if there is not None:
                await _join((reader, writer), there)
        except Turned as no:
            writer.write(error(no.code, f"vedette connect: {no}"))
        except ClientError as no:
            writer.write(error("08001", f"vedette connect: {no.message}", no.fix))
        except (OSError, EOFError, TimeoutError):
            pass  # one side is gone, or too slow: nobody to tell
        finally:
            self._visits -= 1
            await _close(writer)

    async def _login(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """The gateway's side, where it has let us in or says why not; None for a cancel, which is done."""
        packet = await _packet(reader, writer)
        if packet[4:8] == struct.pack("!i", _CANCEL):
            await self._cancel(packet)
            return None
        startup = read_startup(packet)
        writer.write(b"R" + struct.pack("!ii", 8, _CLEARTEXT))
        await writer.drain()
        given = await _message(reader, b"p", MAX_PASSWORD)
        if not hmac.compare_digest(given, self.password.encode() + b"\0"):
            raise Turned("28P01", "the password is the one that this port was opened with")
        if startup.database != self._resource:
            raise Turned("3D000", f"this port leads to {self._resource} only")
        token = await asyncio.to_thread(self._token)
        there = await self._dial()
        try:
            there[1].write(startup_packet(startup, self._there.user, self._resource))
            return await self._introduce(there, writer, token)
        except BaseException:
            await _close(there[1])
            raise

    async def _introduce(
        self,
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        writer: asyncio.StreamWriter,
        token: str,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Give the gateway the token when it asks. What else it says until then is for the caller."""
        while True:
            tag, body = await _any_message(there[0])
            kind = struct.unpack("!i", body[:4])[0] if tag == b"R" and len(body) >= 4 else -1
            if kind == _CLEARTEXT:
                secret = token.encode() + b"\0"
                there[1].write(b"p" + struct.pack("!i", 4 + len(secret)) + secret)
                return there
            if tag == b"R" and kind != _OK:
                raise Turned("08004", "the gateway asks for another kind of login")
            writer.write(tag + struct.pack("!i", 4 + len(body)) + body)
            if tag in (b"E", b"R"):
                return there

    async def _cancel(self, packet: bytes) -> None:
        """Pass a cancel on; it has a key that the gateway gave, and gets no answer."""
        reader, writer = await self._dial()
        try:
            writer.write(packet)
            await writer.drain()
            await reader.read(1)
        finally:
            await _close(writer)

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        where, there = self._there.where, self._there
        context = None if there.mode == "disable" else _direct(there.root)
        try:
            return await asyncio.open_connection(where.host, where.port, ssl=context)
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or "no TLS there"
            raise ClientError("client.certificate", f"the gateway is not to be trusted: {reason}") from None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ClientError(
                "client.unreachable", f"{where.host}:{where.port} cannot be reached: {reason}"
            ) from None


def _direct(root: str | None) -> ssl.SSLContext:
    """TLS from the first byte, which PostgreSQL's protocol wants named by ALPN."""
    context = ssl.create_default_context()
    if root not in (None, "system"):
        context.load_verify_locations(cafile=root)
    context.set_alpn_protocols(["postgresql"])
    return context


async def _packet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The start-up or cancel packet, once every wish for encryption is declined: this is loopback."""
    for _ in range(3):
        (size,) = struct.unpack("!i", head := await reader.readexactly(4))
        if not 8 <= size <= MAX_STARTUP:
            raise Turned("08P01", "not PostgreSQL")
        packet = head + await reader.readexactly(size - 4)
        if size != 8 or struct.unpack("!i", packet[4:])[0] not in (_SSL, _GSS):
            return packet
        writer.write(b"N")
        await writer.drain()
    raise Turned("08P01", "encryption was asked for again and again")


def read_startup(packet: bytes) -> Startup:
    """A StartupMessage. Raises Turned."""
    version = struct.unpack("!i", packet[4:8])[0]
    words = packet[8:].split(b"\0")
    if version >> 16 != 3 or words[-2:] != [b"", b""] or len(words) % 2:
        raise Turned("08P01", "not a start-up of protocol 3")
    pairs = list(zip(words[:-2:2], words[1:-2:2], strict=True))
    found = dict(pairs)
    if len(found) != len(pairs) or b"" in found:
        raise Turned("08P01", "a setting that is there twice, or has no name")
    database = found.get(b"database") or found.get(b"user") or b""
    rest = tuple(pair for pair in pairs if pair[0] not in (b"user", b"database"))
    return Startup(version, database.decode("utf-8", "replace"), rest)


def startup_packet(startup: Startup, user: str, database: str) -> bytes:
    """The same for the gateway, with our *user* and *database*."""
    pairs = ((b"user", user.encode()), (b"database", database.encode()), *startup.settings)
    body = struct.pack("!i", startup.version) + b"".join(k + b"\0" + v + b"\0" for k, v in pairs) + b"\0"
    return struct.pack("!i", 4 + len(body)) + body


def error(code: str, message: str, hint: str = "") -> bytes:
    """A FATAL ErrorResponse."""
    fields = {"S": "FATAL", "V": "FATAL", "C": code, "M": message} | ({"H": hint} if hint else {})
    body = b"".join(key.encode() + value.encode() + b"\0" for key, value in fields.items()) + b"\0"
    return b"E" + struct.pack("!i", 4 + len(body)) + body


async def _any_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    tag, size = struct.unpack("!ci", await reader.readexactly(5))
    if not 4 <= size <= MAX_PASSWORD:
        raise Turned("08P01", "the peer's message has no sensible length")
    return tag, await reader.readexactly(size - 4)


async def _message(reader: asyncio.StreamReader, wanted: bytes, most: int) -> bytes:
    tag, body = await _any_message(reader)
    if tag != wanted or len(body) > most:
        raise Turned("08P01", "a password was due")
    return body


async def _join(
    here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    """Everything from either side to the other, until one of them ends."""
    try:
        async with asyncio.TaskGroup() as group:
            up = group.create_task(_copy(here[0], there[1]))
            down = group.create_task(_copy(there[0], here[1]))
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            if up.done() and not down.done():
                # The caller is gone; what the gateway still says is for nobody.
                down.cancel()
            up.cancel()
    except* (OSError, EOFError):
        pass
    finally:
        await _close(there[1])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(2.0):
            await writer.wait_closed()
