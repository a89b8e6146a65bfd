"""Connections as logins see them: read exactly so much, write, become TLS, hand over.

A connection starts as a Bare socket. What is read from it is read to the byte, so
nothing can be buffered across the switch to TLS: bytes stuffed in before it stay in
the kernel, are noticed, and end the connection (CVE-2021-23214, CVE-2021-23222).
From then on it is a Wire, an asyncio.Protocol that keeps what has arrived until the
relay's own protocol takes the transport over.

Works on uvloop and on asyncio's selector loop.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar, cast

from vedette.protocols.postgres.login_steps import Need, Peek, Send, Step

# A login needs at most one message of 64 KiB; behind that the peer is made to wait.
_MUCH = 128 << 10
#: Seconds that a peer has to read our last words before the connection is cut.
LAST_WORDS_SECONDS = 2.0

Ended = TypeVar("Ended")


class Gone(ConnectionError):
    """The peer closed the connection, or it broke."""


class StuffedBytes(Exception):
    """Bytes were waiting where the switch to TLS was due: an attempt at injection."""


def is_local(sock: socket.socket) -> bool:
    """Whether the other end of *sock* is on this machine: loopback, or a Unix socket."""
    if sock.family == socket.AF_UNIX:
        return True
    try:
        address = ipaddress.ip_address(str(sock.getpeername()[0]).partition("%")[0])
    except (OSError, ValueError):
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


class Bare:
    """A connected, non-blocking socket that has no transport yet."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._given = False
        self.local = is_local(sock)

    async def peek(self) -> bytes:
        """The next byte, left where it is. Raises Gone."""
        return await self._receive(1, socket.MSG_PEEK)

    async def exactly(self, size: int) -> bytes:
        """*size* bytes and not one more. Raises Gone."""
        found = b""
        while len(found) < size:
            found += await self._receive(size - len(found))
        return found

    async def _receive(self, size: int, flags: int = 0) -> bytes:
        while True:
            try:
                data = self._sock.recv(size, flags)
            except BlockingIOError:
                await self._readable()
                continue
            except OSError as error:
                raise Gone(str(error)) from error
            if not data:
                raise Gone("the peer closed the connection")
            return data

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self._sock, _settle, ready)
        try:
            await ready
        finally:
            loop.remove_reader(self._sock)

    async def send(self, data: bytes) -> None:
        """Write all of *data*. Raises Gone."""
        try:
            await asyncio.get_running_loop().sock_sendall(self._sock, data)
        except OSError as error:
            raise Gone(str(error)) from error

    def refuse_stuffed(self) -> None:
        """Raises StuffedBytes where bytes are waiting, Gone where the connection is over."""
        try:
            data = self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError as error:
            raise Gone(str(error)) from error
        if data:
            raise StuffedBytes("bytes arrived before the TLS handshake")
        raise Gone("the peer closed the connection")

    async def answer(self, context: ssl.SSLContext | None) -> Wire:
        """Go on as the server side of a connection, inside TLS if *context* is given. Raises Gone."""
        loop = asyncio.get_running_loop()
        wire = Wire(encrypted=context is not None, local=self.local)
        return await self._become(wire, loop.connect_accepted_socket(lambda: wire, self._sock, ssl=context))

    async def call(self, context: ssl.SSLContext | None, host: str) -> Wire:
        """Go on as the client side; *host* is what the certificate must name. Raises Gone, ssl.SSLError."""
        loop = asyncio.get_running_loop()
        wire = Wire(encrypted=context is not None, local=self.local)
        name = host if context is not None else None
        making = loop.create_connection(lambda: wire, sock=self._sock, ssl=context, server_hostname=name)
        return await self._become(wire, making)

    async def _become(self, wire: Wire, making: Awaitable[object]) -> Wire:
        # From here the loop owns the socket, and closes it should the handshake fail.
        self._given = True
        try:
            await making
        except ssl.SSLError:
            raise
        except OSError as error:
            raise Gone(str(error) or "the peer closed the connection") from error
        return wire

    async def last_words(self, data: bytes) -> None:
        """Say *data* and hang up; what the peer still sends is dropped for a moment first.

        Closing a socket with unread bytes would reset the connection and take the
        last words with it.
        """
        if self._given:
            return
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self.send(data)
                self._sock.shutdown(socket.SHUT_WR)
                while True:
                    await self._receive(4096)
        except (OSError, TimeoutError):
            pass  # the peer is gone, or does not listen: nobody is left to tell
        finally:
            self.close()

    def close(self) -> None:
        if not self._given:
            self._sock.close()


class Wire(asyncio.Protocol):
    """
    A connection with its transport.

    *encrypted*: inside TLS. *local*: see `is_local`. Reading is by `exactly` and
    `some` until `hand_over`; one reader at a time.
    """

    transport: asyncio.Transport

    def __init__(self, *, encrypted: bool, local: bool) -> None:
        self.encrypted = encrypted
        self.local = local
        self._buffer = bytearray()
        self._waiting: asyncio.Future[None] | None = None
        self._over = False
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held = False
        self._choked = False
        self._deaf = False

    # --- what the transport calls -----------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are such by behaviour, not by class.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._buffer += data
        if len(self._buffer) > _MUCH and not self._held:
            self._held = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._over = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._wake()
        _settle(self._lost)

    def pause_writing(self) -> None:
        self._choked = True

    def resume_writing(self) -> None:
        self._choked = False

    def _wake(self) -> None:
        if self._waiting is not None:
            _settle(self._waiting)

    # --- what logins call -------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether the peer has hung up (what it sent before may still be unread)."""
        return self._over

    async def exactly(self, size: int) -> bytes:
        """*size* bytes. Raises Gone where the peer hangs up before."""
        while len(self._buffer) < size:
            await self._more()
        found = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return found

    async def some(self) -> bytes:
        """Whatever has arrived, at least a byte. Raises Gone where the peer hangs up before."""
        while not self._buffer:
            await self._more()
        found = bytes(self._buffer)
        self._buffer.clear()
        return found

    async def _more(self) -> None:
        if self._over:
            raise Gone("the peer closed the connection")
        if self._held:
            self._held = False
            self.transport.resume_reading()
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    async def peek(self) -> bytes:
        """The next byte, left where it is. Raises Gone."""
        while not self._buffer:
            await self._more()
        return bytes(self._buffer[:1])

    async def send(self, data: bytes) -> None:
        """Write *data*. Raises Gone where the peer has hung up."""
        if self._over:
            raise Gone("the peer closed the connection")
        self.transport.write(data)

    def hand_over(self, protocol: asyncio.Protocol) -> bytes:
        """
        Let *protocol* have the transport; returns what has arrived and is unread.

        *protocol* gets no connection_made; it hears pause_writing at once where the
        peer is slow. Reading goes on.

        Raises:
            Gone: the peer has hung up already.
        """
        if self._over or self.transport.is_closing():
            raise Gone("the peer closed the connection")
        self.transport.set_protocol(protocol)
        if self._choked:
            protocol.pause_writing()
        if self._held:
            self.transport.resume_reading()
        left, self._buffer = bytes(self._buffer), bytearray()
        return left

    async def hung_up(self) -> None:
        """Returns when the connection is over, for whoever waits for something else meanwhile."""
        await asyncio.shield(self._lost)

    async def last_words(self, data: bytes) -> None:
        """Say *data* and hang up, without letting the peer keep us (see `Bare.last_words`)."""
        self._deaf = True
        self._buffer.clear()
        try:
            if data and not self._over:
                self.transport.write(data)
            if self._held:
                self._held = False
                self.transport.resume_reading()
            if self.transport.can_write_eof() and not self.transport.is_closing():
                self.transport.write_eof()
            else:
                self.transport.close()
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await asyncio.shield(self._lost)
        except (OSError, TimeoutError):
            pass  # the peer is gone, or does not listen: nobody is left to tell
        finally:
            self.close()

    def close(self) -> None:
        """Cut the connection now."""
        self.transport.abort()


async def perform(
    steps: Generator[Step, Any, Ended],
    line: Bare | Wire,
    answer: Callable[[Step], Awaitable[object]] | None = None,
) -> Ended:
    """
    Carry out a login's *steps* on *line*; what is neither reading nor writing goes to *answer*.

    Raises:
        Gone: the peer hung up.
        Whatever the steps and *answer* raise.
    """
    reply: object = None
    try:
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # a generator's value is untyped here
            reply = None
            match step:
                case Send(data):
                    await line.send(data)
                case Need(size):
                    reply = await line.exactly(size)
                case Peek():
                    reply = await line.peek()
                case _ if answer is not None:
                    reply = await answer(step)
                case _:
                    raise TypeError(f"nobody answers {step!r} here")
    finally:
        steps.close()
