"""What the gateway itself asks a host over SFTP: to read files before callers do, to write what they may."""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import Awaitable, Callable, Container

from vedette.protocols.ssh import sftp

#: How many requests are on their way at a time, and how much each asks for.
AT_ONCE = 16
BLOCK_BYTES = 32 << 10
OK, EOF = 0, 1


class HostRefused(Exception):
    """The host said no. *packet* is what it said; its number is ours."""

    def __init__(self, status: int, packet: bytes) -> None:
        super().__init__(f"status {status}")
        self.status, self.packet = status, packet


class Own:
    """*send* passes a packet to the host; *taken* are numbers that callers' requests bear."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]], taken: Container[int]) -> None:
        self._send = send
        self._taken = taken
        self._numbers = itertools.count(0x76656400)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}

    def __contains__(self, number: int) -> bool:
        """Whether an answer to *number* is awaited here."""
        return number in self._waiting

    def answer(self, number: int, packet: bytes) -> None:
        """The host's answer to one of ours."""
        future = self._waiting.pop(number)
        if not future.done():
            future.set_result(packet)

    def close(self) -> None:
        """No answer comes any more."""
        for future in self._waiting.values():
            future.cancel()
        self._waiting.clear()

    async def ask(self, kind: int, body: bytes) -> bytes:
        """The answer to a request of *kind* with *body* behind its number."""
        future = await self._asked(kind, body)
        return await future

    async def passed(self, number: int, packet: bytes) -> bytes:
        """The answer to a caller's own request, which is not handed on by itself."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        await self._send(packet)
        return await future

    async def _asked(self, kind: int, body: bytes) -> asyncio.Future[bytes]:
        number = next(each & 0xFFFFFFFF for each in self._numbers if (each & 0xFFFFFFFF) not in self._taken)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._send(sftp.packet(struct.pack(">BI", kind, number) + body))
        return future

    async def read(self, handle: bytes, most: int) -> bytes | None:
        """
        All of an open file, as it is while it is read; None where it is longer than *most* bytes.

        Raises:
            HostRefused: it cannot be read.
        """
        data = bytearray()
        while len(data) <= most:
            asked = []
            for place in range(AT_ONCE):
                start = len(data) + place * BLOCK_BYTES
                body = sftp.string(handle) + struct.pack(">QI", start, BLOCK_BYTES)
                asked.append(await self._asked(sftp.READ, body))
            ended = False
            for answer in asked:
                block = _block(await answer)
                if ended:
                    continue  # behind a short block there is a gap: it is asked for again
                data += block
                ended = len(block) < BLOCK_BYTES
                if not block:
                    return bytes(data) if len(data) <= most else None
        return None

    async def write(self, handle: bytes, data: bytes) -> None:
        """Write *data* from the beginning of an open file. Raises HostRefused."""
        starts = range(0, len(data), BLOCK_BYTES)
        for first in range(0, len(starts), AT_ONCE):
            asked = [
                await self._asked(
                    sftp.WRITE,
                    sftp.string(handle) + struct.pack(">Q", at) + sftp.string(data[at : at + BLOCK_BYTES]),
                )
                for at in starts[first : first + AT_ONCE]
            ]
            for answer in asked:
                done(await answer)


def done(packet: bytes) -> None:
    """Raises HostRefused where *packet* is not the status that all went well."""
    fields = sftp.Fields(packet)
    kind, _ = fields.kind, fields.number()
    status = fields.number() if kind == sftp.STATUS else -1
    if status != OK:
        raise HostRefused(status, packet)


def _block(packet: bytes) -> bytes:
    fields = sftp.Fields(packet)
    kind, _ = fields.kind, fields.number()
    if kind == sftp.DATA:
        return fields.string()
    status = fields.number() if kind == sftp.STATUS else -1
    if status == EOF:
        return b""
    raise HostRefused(status, packet)
