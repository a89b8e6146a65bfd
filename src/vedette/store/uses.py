"""When API keys were last used: noted in memory at each login, written now and then."""

from __future__ import annotations

import asyncio
import logging
import time

from vedette.store.errors import StoreError
from vedette.store.keys import Keys

log = logging.getLogger(__name__)

PAUSE_SECONDS = 10.0
MAX_NOTED = 10_000


class KeyUses:
    """Never in the way of a login: *note* only remembers. A use that a crash forgets is no matter."""

    def __init__(self, keys: Keys, pause: float = PAUSE_SECONDS) -> None:
        self._keys = keys
        self._pause = pause
        self._noted: dict[str, float] = {}

    def note(self, prefix: str) -> None:
        """The key with this prefix was used, now."""
        if len(self._noted) < MAX_NOTED or prefix in self._noted:
            self._noted[prefix] = time.time()

    async def write(self) -> None:
        """Write what was noted. Raises StoreError."""
        noted, self._noted = self._noted, {}
        for prefix, at in noted.items():
            await self._keys.used(prefix, at)

    async def run(self) -> None:
        """Write now and then, for ever; ends by being cancelled."""
        while True:
            await asyncio.sleep(self._pause)
            try:
                await self.write()
            except StoreError as error:
                log.warning("when keys were last used cannot be written: %s", error)
