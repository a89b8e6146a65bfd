"""Starting a child that cannot outlive us, and finding what it needs."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
NOBODY = 65534
# How long a child may take to come up or go down on a machine that does other work too.
PATIENCE_SECONDS = 60.0


class ChildFailed(Exception):
    """A child ended, or stayed silent, instead of becoming ready."""


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def unprivileged() -> bool:
    return os.geteuid() != 0


@functools.cache
def folder() -> Path:
    """The run's own folder, which an unprivileged child may pass through; removed at exit."""
    top = Path(tempfile.gettempdir())
    for stale in top.glob("vedette-test-*-*"):
        _sweep(stale)
    base = Path(tempfile.mkdtemp(prefix=f"vedette-test-{os.getpid()}-", dir=top))
    base.chmod(0o711)
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    return base


def _sweep(stale: Path) -> None:
    """Removes what a run that was killed left behind, if it was ours and its process is gone."""
    number = stale.name.split("-")[2]
    if number.isdigit() and not Path("/proc", number).exists() and Path("/proc/self").exists():
        with contextlib.suppress(OSError):
            if stale.stat().st_uid == os.geteuid():
                shutil.rmtree(stale, ignore_errors=True)


def reachable(path: Path) -> bool:
    """Whether anyone at all may pass every folder on the way to *path* (a checkout in /root may not)."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def command(arguments: Sequence[str | Path], *, drop: bool = False, death: str = "KILL") -> list[str]:
    """
    *arguments* so that the child gets signal *death* when we die, and with *drop* runs as nobody.

    Uses setpriv (util-linux, on every Debian); where there is none the child is only ended in order.
    """
    words = [str(word) for word in arguments]
    setpriv = shutil.which("setpriv")
    lower = drop and not unprivileged()
    if setpriv is None:
        if lower:
            raise ChildFailed("setpriv (util-linux) is needed to start PostgreSQL as root")
        return words
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if lower else []
    return [setpriv, *user, f"--pdeathsig={death}", *words]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """
    Our environment without what would steer a PostgreSQL client behind a test's back.

    Children keep their compiled modules: a gateway that compiles everything anew takes seconds to start.
    """
    left = ("PG", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left)}
    return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONUNBUFFERED": "1"} | dict(extra or {})


def wait_until(ready: Callable[[], bool], child: subprocess.Popen[bytes], log: Path, what: str) -> None:
    """
    Returns once *ready*.

    Raises:
        ChildFailed: the child ended first, or PATIENCE_SECONDS passed; carries the log's end.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        ended = child.poll() is not None
        if ended or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            how = f"ended with {child.returncode}" if ended else f"was not ready in {PATIENCE_SECONDS:.0f} s"
            raise ChildFailed(f"{what} {how}\n{tail}")
        time.sleep(0.01)


def listening(port: int, host: str = LOOPBACK) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def end(child: subprocess.Popen[bytes], first: signal.Signals, then: signal.Signals) -> int:
    """Signals the child by its own id, waits, insists; returns its exit status."""
    for number in (first, then, signal.SIGKILL):
        if child.poll() is None:
            child.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(15)
    return child.wait()


@contextlib.contextmanager
def running(
    arguments: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child writing to *log*, killed on the way out if nothing gentler ended it."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment(env), cwd=cwd
        )
        try:
            yield child
        finally:
            end(child, signal.SIGKILL, signal.SIGKILL)
