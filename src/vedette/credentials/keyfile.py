"""Private files: read only when nobody else may, written whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

MAX_PRIVATE_BYTES = 1 << 20


class KeyFileError(Exception):
    """A private file is missing, unsafe or unreadable. The text names the fix, never the content."""


def read_private(path: Path, *, shared: bool = False, limit: int = MAX_PRIVATE_BYTES) -> bytes:
    """The content of a regular file that only its owner may read.

    The checks are made on the opened file, so it cannot be exchanged in
    between. Symbolic links are followed: mounted secrets are made of them.
    *shared* accepts a file that group or others may read (mounted secrets
    often are); one that others may write is refused all the same.

    Raises:
        KeyFileError: missing, not a regular file, too permissive or over *limit* bytes.
    """
    try:
        # O_NONBLOCK: opening a named pipe must not hang the gateway.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise KeyFileError(f"{path} does not exist; create it or correct the path") from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be opened: {error.strerror}") from None
    try:
        _check_mode(path, os.fstat(descriptor), shared)
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(content) > limit:
        raise KeyFileError(f"{path} is longer than {limit} bytes; is it the right file?")
    return content


def _check_mode(path: Path, status: os.stat_result, shared: bool) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileError(f"{path} is not a regular file")
    if status.st_mode & 0o022:
        raise KeyFileError(f"{path} may be written by group or others; run: chmod go-w {path}")
    if status.st_mode & 0o044 and not shared:
        raise KeyFileError(f"{path} may be read by group or others; run: chmod 600 {path}")


def private_folder(path: Path) -> None:
    """Make *path* (mode 0700) unless it is there already."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def kept_secret(path: Path) -> bytes:
    """32 secret bytes that stay the same over restarts, made on the first call. Raises KeyFileError."""
    private_folder(path.parent)
    return read_private(path) if path.exists() else create_private(path, secrets.token_bytes(32))


def create_private(path: Path, content: bytes) -> bytes:
    """Write a new file (mode 0600) and return what the file holds then.

    Atomic, and safe against another process doing the same: the first one
    wins, and every caller gets the winner's content.
    """
    draft = _draft(path, content)
    try:
        os.link(draft, path)
    except FileExistsError:
        return read_private(path)
    finally:
        draft.unlink()
    _sync_folder(path.parent)
    return content


def replace_private(path: Path, content: bytes) -> None:
    """Write *path* (mode 0600), replacing what was there, whole or not at all."""
    draft = _draft(path, content)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink()
        raise
    _sync_folder(path.parent)


def _draft(path: Path, content: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        draft.unlink()
        raise
    return draft


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold *folder* against other processes that change keys in it; waits for them."""
    private_folder(folder)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
