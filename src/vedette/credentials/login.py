"""From a resource's settings to what the dialling code logs in with."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from vedette.credentials.env import Environment
from vedette.credentials.errors import CredentialError
from vedette.credentials.file import Files
from vedette.credentials.keyfile import KeyFileError, read_private
from vedette.credentials.sealed import Seal, SealedSecrets, SealedStore
from vedette.credentials.secret import Secret
from vedette.credentials.source import Reference, Source


@dataclass(frozen=True, slots=True)
class Login:
    """What the upstream is shown. *certificate* is a PEM chain, *key* its private key in PEM.

    *expires* is Unix time in seconds, None for "does not".
    """

    user: str
    password: Secret | None = None
    certificate: bytes | None = field(default=None, repr=False)
    key: Secret | None = None
    expires: float | None = None


class LoginSettings(Protocol):
    """The ``login:`` of a resource, as settings hold it."""

    @property
    def user(self) -> str: ...
    @property
    def password(self) -> Reference | None: ...
    @property
    def certificate(self) -> Path | None: ...
    @property
    def key(self) -> Reference | None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What sources may draw on."""

    environ: MutableMapping[str, str]
    base: Path
    seal: Seal | None = None
    store: SealedStore | None = None
    remove_from_environ: bool = False


#: A new source is one module and one line here.
SOURCES: Mapping[str, Callable[[Surroundings], Source]] = {
    "env": lambda around: Environment(around.environ, remove=around.remove_from_environ),
    "file": lambda around: Files(around.base),
    "sealed": lambda around: SealedSecrets(around.seal, around.store),
}


class Secrets:
    """All sources together; lives in the code that dials."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._base = surroundings.base
        self._sources = {name: make(surroundings) for name, make in SOURCES.items()}

    @classmethod
    def here(cls, base: Path, seal: Seal | None = None, store: SealedStore | None = None) -> Secrets:
        """With this process's environment."""
        return cls(Surroundings(os.environ, base, seal, store))

    async def fetch(self, reference: Reference) -> Secret:
        """One secret. Raises CredentialError."""
        source = self._sources.get(reference.source)
        if source is None:
            known = ", ".join(sorted(self._sources))
            raise CredentialError(
                "credential.source", f"no source is called {reference.source}; known are {known}"
            )
        return await source.fetch(reference)

    async def login(self, settings: LoginSettings) -> Login:
        """What to log in with, fetched now.

        Raises:
            CredentialError: a part is missing; the text names the place and the fix.
        """
        if (settings.certificate is None) != (settings.key is None):
            raise CredentialError("credential.missing", "a client certificate needs both certificate and key")
        password = await self.fetch(settings.password) if settings.password is not None else None
        certificate = None
        if settings.certificate is not None:
            certificate = await asyncio.to_thread(self._certificate, settings.certificate)
        key = await self.fetch(settings.key) if settings.key is not None else None
        return Login(settings.user, password, certificate, key)

    def _certificate(self, path: Path) -> bytes:
        try:
            return read_private(self._base / path, shared=True)  # a certificate is public
        except KeyFileError as error:
            raise CredentialError("credential.unreadable", str(error)) from None
