"""What runs in the fake's containers: a few programs, written here, over files in memory."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Write = Callable[[bytes], Awaitable[None]]


@dataclass(slots=True)
class Container:
    """*files* by absolute path; *ran* is every command that was started."""

    files: dict[str, bytes] = field(default_factory=lambda: {"/etc/motd": b"welcome\n"})
    ran: list[tuple[str, ...]] = field(default_factory=list)
    stopped: list[tuple[str, ...]] = field(default_factory=list)

    async def run(self, command: tuple[str, ...], stdin: AsyncIterator[bytes], out: Write, err: Write) -> int:
        """The exit status."""
        self.ran.append(command)
        try:
            return await self._run(command, stdin, out, err)
        except (asyncio.CancelledError, ConnectionError):
            self.stopped.append(command)
            raise

    async def _run(
        self, command: tuple[str, ...], stdin: AsyncIterator[bytes], out: Write, err: Write
    ) -> int:
        match command:
            case ("echo", *words):
                await out(" ".join(words).encode() + b"\n")
            case ("cat",):
                async for piece in stdin:
                    await out(piece)
            case ("cat", path):
                if path not in self.files:
                    await err(f"cat: {path}: No such file or directory\n".encode())
                    return 1
                await out(self.files[path])
            case ("sh",) | ("/bin/sh",) | ("bash",):
                await out(b"$ ")
                async for piece in stdin:
                    await out(piece)
                    if b"exit" in piece or b"\x04" in piece:
                        return 0
            case ("sleep", _):
                await asyncio.Event().wait()
            case ("yes",):
                while True:
                    await out(b"y\n" * 4096)
            case ("test", "-d", path):
                return 0 if any(name.startswith(path.rstrip("/") + "/") for name in self.files) else 1
            case ("tar", "cf", "-", path):
                await self._pack(path, out, err)
            case ("tar", "-xmf", "-", "-C", folder):
                await self._unpack(folder, stdin)
            case ("tar", "-xmf", "-"):
                await self._unpack("/", stdin)
            case ("false",):
                return 1
            case _:
                await err(f"{command[0]}: not found\n".encode())
                return 127
        return 0

    async def _pack(self, path: str, out: Write, err: Write) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for name, data in self.files.items():
                if name == path or name.startswith(path.rstrip("/") + "/"):
                    info = tarfile.TarInfo(name.lstrip("/"))
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
        await err(b"tar: Removing leading `/' from member names\n")
        await out(packed.getvalue())

    async def _unpack(self, folder: str, stdin: AsyncIterator[bytes]) -> None:
        packed = b"".join([piece async for piece in stdin])
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            for member in tar.getmembers():
                file = tar.extractfile(member)
                if file is not None:
                    self.files[f"{folder.rstrip('/')}/{member.name.lstrip('/')}"] = file.read()
