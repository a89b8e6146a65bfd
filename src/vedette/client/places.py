"""Folders and files that are this user's alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from vedette.client.errors import ClientError

MAX_BYTES = 1 << 20
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def state(environ: Mapping[str, str]) -> Path:
    """Where logins are kept: ``vedette`` below XDG_STATE_HOME (XDG Base Directory Specification)."""
    base = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".local", "state")
    return Path(base) / "vedette"


def folder(path: Path) -> Path:
    """*path*, made if needed, mode 0700. Raises ClientError ``client.private`` where it is not ours alone."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ClientError("client.private", f"{path} is not a folder of this user")
    if found.st_mode & _OTHERS:
        path.chmod(0o700)
    return path


def write(path: Path, text: str) -> None:
    """Write *text* to *path*, mode 0600, all or nothing: a reader sees the old file or the new one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def read(path: Path) -> str | None:
    """The text of a file that only this user can read; None where there is none.

    Raises ClientError ``client.private`` for a file that others can read or write, or that is a link.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ClientError("client.private", f"{path} cannot be read: {error.strerror}") from None
    with os.fdopen(handle, encoding="utf-8") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & _OTHERS:
            raise ClientError(
                "client.private", f"{path} holds secrets, and others than you can get at it",
                f"see who has read it, then: rm {path}, and log in again",
            )  # fmt: skip
        try:
            text = file.read(MAX_BYTES + 1)
        except ValueError:
            text = "\0" * (MAX_BYTES + 1)
    if len(text) > MAX_BYTES:
        raise ClientError("client.store", f"{path} is not a file of this program's")
    return text


def given(path: Path) -> str:
    """The text of a file that the user named: a mounted secret may be a link, and may be a group's to read.

    Raises ClientError ``client.file``.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ClientError("client.file", f"{path} cannot be read: {reason}") from None
    if len(text) > MAX_BYTES:
        raise ClientError("client.file", f"{path} is too large for a secret")
    return text.strip()


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock file *path*; waits for whoever has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
