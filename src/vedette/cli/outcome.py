"""How a command ends: its exit code, and an error that names the fix."""

from __future__ import annotations

from typing import Final

OK: Final = 0
NO: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
NOT_PERMITTED: Final = 4

#: docs/cli.md lists these.
CODES: Final = {
    OK: "done, and all is well",
    NO: "the answer is no: problems were found, or it could not be done",
    USAGE: "the command was not understood",
    UNREACHABLE: "the gateway cannot be reached",
    NOT_PERMITTED: "the gateway does not permit it: no token, a bad one, or not enough rights",
}


class Failure(Exception):
    """Ends a command. *fix* says what to do about it."""

    def __init__(self, message: str, fix: str = "", *, code: int = NO) -> None:
        super().__init__(message)
        self.message, self.fix, self.code = message, fix, code
