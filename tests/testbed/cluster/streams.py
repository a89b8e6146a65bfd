"""Exec, attach and port-forward of the fake: WebSocket v4 and v5, SPDY/3.1, and SPDY inside WebSocket.

Written apart from what the gateway reads them with, so that one checks the other.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from tests.testbed.cluster.containers import Container
from tests.testbed.cluster.server import Asked, Cluster, Connection, Place, Trouble
from vedette.protocols.http.spdy import DICTIONARY

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TUNNEL = "SPDY/3.1+portforward.k8s.io"


class Streams:
    """What takes over connections of a cluster. *refuse*: every upgrade is refused, as by an old server."""

    def __init__(self, cluster: Cluster, *, websocket: bool = True) -> None:
        self.container = Container()
        self.websocket = websocket
        self.forwarded: list[int] = []
        self.refuse = 0
        cluster.takes_over = self.take

    async def take(self, cluster: Cluster, asked: Asked, place: Place, connection: Connection) -> bool:
        """True where it stays HTTP."""
        cluster.objects.get(place.key)
        wanted = asked.fields.get("upgrade", "").lower()
        if self.refuse:
            raise Trouble(self.refuse, "Forbidden", "upgrades are refused")
        if wanted == "websocket" and self.websocket:
            await self._websocket(asked, place, connection)
            await _all_sent(connection)
            return False
        if wanted == "spdy/3.1":
            await self._spdy(asked, place, connection)
            await _all_sent(connection)
            return False
        raise Trouble(400, "BadRequest", "unable to upgrade")

    async def _websocket(self, asked: Asked, place: Place, connection: Connection) -> None:
        offered = [each.strip() for each in asked.fields.get("sec-websocket-protocol", "").split(",")]
        known = (
            (TUNNEL, "v4.channel.k8s.io")
            if place.inner == "portforward"
            else ("v5.channel.k8s.io", "v4.channel.k8s.io")
        )
        chosen = next((each for each in known if each in offered), None)
        if chosen is None:
            raise Trouble(403, "Forbidden", "no protocol in common")
        digest = hashlib.sha1(asked.fields["sec-websocket-key"].encode() + GUID, usedforsecurity=False)
        accepted = base64.b64encode(digest.digest()).decode()
        head = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accepted}\r\nSec-WebSocket-Protocol: {chosen}\r\n\r\n"
        )
        connection.writer.write(head.encode())
        socket = WebSocket(connection)
        if chosen == TUNNEL:
            await self._frames(asked, place, SpdyEnd(socket.read_binary, socket.send))
        elif place.inner == "portforward":
            await self._ports(asked, socket)
        else:
            await self._channels(asked, chosen == "v5.channel.k8s.io", socket)

    async def _ports(self, asked: Asked, socket: WebSocket) -> None:
        ports = [int(value) for name, value in asked.pairs if name == "ports"]
        self.forwarded += ports
        for index, port in enumerate(ports):
            for channel in (2 * index, 2 * index + 1):
                await socket.send(bytes([channel]) + struct.pack("<H", port))
        while (message := await socket.read()) is not None:
            await socket.send(message[:1] + message[1:].upper())

    async def _channels(self, asked: Asked, v5: bool, socket: WebSocket) -> None:
        typed: asyncio.Queue[bytes | None] = asyncio.Queue()

        async def read() -> None:
            while (message := await socket.read()) is not None:
                if message[0] == 0:
                    typed.put_nowait(message[1:])
                elif message[0] == 255 and v5:
                    typed.put_nowait(None)
            raise ConnectionError

        async def out(data: bytes) -> None:
            await socket.send(b"\x01" + data)

        async def err(data: bytes) -> None:
            await socket.send(b"\x02" + data)

        status = await self._run(asked, typed, out, err, read())
        await socket.send(b"\x03" + json.dumps(_status(status)).encode())
        await socket.close()

    async def _spdy(self, asked: Asked, place: Place, connection: Connection) -> None:
        offered = [value for name, value in asked.every if name == "x-stream-protocol-version"]
        known = "portforward.k8s.io" if place.inner == "portforward" else "v4.channel.k8s.io"
        if known not in offered:
            raise Trouble(403, "Forbidden", "no protocol in common")
        head = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n"
            f"X-Stream-Protocol-Version: {known}\r\n\r\n"
        )
        connection.writer.write(head.encode())
        waiting = [connection.http.trailing_data[0]]

        async def read() -> bytes:
            return waiting.pop() if waiting and waiting[0] else await connection.reader.read(1 << 16)

        async def send(data: bytes) -> None:
            connection.writer.write(data)
            await connection.writer.drain()

        await self._frames(asked, place, SpdyEnd(read, send))

    async def _frames(self, asked: Asked, place: Place, end: SpdyEnd) -> None:
        if place.inner == "portforward":
            return await self._forward(end)
        typed: asyncio.Queue[bytes | None] = asyncio.Queue()
        streams: dict[str, int] = {}
        ready = asyncio.Event()
        wanted = 1 + sum(asked.query.get(name) in ("1", "true") for name in ("stdin", "stdout", "stderr"))

        async def read() -> None:
            async for kind, stream, flags, payload in end.frames():
                if kind == "syn":
                    streams[payload["streamtype"]] = stream
                    await end.reply(stream)
                    if len([name for name in streams if name != "resize"]) == wanted:
                        ready.set()
                elif kind == "data" and stream == streams.get("stdin"):
                    typed.put_nowait(payload)
                    if flags & 1:
                        typed.put_nowait(None)
            raise ConnectionError

        async def out(data: bytes) -> None:
            await end.data(streams["stdout"], data)

        async def err(data: bytes) -> None:
            await end.data(streams["stderr"], data)

        status = await self._run(asked, typed, out, err, read(), ready)
        await end.data(streams["error"], json.dumps(_status(status)).encode())
        for stream in streams.values():
            await end.data(stream, b"", 1)

    async def _forward(self, end: SpdyEnd) -> None:
        """Every port says what it hears in capitals."""
        ports: dict[int, tuple[str, int]] = {}
        async for kind, stream, flags, payload in end.frames():
            if kind == "syn":
                ports[stream] = payload["streamtype"], int(payload["port"])
                await end.reply(stream)
                if payload["streamtype"] == "data":
                    self.forwarded.append(int(payload["port"]))
            elif kind == "data" and ports[stream][0] == "data":
                if payload:
                    await end.data(stream, payload.upper())
                if flags & 1:
                    await end.data(stream, b"", 1)
            elif kind == "data" and flags & 1:
                await end.data(stream, b"", 1)

    async def _run(
        self, asked: Asked, typed: asyncio.Queue[bytes | None], out: Any, err: Any, reading: Any,
        ready: asyncio.Event | None = None,
    ) -> int:  # fmt: skip
        async def stdin() -> AsyncIterator[bytes]:
            while (piece := await typed.get()) is not None:
                yield piece

        async def work() -> int:
            if ready is not None:
                await ready.wait()
            else:
                # A container takes longer than kubectl takes to open its channels; it drops what comes before.
                await asyncio.sleep(0.1)
            return await self.container.run(command, stdin(), out, err)

        command = tuple(value for name, value in asked.pairs if name == "command") or ("cat",)
        running, listening = asyncio.create_task(work()), asyncio.create_task(reading)
        try:
            await asyncio.wait((running, listening), return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                listening.result()
            return running.result()
        finally:
            for task in (running, listening):
                task.cancel()
            await asyncio.gather(running, listening, return_exceptions=True)


async def _all_sent(connection: Connection) -> None:
    """What was written last is not lost with the connection."""
    connection.writer.transport.set_write_buffer_limits(0)
    await connection.writer.drain()


def _status(code: int) -> dict[str, Any]:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }  # fmt: skip


class WebSocket:
    """A server's end."""

    def __init__(self, connection: Connection) -> None:
        self._reader, self._writer = connection.reader, connection.writer
        self._early = bytearray(connection.http.trailing_data[0])

    async def _exactly(self, size: int) -> bytes:
        found = bytes(self._early[:size])
        del self._early[:size]
        return found + (await self._reader.readexactly(size - len(found)) if len(found) < size else b"")

    async def read(self) -> bytes | None:
        """The next message; None once it is closed."""
        while True:
            first, second = await self._exactly(2)
            assert second & 0x80, "a client's frame has to be masked"
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", await self._exactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self._exactly(8))
            mask, raw = await self._exactly(4), await self._exactly(length)
            data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(raw))
            if first & 0x0F == 8:
                await self._send(8, data)
                return None
            if first & 0x0F == 9:
                await self._send(10, data)
            elif first & 0x0F in (1, 2):
                return data

    async def read_binary(self) -> bytes:
        return await self.read() or b""

    async def send(self, data: bytes) -> None:
        await self._send(2, data)

    async def close(self) -> None:
        await self._send(8, b"\x03\xe8")

    async def _send(self, opcode: int, data: bytes) -> None:
        size = len(data)
        length = (
            bytes([size])
            if size < 126
            else b"\x7e" + struct.pack("!H", size)
            if size < 65536
            else b"\x7f" + struct.pack("!Q", size)
        )
        self._writer.write(bytes([0x80 | opcode]) + length + data)
        await self._writer.drain()


class SpdyEnd:
    """A server's end of SPDY/3.1."""

    def __init__(
        self, read: Callable[[], Awaitable[bytes]], send: Callable[[bytes], Awaitable[None]]
    ) -> None:
        self._read, self._write = read, send
        self._buffer = b""
        self._unpack, self._pack = zlib.decompressobj(zdict=DICTIONARY), zlib.compressobj(zdict=DICTIONARY)

    async def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            more = await self._read()
            if not more:
                raise ConnectionError
            self._buffer += more
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    async def frames(self) -> AsyncIterator[tuple[str, int, int, Any]]:
        while True:
            word, last = struct.unpack("!II", await self._exactly(8))
            flags, payload = last >> 24, await self._exactly(last & 0xFFFFFF)
            if not word >> 31:
                yield "data", word, flags, payload
            elif word & 0xFFFF == 1:
                text = self._unpack.decompress(payload[10:])
                yield "syn", struct.unpack("!I", payload[:4])[0], flags, _pairs(text)
            elif word & 0xFFFF == 6:
                await self._write(struct.pack("!II", 0x80030006, 4) + payload)

    async def reply(self, stream: int) -> None:
        block = self._pack.compress(struct.pack("!I", 0)) + self._pack.flush(zlib.Z_SYNC_FLUSH)
        await self._write(struct.pack("!II", 0x80030002, 4 + len(block)) + struct.pack("!I", stream) + block)

    async def data(self, stream: int, data: bytes, flags: int = 0) -> None:
        await self._write(struct.pack("!II", stream, flags << 24 | len(data)) + data)


def _pairs(text: bytes) -> dict[str, str]:
    words, at = [], 4
    while at < len(text):
        (size,) = struct.unpack("!I", text[at : at + 4])
        words.append(text[at + 4 : at + 4 + size].decode())
        at += 4 + size
    return dict(zip(words[::2], words[1::2], strict=True))
