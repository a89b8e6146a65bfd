"""A host that remembers every command it heard, runs none of them, and fails when told to."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncssh

from tests.testbed.processes import LOOPBACK

SECRET = "upstream-Pa55-5e11"
SSN = "123-45-6789"
PEOPLE = f"Ada {SSN}\nGrace {SSN}\nand for Mary {SSN}, at last\n".encode()


class Line(asyncssh.SSHServer):
    """One connection: whether it is over, and what its commands have left behind."""

    def __init__(self, fake: FakeSsh) -> None:
        self.fake = fake
        self.over = False
        self.kept = False
        self.connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = conn
        self.fake.lines.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.over = True

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self.fake.heard += password.encode()
        return password == SECRET and not self.fake.lie


class FakeSsh:
    """
    Asks for its SECRET as password, then takes commands, and answers by what stands in them.

    *cut* sends answers in packets of so many bytes. *fail_at* resets the connection at the so-manyth command it
    hears, counted over all connections. *garbled* makes what comes after a command that contains it
    unreadable. *lie* makes the login fail. *before* is called with each command as it is heard.
    """

    name = "bastion"

    def __init__(self) -> None:
        self.port = 0
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.lines: list[Line] = []
        self.heard = b""
        self.cut: int | None = None
        self.fail_at: int | None = None
        self.garbled = ""
        self.lie = False
        self.before: Callable[[bytes], None] | None = None
        self.messages = 0

    def section(self, folder: Path) -> dict[str, Any]:
        """As a resource in the configuration file."""
        secret = folder / "upstream.password"
        secret.touch(0o600)
        secret.write_text(SECRET)
        key = self.key.export_public_key().decode().strip()
        upstream = {"host": LOOPBACK, "port": self.port, "host_key": key}
        return {
            "protocol": "ssh",
            "upstream": upstream,
            "login": {"user": "app", "password": {"file": str(secret)}},
        }

    def vanish(self) -> None:
        for line in self.lines:
            if line.connection is not None:
                line.connection.abort()

    async def run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        line = process.channel.get_connection().get_owner()
        command = process.command or ""
        self.heard += command.encode()
        self.messages += 1
        if self.messages == self.fail_at:
            line.connection.abort()
            return
        if self.before is not None:
            self.before(command.encode())
        if self.garbled and self.garbled in command:
            line.connection._transport.write(b"\x01garbage that is no packet" * 40)
            return
        status = 0
        if "masked_mark" in command:
            for at in range(0, len(PEOPLE), self.cut or len(PEOPLE)):
                process.stdout.write(PEOPLE[at : at + (self.cut or len(PEOPLE))])
        elif "remember_mark" in command:
            line.kept = True
        elif "recall_mark" in command and not line.kept:
            process.stderr.write(b"nothing is remembered\n")
            status = 1
        process.exit(status)


@contextlib.asynccontextmanager
async def fake_ssh() -> AsyncIterator[FakeSsh]:
    fake = FakeSsh()
    server = await asyncssh.listen(
        LOOPBACK, 0, server_factory=lambda: Line(fake), server_host_keys=[fake.key], process_factory=fake.run,
        encoding=None, public_key_auth=False, kbdint_auth=False,
    )  # fmt: skip
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        fake.vanish()
        await server.wait_closed()
