"""Secrets from files."""

from __future__ import annotations

import asyncio
from pathlib import Path

from vedette.credentials.errors import CredentialError
from vedette.credentials.keyfile import KeyFileError, read_private
from vedette.credentials.secret import Secret
from vedette.credentials.source import MAX_SECRET_BYTES, Reference


class Files:
    """Reads the file at each login, so that a replaced file counts at once.

    Relative paths stand below *base* (the folder of vedette.yaml). One line
    end at the end is not part of the secret.
    """

    def __init__(self, base: Path) -> None:
        self._base = base

    async def fetch(self, reference: Reference) -> Secret:
        # A file may lie on a slow network mount, and the loop serves everybody.
        return await asyncio.to_thread(read_secret, self._base / reference.name, shared=reference.shared)


def read_secret(path: Path, *, shared: bool = False) -> Secret:
    """The secret a file holds, without one trailing line end.

    Raises:
        CredentialError: missing, too permissive, empty or over MAX_SECRET_BYTES.
    """
    try:
        content = read_private(path, shared=shared, limit=MAX_SECRET_BYTES)
    except KeyFileError as error:
        code = "credential.unreadable" if path.exists() else "credential.missing"
        hint = "" if shared or "may be read" not in str(error) else ", or say shared: true beside the file"
        raise CredentialError(code, f"{error}{hint}") from None
    content = content.removesuffix(b"\r\n" if content.endswith(b"\r\n") else b"\n")
    if not content:
        raise CredentialError("credential.missing", f"{path} is empty; write the secret into it")
    return Secret(content)
