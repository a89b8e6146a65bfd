"""Child processes that end when the demo does, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 30.0
END_SECONDS = 8.0
NOBODY = 65534
TAIL = 15


class DemoFailed(Exception):
    """Something did not work. *tail* has the last lines of its log, read now: the log goes with the demo."""

    def __init__(self, what: str, log: Path | None = None) -> None:
        super().__init__(what)
        written = log.read_text(errors="replace") if log is not None and log.exists() else ""
        self.tail = written.splitlines()[-TAIL:]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def keep_secret(path: Path, secret: str) -> None:
    """Write *secret* where only its owner may read it."""
    path.touch(0o600)
    path.write_text(secret)


def environment(cache: Path | None = None, **extra: str) -> dict[str, str]:
    """What a child needs of ours, and no more: no secret of whoever runs the demo goes along.

    Where we are not to leave bytecode behind, the children share it in *cache*: compiling
    everything anew would take each of them longer than its work.
    """
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TERM", "COLUMNS")
    found = {name: os.environ[name] for name in kept if name in os.environ}
    if os.environ.get("PYTHONPATH"):
        # Children work in other folders.
        paths = os.environ["PYTHONPATH"].split(os.pathsep)
        found["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in paths)
    if cache is not None and sys.dont_write_bytecode:
        found["PYTHONPYCACHEPREFIX"] = str(cache / "bytecode")
    return found | extra


def bound(arguments: Sequence[str | Path]) -> list[str]:
    """*arguments*, so that the child is killed when the demo dies without a chance to end it (Linux)."""
    setpriv = shutil.which("setpriv")
    words = [str(word) for word in arguments]
    return [setpriv, "--pdeathsig=KILL", *words] if setpriv else words


async def start(
    arguments: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str],
    cwd: Path,
    unprivileged: bool = False,
) -> asyncio.subprocess.Process:
    """A child that writes to *log*; *unprivileged* gives up root, where the demo runs as root."""
    # A signal to the terminal's group (Ctrl-C) is for the demo, which ends its children in order.
    options: dict[str, object] = {"start_new_session": True}
    if unprivileged and os.geteuid() == 0:
        options |= {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *bound(arguments), stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            env=dict(env), cwd=cwd, **options,  # type: ignore[arg-type]
        )  # fmt: skip


async def until_listening(child: asyncio.subprocess.Process, port: int, what: str, log: Path) -> None:
    """Returns once *port* answers. Raises DemoFailed where the child ends first, or takes too long."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await _answers(port):
                if child.returncode is not None:
                    raise DemoFailed(f"{what} ended with {child.returncode}", log)
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise DemoFailed(f"{what} was not ready in {PATIENCE_SECONDS:.0f} seconds", log) from None


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def end(child: asyncio.subprocess.Process, gently: signal.Signals = signal.SIGTERM) -> None:
    """End a child: gently, then not."""
    for number in (gently, signal.SIGKILL):
        if child.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await child.wait()


async def call(
    arguments: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    unprivileged: bool = False,
) -> None:
    """Run a program to its end. Raises DemoFailed where it fails."""
    child = await start(arguments, log, env=env, cwd=cwd, unprivileged=unprivileged)
    try:
        if await child.wait():
            raise DemoFailed(f"{Path(str(arguments[0])).name} failed", log)
    finally:
        await end(child)
