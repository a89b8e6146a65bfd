"""SSH in the conformance suite: an SSH client, command by command, before a host that remembers them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncssh

from tests.conformance.fake_ssh import SECRET, SSN, FakeSsh, fake_ssh
from tests.testbed.processes import LOOPBACK, PATIENCE_SECONDS
from vedette.app import App

TEXTS = {
    "read": "cat notes # read_mark",
    "refused": "rm -rf /srv # refused_mark",
    "held": "touch /srv/payments # held_mark",
    "masked": "cat people # masked_mark",
    "remember": "cat kept # remember_mark",
    "recall": "cat kept # recall_mark",
}
#: What a client takes into its own memory, beyond what the gateway's window lets it send.
_AHEAD = 8 << 20


class Command(asyncssh.SSHClientSession[bytes]):
    """One command's channel."""

    def __init__(self, caller: SshCaller) -> None:
        self.caller = caller
        self.errors = b""
        self.status: int | None = None
        self.over = asyncio.Event()
        self.said = asyncio.Event()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.caller.seen += data
        if datatype is not None:
            self.errors += data
            self.said.set()

    def exit_status_received(self, status: int) -> None:
        self.status = status

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()
        self.said.set()


class Client(asyncssh.SSHClient):
    def __init__(self) -> None:
        self.why: Exception | None = None
        self.lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.why = exc
        self.lost.set()


class SshCaller:
    """One connection, on which commands are run one after the other."""

    def __init__(self, conn: asyncssh.SSHClientConnection, client: Client) -> None:
        self.conn, self.client = conn, client
        self.seen = b""
        self._opening: asyncio.Task[tuple[Any, Command]] | None = None

    async def act(self, action: str) -> str:
        self.begin(action)
        return await self.answer()

    def begin(self, action: str) -> None:
        self._opening = asyncio.create_task(self._open(TEXTS[action]))

    async def _open(self, text: str) -> tuple[Any, Command]:
        try:
            return await self.conn.create_session(lambda: Command(self), text, encoding=None)
        except asyncssh.Error as error:
            raise ConnectionResetError(str(error)) from None

    async def _command(self) -> tuple[Any, Command]:
        assert self._opening is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._opening

    async def answer(self) -> str:
        _, command = await self._command()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await command.over.wait()
        if command.status is None:
            raise ConnectionResetError(command.errors.decode())
        return "" if command.status == 0 else command.errors.decode() or f"exit {command.status}"

    async def told(self) -> str:
        _, command = await self._command()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await command.said.wait()
        said = command.errors.decode()
        return said if "waiting" in said else ""

    async def flood(self, size: int) -> int:
        channel, _ = await self._command()
        written = idle = 0
        while written < size and idle < 200:
            if channel.get_write_buffer_size() < _AHEAD:
                channel.write(b"x" * (1 << 16))
                written += 1 << 16
                idle = 0
            else:
                idle += 1
            await asyncio.sleep(0)
        return written - int(channel.get_write_buffer_size())

    def garbage(self) -> None:
        transport = self.conn._transport
        if transport is not None:
            transport.write(b"\x01this is no packet" * 40)

    async def gone(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.client.lost.wait()

    def hang_up(self) -> None:
        self.conn.abort()
        if self._opening is not None:
            self._opening.cancel()

    async def close(self) -> None:
        self.conn.close()
        with contextlib.suppress(asyncssh.Error, OSError):
            await self.conn.wait_closed()


class SshKit:
    name = "ssh"
    listen: Mapping[str, str] = {"ssh": f"{LOOPBACK}:0"}
    bound = True
    secret = SECRET
    masked = SSN
    rules = (
        {"allow": {"effects": ["read", "write", "create", "execute", "alter"]}},
        {"deny": {"pack": "destructive-shell"}},
        {
            "hold": {"effects": ["write", "alter", "create"], "objects": ["file:/srv/payments"]},
            "approvers": {"groups": ["dba"]},
        },
        {"mask": {"entities": ["us_ssn"], "as": "redact"}},
    )

    def marks(self, action: str) -> bytes:
        return f"{action}_mark".encode()

    def recorded(self, message: bytes) -> bool:
        return True

    def upstream(self) -> AbstractAsyncContextManager[FakeSsh]:
        return fake_ssh()

    def sessions(self, app: App) -> Mapping[str, Any]:
        assert app.ssh is not None
        return app.ssh.engine.sessions

    async def call(self, app: App, token: str) -> SshCaller:
        before = set(self.sessions(app))
        caller = await self._connect(app, token)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while set(self.sessions(app)) <= before and not caller.client.lost.is_set():
            if time.monotonic() > deadline:
                raise TimeoutError("a session")
            await asyncio.sleep(0.002)
        if caller.client.lost.is_set():
            raise ConnectionResetError(await self._turned_away(app, token))
        return caller

    async def _connect(self, app: App, token: str) -> SshCaller:
        client = Client()
        conn, _ = await asyncssh.create_connection(
            lambda: client, LOOPBACK, app.ports["ssh"], config=None, username="bastion", password=token,
            known_hosts=None, client_keys=None, agent_path=None,
        )  # fmt: skip
        return SshCaller(conn, client)

    async def _turned_away(self, app: App, token: str) -> str:
        """What a caller reads who asks for a command at once, although its session never begins."""
        caller = await self._connect(app, token)
        try:
            return await caller.act("read")
        finally:
            await caller.close()

    def garble(self, fake: Any, action: str) -> None:
        fake.garbled = f"{action}_mark"
