"""Why a caller is not who it says, in stable codes."""

from __future__ import annotations

from typing import Final

#: Every code an IdentityError can carry, and what it means. docs/identity.md lists them.
CODES: Final = {
    "identity.malformed": "not a token, or one whose parts have the wrong form or type",
    "identity.algorithm": "signed by a method that is not permitted for its issuer",
    "identity.issuer": "no configured issuer has exactly this name",
    "identity.signature": "no key of its issuer made this signature",
    "identity.audience": "made for somebody else, or asked for by a party that is not permitted",
    "identity.expired": "its time is over",
    "identity.not_yet": "its time has not begun",
    "identity.revoked": "it was withdrawn",
    "identity.blocked": "an administrator shut out the caller, its credential or whom it acts for",
    "identity.bound": "it is bound to a key that the caller has not shown",
    "identity.certificate": "a client certificate that speaks for nobody here",
    "identity.key": "no such API key, or not its secret",
    "identity.device": "nobody signed in by the code that was shown, or they said no",
    "identity.missing": "nothing was shown",
    "identity.unavailable": "what is needed to check it cannot be reached",
}


class IdentityError(Exception):
    """The caller is not let in. Neither *reason* nor the text holds any part of what it showed."""

    def __init__(self, code: str, reason: str) -> None:
        if code not in CODES:
            raise ValueError(f"no such identity error code: {code}")
        super().__init__(reason)
        self.code = code
        self.reason = reason


def malformed(reason: str) -> IdentityError:
    """The error that most checks end in."""
    return IdentityError("identity.malformed", reason)
