"""The data folder: where each thing stands in it. The gateway and the offline commands share this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vedette.credentials import CredentialError, Seal, SealKey, Secret, decode_seal_key, generated_seal_key
from vedette.credentials.keyfile import KeyFileError, read_private
from vedette.journal.lock import is_locked
from vedette.model import Kind, Principal

#: The journal's only writer, by name; checkpoints carry it.
WORKER = "main"

#: Whoever can read the folder is the operator, and calls itself by this and the login's name.
OPERATOR = "local:"


def is_operator(principal: Principal, issuer: str) -> bool:
    """Whether *principal* is the operator itself; *issuer* is the gateway's own name."""
    own = principal.issuer == issuer and principal.subject.startswith(OPERATOR)
    whole = principal.actor is None and principal.resources is None
    return own and whole and principal.kind is Kind.PERSON


SEAL_KEY = "VEDETTE_SEAL_KEY"
SEAL_KEY_FILE = "VEDETTE_SEAL_KEY_FILE"
SEAL_KEY_OLD = "VEDETTE_SEAL_KEY_OLD"
SEAL_KEY_OLD_FILE = "VEDETTE_SEAL_KEY_OLD_FILE"


@dataclass(frozen=True, slots=True)
class Folder:
    """Paths below ``gateway.data``. Nothing is made by asking for one."""

    path: Path

    @property
    def journal(self) -> Path:
        """The journal's segments and its lock."""
        return self.path / "journal"

    @property
    def recordings(self) -> Path:
        """What terminals and commands showed, a file for each."""
        return self.path / "recordings"

    @property
    def keys(self) -> Path:
        """Signing keys of tokens, the journal's keys, the seal's key; mode 0700."""
        return self.path / "keys"

    @property
    def tls(self) -> Path:
        """The generated authority and server certificate."""
        return self.path / "tls"

    @property
    def store(self) -> Path:
        return self.path / "vedette.db"

    @property
    def in_use(self) -> bool:
        """Whether a gateway works on this folder at the moment."""
        return is_locked(self.journal)

    def seal(self, environ: Mapping[str, str]) -> Seal:
        """What seals credentials: a key from the environment, from a file it names, or one made here.

        What an older key sealed opens too, as long as that one is named beside it
        (the one made here needs no naming).

        Raises:
            CredentialError: a key is missing, unsafe or not 32 bytes in base64.
        """
        made = self.keys / "seal.key"
        first = _given(environ, SEAL_KEY, SEAL_KEY_FILE)
        if first is None:
            first = generated_seal_key(made)
        old = _given(environ, SEAL_KEY_OLD, SEAL_KEY_OLD_FILE)
        kept = generated_seal_key(made) if made.exists() else None
        return Seal([key for key in (first, old, kept) if key is not None])


def _given(environ: Mapping[str, str], variable: str, file: str) -> SealKey | None:
    """The key in *variable*, or in the file that *file* names; None where neither is set."""
    if environ.get(variable):
        return decode_seal_key(Secret(environ[variable]), variable)
    if not environ.get(file):
        return None
    path = Path(environ[file])
    try:
        return decode_seal_key(Secret(read_private(path)), str(path))
    except KeyFileError as error:
        raise CredentialError("credential.unreadable", str(error)) from None
