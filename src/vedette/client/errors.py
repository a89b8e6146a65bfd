"""How the client fails: one exception with a stable code, words, and what to do."""

from __future__ import annotations

import re

_UNSEEN = re.compile(r"[^\x20-\x7e]")


class ClientError(Exception):
    """*code* is stable (``client.unreachable``, ``oauth.invalid_grant``, or the gateway's own);
    *fix* says what to do. Neither ever holds a token."""

    def __init__(self, code: str, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.fix = code, message, fix


class NotLoggedIn(ClientError):
    """There is no usable login: nobody logged in here, or it can no longer be renewed."""

    def __init__(self, message: str, fix: str = "vedette login URL") -> None:
        super().__init__("client.login", message, fix)


def words(text: object, most: int = 200) -> str:
    """What a server wrote, as far as it may stand in a message: printable ASCII, and short."""
    return _UNSEEN.sub("?", str(text))[:most]
