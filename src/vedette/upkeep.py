"""What a gateway sees to while it serves: its journal, the index of it, what is sealed in its folder."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from pathlib import Path

from vedette.credentials.changes import SealedChanges
from vedette.folder import WORKER, Folder
from vedette.journal.append import Journal
from vedette.journal.errors import JournalError
from vedette.protocols.refusals import Refusals
from vedette.recording.tape import Tapes
from vedette.store.database import Store
from vedette.store.errors import StoreError
from vedette.trail import events

log = logging.getLogger(__name__)

# Outcomes wait this long for an append to take them along.
FLUSH_SECONDS = 0.05
CHECKPOINT_SECONDS = 10.0
SUM_SECONDS = 60.0
SEAL_SECONDS = 5.0
LOOK_SECONDS = 1.0


async def keep_journal(journal: Journal, refusals: Refusals, tapes: Tapes) -> None:
    """Write outcomes that nothing took along, sum up refused logins, seal what is being recorded, and sign
    where the journal stands."""
    last = summed = sealed = time.monotonic()
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        try:
            journal.flush()
            if time.monotonic() - summed >= SUM_SECONDS:
                refusals.sum(time.time(), journal.record)
                summed = time.monotonic()
            if time.monotonic() - sealed >= SEAL_SECONDS:
                tapes.rest()
                sealed = time.monotonic()
            if time.monotonic() - last >= CHECKPOINT_SECONDS:
                journal.checkpoint()
                last = time.monotonic()
        except JournalError as problem:
            # Appends meet the same trouble, and refuse; this only keeps trying.
            log.error("%s", problem)
            await asyncio.sleep(1.0)


async def watch_sealed(store: Store, journal: Journal) -> None:
    """Put on record what is sealed in the folder by others than this process."""
    changes = SealedChanges(store.sealed)
    pending: list[events.ConfigChanged] = []
    while True:
        try:
            pending += [
                events.ConfigChanged(
                    at=time.time(), by="folder", what="credential", name=each.name, before=each.before,
                    after=each.after,
                )
                for each in await changes.look()
            ]  # fmt: skip
            while pending:
                journal.record(pending[0])
                del pending[0]
        except (StoreError, JournalError) as problem:
            log.error("changes of sealed credentials cannot be recorded now: %s", problem)
        await asyncio.sleep(LOOK_SECONDS)


class IndexProcess:
    """A process of its own that indexes the journal, so that this never stands in a caller's way."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._child: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Keep it there; start it anew where it ends. Ends by being cancelled: then `close` it."""
        # Nothing of our environment but what Python needs: credentials may stand there.
        environment = {
            name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ
        }
        paths: tuple[Path, Path] = (self._folder.journal, self._folder.store)
        words = ["-m", "vedette.store.follow", *map(str, paths), WORKER]
        while True:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable, *words, stdin=asyncio.subprocess.PIPE, env=environment
            )
            status = await self._child.wait()
            log.error(
                "the process that indexes the journal ended with status %d; it is started again", status
            )
            await asyncio.sleep(1.0)

    async def close(self) -> None:
        """Its input ends, it reads what is left, and goes."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()
            await self._child.wait()
