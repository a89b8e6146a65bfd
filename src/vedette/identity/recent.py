"""API keys as they were a moment ago: a login must not wait for the store each time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from vedette.identity.keys import KeyRecord, KeyStore

#: For how long an answer of the store, also "no such key", is taken again. Whether a key
#: was revoked is asked elsewhere, each time (`Identity`, `Door.revoked`).
SECONDS = 1.0
MAX_REMEMBERED = 10_000


class RecentKeys:
    """A `KeyStore` that remembers what another one answered, for SECONDS. *clock* is monotonic."""

    def __init__(self, store: KeyStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, KeyRecord | None]] = {}
        self._changes = 0

    def forget(self) -> None:
        """Keys have changed: ask for each anew, also for those that are being asked for."""
        self._changes += 1
        self._known.clear()

    async def by_prefix(self, prefix: str) -> KeyRecord | None:
        return await self._ask("prefix", prefix, self._store.by_prefix)

    async def by_name(self, name: str) -> KeyRecord | None:
        return await self._ask("name", name, self._store.by_name)

    async def by_ssh(self, fingerprint: str) -> KeyRecord | None:
        return await self._ask("ssh", fingerprint, self._store.by_ssh)

    async def _ask(
        self, by: str, word: str, store: Callable[[str], Awaitable[KeyRecord | None]]
    ) -> KeyRecord | None:
        now = self._clock()
        known = self._known.get((by, word))
        if known is not None and now - known[0] < SECONDS:
            return known[1]
        changes = self._changes
        found = await store(word)
        if changes != self._changes:
            return await store(word)
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[by, word] = (now, found)
        return found
