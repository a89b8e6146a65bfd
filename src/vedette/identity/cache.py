"""Principals that were proven a moment ago, so that a login costs a look-up."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

from vedette.model import Principal

MAX_ENTRIES = 10_000
#: However long a token lives, it is proven anew after this many seconds, so
#: that a key its issuer withdrew stops counting.
MAX_AGE_SECONDS = 300.0


def digest(text: str, bound: bytes = b"") -> bytes:
    """The key of an entry. *bound* is whatever else must be unchanged for the entry to count."""
    return hashlib.sha256(text.encode(errors="surrogatepass") + b"\0" + bound).digest()


class TokenCache:
    """At most *limit* principals by token digest; the longest unused goes first.

    Never holds a token. Revocation is asked at every look-up.
    """

    def __init__(self, is_revoked: Callable[[str], bool], *, limit: int = MAX_ENTRIES) -> None:
        self._is_revoked = is_revoked
        self._limit = limit
        self._entries: OrderedDict[bytes, tuple[Principal, float, float]] = OrderedDict()

    def get(self, key: bytes, now: float) -> Principal | None:
        """What was proven; None where nothing, no longer, or revoked (the full check then says why)."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        principal, since, until = entry
        # A clock that was set back would stretch the time that an entry is believed.
        if not since <= now < until or self._is_revoked(principal.credential):
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return principal

    def put(self, key: bytes, principal: Principal, now: float) -> None:
        """Keep *principal* until its token expires, at most MAX_AGE_SECONDS."""
        until = now + MAX_AGE_SECONDS
        if principal.expires is not None:
            until = min(until, principal.expires)
        self._entries[key] = (principal, now, until)
        self._entries.move_to_end(key)
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget all, as when the settings change."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
