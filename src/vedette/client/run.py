"""A run: what a child needs to reach its resources through the gateway, and the folder that holds it.

The token stands in two files of a private folder, never in an argument or a variable: one is a password
file of PostgreSQL's clients, which they read at each connect, the other is for this library. Both are
written anew while the token lives, so a run may last longer than any of its tokens.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from vedette.client import places
from vedette.client.credential import MARGIN_SECONDS, Credential
from vedette.client.errors import ClientError
from vedette.client.postgres import STRAY, Door

#: Variables that are the parent's and not for a child.
PRIVATE = frozenset(
    {
        *("VEDETTE_TOKEN", "VEDETTE_TOKEN_FILE", "VEDETTE_CLIENT_SECRET", "VEDETTE_SEAL_KEY"),
        *("VEDETTE_SEAL_KEY_FILE", "VEDETTE_CONFIG", "VEDETTE_AS"),
    }
)
#: How often a token that lives for long is looked at, and how soon a failure is tried again, in seconds.
LOOK_SECONDS, AGAIN_SECONDS = 300.0, 10.0
_LOCK = "lock"


class Run:
    """A context: the folder is there from entering to leaving.

    *id* is 32 hex digits, a W3C trace id. *door* is None where the gateway has no PostgreSQL listener;
    *database* is the resource that ``PGDATABASE`` and ``DATABASE_URL`` name, None for none. *more* is
    added to the child's environment, and *files* (names and texts) to the folder, those below ``bin/`` as
    programs; a ``{folder}`` in either is the folder.
    """

    def __init__(
        self,
        url: str,
        credential: Credential,
        base: Path,
        *,
        name: str = "",
        door: Door | None = None,
        database: str | None = None,
        ca: str | None = None,
        more: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        id: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.id = id or secrets.token_hex(16)
        self._url, self._credential, self._base, self._name = url, credential, base, name
        self._door, self._database, self._ca = door, database, ca
        self._more, self._files = dict(more or {}), dict(files or {})
        self._clock = clock
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._handle: int | None = None
        self._written = ""
        self.trouble = ""

    @property
    def folder(self) -> Path:
        return self._base / self.id

    @property
    def passwords(self) -> Path:
        """The password file of PostgreSQL's clients."""
        return self.folder / "pgpass"

    def __enter__(self) -> Run:
        places.folder(self._base)
        sweep(self._base)
        token = self._credential.token()
        self.folder.mkdir(mode=0o700)
        try:
            self._handle = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            self._write(token)
            for name, text in self._files.items():
                self._place(self.folder / name, text.replace("{folder}", str(self.folder)))
        except BaseException:
            self._remove()
            raise
        self._thread = threading.Thread(target=self._renew, name="vedette-run", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self._remove()

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """*base* (ours) for a child: without what is not for it, with the way through the gateway."""
        source = os.environ if base is None else base
        found = {key: value for key, value in source.items() if key not in STRAY | PRIVATE}
        found |= {
            "VEDETTE_URL": self._url, "VEDETTE_RUN": self.id,
            "VEDETTE_TOKEN_FILE": str(self.folder / "token"),
            # W3C Trace Context, as OpenTelemetry's tools take it from the environment.
            "TRACEPARENT": f"00-{self.id}-{secrets.token_hex(8)}-01",
        }  # fmt: skip
        if self._name:
            found["VEDETTE_AGENT"] = self._name
        if self._ca is not None:
            found["VEDETTE_CA"] = self._ca
        if self._door is not None:
            found["VEDETTE_POSTGRES"] = f"{self._door.where.host}:{self._door.where.port}"
            found |= self._door.environment(self._database, self.passwords)
        return found | {key: value.replace("{folder}", str(self.folder)) for key, value in self._more.items()}

    def _place(self, path: Path, text: str) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        places.write(path, text)
        if path.parent.name == "bin":
            path.chmod(0o700)

    def _write(self, token: str) -> None:
        if token == self._written:
            return
        if self._door is not None:
            places.write(self.passwords, self._door.password_file(token))
        places.write(self.folder / "token", token + "\n")
        self._written = token

    def _renew(self) -> None:
        """Keep the files' token good, until the run is over."""
        pause = self._pause()
        while not self._over.wait(pause):
            try:
                self._write(self._credential.token())
                self.trouble, pause = "", self._pause()
            except (ClientError, OSError) as error:
                # The child's open connections go on; new ones fail once the token is over, and say so.
                self.trouble, pause = str(error), AGAIN_SECONDS

    def _pause(self) -> float:
        ends = self._credential.expires
        if ends is None:
            return LOOK_SECONDS
        return min(max(ends - self._clock() - MARGIN_SECONDS + 1.0, 1.0), LOOK_SECONDS)

    def _remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def sweep(base: Path) -> None:
    """Remove the folders of runs that were killed: those whose lock nobody holds."""
    for lock in base.glob(f"*/{_LOCK}"):
        with contextlib.suppress(OSError):
            handle = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
            finally:
                os.close(handle)
