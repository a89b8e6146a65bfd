"""The data folder: where each thing stands in it. The gateway and the offline commands share this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vedette.credentials import CredentialError, Seal, SealKey, Secret, decode_seal_key, generated_seal_key
from vedette.credentials.keyfile import KeyFileError, read_private
from vedette.journal.lock import is_locked

#: The journal's only writer, by name; checkpoints carry it.
WORKER = "main"

#: Whoever can read the folder is the operator, and calls itself by this and the login's name.
OPERATOR = "local:"

SEAL_KEY = "VEDETTE_SEAL_KEY"
SEAL_KEY_FILE = "VEDETTE_SEAL_KEY_FILE"


@dataclass(frozen=True, slots=True)
class Folder:
    """Paths below ``gateway.data``. Nothing is made by asking for one."""

    path: Path

    @property
    def journal(self) -> Path:
        """The journal's segments and its lock."""
        return self.path / "journal"

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

        Raises:
            CredentialError: the key is missing, unsafe or not 32 bytes in base64.
        """
        return Seal([self._seal_key(environ)])

    def _seal_key(self, environ: Mapping[str, str]) -> SealKey:
        if environ.get(SEAL_KEY):
            return decode_seal_key(Secret(environ[SEAL_KEY]), SEAL_KEY)
        if environ.get(SEAL_KEY_FILE):
            path = Path(environ[SEAL_KEY_FILE])
            try:
                return decode_seal_key(Secret(read_private(path)), str(path))
            except KeyFileError as error:
                raise CredentialError("credential.unreadable", str(error)) from None
        return generated_seal_key(self.keys / "seal.key")
