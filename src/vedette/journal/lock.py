"""One gateway per journal folder."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from pathlib import Path

from vedette.journal.errors import JournalError, JournalLocked

LOCK_FILE = "lock"


def lock(folder: Path, worker: str) -> int:
    """Take the folder for this process; the descriptor holds it until closed (or the process ends).

    Raises:
        JournalLocked: another process has it; the message names it.
        JournalError: the lock file cannot be made.
    """
    path = folder / LOCK_FILE
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalError(f"{path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"process {os.getpid()} on {socket.gethostname()}, worker {worker}\n".encode(), 0)
    except OSError as error:
        holder = os.pread(fd, 300, 0).decode("utf-8", "replace").strip() or "another process"
        os.close(fd)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise JournalLocked(
                f"two gateways on one data folder: {folder} is in use by {holder}. "
                "Stop that one, or give this one a data folder of its own"
            ) from error
        raise JournalError(f"{path} cannot be locked: {error.strerror}") from error
    return fd


def is_locked(folder: Path) -> bool:
    """Whether a process is writing here at the moment."""
    try:
        fd = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
