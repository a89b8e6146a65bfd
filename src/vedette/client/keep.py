"""Where logins are kept: secrets in the system's keyring where there is one, else in one file, mode 0600."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from vedette.client import held, places
from vedette.client.errors import ClientError
from vedette.client.held import SECRETS, Login

SERVICE = "vedette"
#: Set to ``file``, it keeps everything in the file.
CHOICE = "VEDETTE_KEEP"
_PROBE = "probe"
VERSION = 1


class Ring(Protocol):
    """A keyring, as the package ``keyring`` offers it. Raises whatever its backend raises."""

    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


def ring(environ: Mapping[str, str]) -> Ring | None:
    """The system's keyring, where the optional package is there and its backend keeps a secret secret."""
    if environ.get(CHOICE) == "file":
        return None
    try:
        found: Any = importlib.import_module("keyring")
        backend = found.get_keyring()
        # Below 1 are those that refuse everything; keyrings.alt writes plain files.
        if backend.priority < 1 or type(backend).__module__.startswith("keyrings.alt"):
            return None
        found.set_password(SERVICE, _PROBE, _PROBE)
        works = found.get_password(SERVICE, _PROBE) == _PROBE
        found.delete_password(SERVICE, _PROBE)
    except Exception:  # noqa: BLE001
        # A missing package, a locked or absent keyring: each backend raises its own. The file is private too.
        return None
    return found if works else None


class Keep:
    """The logins of this user. One writer at a time; readers need no lock.

    Raises ClientError ``client.store``, ``client.private``.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._folder = places.state(self._environ)
        self._ring: Ring | None = None
        self._asked = False

    @property
    def path(self) -> Path:
        return self._folder / "logins.json"

    @property
    def folder(self) -> Path:
        """A private folder for what goes with logins."""
        return places.folder(self._folder)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else renews or changes a login meanwhile.

        Providers that rotate refresh tokens take the second use of one for a theft.
        """
        with places.alone(self.folder / "lock"):
            yield

    def all(self) -> list[Login]:
        """Every login, the one last made first."""
        document = self._document()
        return [self._login(key, each) for key, each in reversed(document["logins"].items())]

    def find(self, gateway: str | None = None, name: str | None = None) -> Login | None:
        """The login last made at *gateway* under *name*; None for either means any."""
        for key, each in reversed(self._document()["logins"].items()):
            if gateway in (None, each.get("gateway")) and name in (None, each.get("name")):
                return self._login(key, each)
        return None

    def put(self, login: Login) -> str:
        """Keep *login*, in place of one of its key; where: ``keyring`` or ``file``. Call within `alone`."""
        document = self._document()
        open_part = held.written(login)
        secret = {name: open_part.pop(name) for name in SECRETS}
        document["logins"].pop(login.key, None)
        where = "keyring" if self._into_ring(login.key, secret) else "file"
        document["logins"][login.key] = open_part | ({"in": "keyring"} if where == "keyring" else secret)
        self._write(document)
        return where

    def replace(self, login: Login) -> None:
        """The same for a renewed login, which keeps its place in the order. Call within `alone`."""
        order = list(self._document()["logins"])
        self.put(login)
        document = self._document()
        document["logins"] = {key: document["logins"][key] for key in order if key in document["logins"]}
        self._write(document)

    def drop(self, login: Login) -> None:
        """Forget *login*. Call within `alone`."""
        document = self._document()
        gone = document["logins"].pop(login.key, {})
        self._write(document)
        if gone.get("in") == "keyring" and (there := self._keyring()) is not None:
            with contextlib.suppress(Exception):
                there.delete_password(SERVICE, login.key)

    def _keyring(self) -> Ring | None:
        if not self._asked:
            self._ring, self._asked = ring(self._environ), True
        return self._ring

    def _into_ring(self, key: str, secret: Mapping[str, object]) -> bool:
        there = self._keyring()
        if there is None:
            return False
        try:
            there.set_password(SERVICE, key, json.dumps(secret))
        except Exception:  # noqa: BLE001
            return False  # too long for some systems' keyrings, or locked meanwhile: the private file has it
        return True

    def _login(self, key: str, found: object) -> Login:
        if not isinstance(found, dict):
            raise _unreadable(self.path)
        values = dict(found)
        if values.pop("in", None) == "keyring":
            values |= self._from_ring(key)
        return held.read(values)

    def _from_ring(self, key: str) -> dict[str, Any]:
        there = self._keyring()
        try:
            text = None if there is None else there.get_password(SERVICE, key)
            found = json.loads(text or "null")
        except Exception:  # noqa: BLE001
            found = None
        if not isinstance(found, dict) or not found.keys() <= set(SECRETS):
            raise ClientError(
                "client.keyring", "the login is in the keyring, which does not give it out", "log in again"
            )
        return found

    def _document(self) -> dict[str, Any]:
        text = places.read(self.path)
        if text is None:
            return {"version": VERSION, "logins": {}}
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise _unreadable(self.path) from None
        good = isinstance(found, dict) and found.get("version") == VERSION
        if not good or not isinstance(found.get("logins"), dict):
            raise _unreadable(self.path)
        if not all(isinstance(each, dict) for each in found["logins"].values()):
            raise _unreadable(self.path)
        return dict(found)

    def _write(self, document: Mapping[str, object]) -> None:
        places.write(self.folder / self.path.name, json.dumps(document, indent=1) + "\n")


def _unreadable(path: Path) -> ClientError:
    return ClientError(
        "client.store", f"{path} is not what this version writes", f"rm {path}, and log in again"
    )
