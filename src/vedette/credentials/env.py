"""Secrets from environment variables."""

from __future__ import annotations

from collections.abc import MutableMapping

from vedette.credentials.errors import CredentialError
from vedette.credentials.secret import Secret
from vedette.credentials.source import MAX_SECRET_BYTES, Reference


class Environment:
    """Reads each variable once and keeps it, so that a later change has no effect.

    With *remove*, the variable then leaves *environ*, and no child of this
    process inherits it. The kernel's own copy of the initial environment
    (``/proc/PID/environ``, readable by the same user only) stays as it was;
    who minds that uses a file or the sealed store.
    """

    def __init__(self, environ: MutableMapping[str, str], *, remove: bool = False) -> None:
        self._environ = environ
        self._remove = remove
        self._read: dict[str, Secret] = {}

    async def fetch(self, reference: Reference) -> Secret:
        name = reference.name
        if name not in self._read:
            self._read[name] = self._take(name)
        return self._read[name]

    def _take(self, name: str) -> Secret:
        value = self._environ.get(name)
        if not value:
            raise CredentialError(
                "credential.missing",
                f"the environment variable {name} is not set or empty; set it where the gateway is started",
            )
        # surrogateescape is how the environment carries bytes that are not UTF-8
        secret = value.encode("utf-8", "surrogateescape")
        if len(secret) > MAX_SECRET_BYTES:
            raise CredentialError(
                "credential.malformed", f"the environment variable {name} is over {MAX_SECRET_BYTES} bytes"
            )
        if self._remove:
            del self._environ[name]
        return Secret(secret)
