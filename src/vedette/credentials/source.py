"""What a credential source is, and how a setting points at one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from vedette.credentials.errors import CredentialError
from vedette.credentials.secret import Secret

MAX_SECRET_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret is kept: ``{env: APPDB_PASSWORD}`` is ``Reference("env", "APPDB_PASSWORD")``.

    *shared* (files only) accepts a file that group or others may read.
    """

    source: str
    name: str
    shared: bool = False


class Source(Protocol):
    """One kind of place that secrets are kept in."""

    async def fetch(self, reference: Reference) -> Secret:
        """The secret now. Raises CredentialError, whose text never holds the value."""
        ...


def parse_reference(value: object) -> Reference:
    """A reference from a decoded setting: ``{env: NAME}``, ``{file: PATH}``, ``{sealed: NAME}``.

    A plain string is refused: it would be the secret itself, in a file that is
    read, copied and committed.

    Raises:
        CredentialError: the setting is none of these; the text names the fix.
    """
    fix = "write {env: NAME}, {file: PATH} or {sealed: NAME}"
    if not isinstance(value, Mapping):
        raise CredentialError("credential.source", f"a secret is not written into the settings; {fix}")
    kinds = [key for key in value if key != "shared"]
    if len(kinds) != 1 or not isinstance(kinds[0], str):
        raise CredentialError("credential.source", f"one source is needed; {fix}")
    name, shared = value[kinds[0]], value.get("shared", False)
    if not isinstance(name, str) or not name:
        raise CredentialError("credential.source", f"{kinds[0]} needs a name; {fix}")
    if not isinstance(shared, bool) or (shared and kinds[0] != "file"):
        raise CredentialError("credential.source", "shared is true or false, and belongs to a file")
    return Reference(kinds[0], name, shared)
