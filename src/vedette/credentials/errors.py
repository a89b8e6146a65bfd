"""What goes wrong with a credential, in stable codes."""

from __future__ import annotations

from typing import Final

#: Every code a CredentialError can carry, and what it means. docs/credentials.md lists them.
CODES: Final = {
    "credential.missing": "the place the setting names holds nothing",
    "credential.unreadable": "the place is there but must not or cannot be read",
    "credential.malformed": "what was found cannot be a secret of the kind asked for",
    "credential.plugin": "a credential plug-in does not give a credential",
    "credential.seal": "a sealed credential does not open with the keys at hand",
    "credential.source": "the setting names a source that does not exist or is not set up",
}


class CredentialError(Exception):
    """A credential could not be had. The text names the place and the fix, never the value."""

    def __init__(self, code: str, reason: str) -> None:
        if code not in CODES:
            raise ValueError(f"no such credential error code: {code}")
        super().__init__(reason)
        self.code = code
        self.reason = reason
