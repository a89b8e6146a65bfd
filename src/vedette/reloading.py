"""New settings into a running gateway: all of them at once and on record, or none."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from vedette.config import Settings, changes, reload, restart_needed
from vedette.config.differences import differences
from vedette.journal.append import Journal
from vedette.journal.errors import JournalError
from vedette.trail import events

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0

#: Does all about new settings that can fail; calling the answer puts them in force.
Prepare = Callable[[Settings], Callable[[], None]]


class Reloading:
    """*settings* are those in force. *prepare* is called on the event loop's thread."""

    def __init__(self, settings: Settings, journal: Journal, prepare: Prepare) -> None:
        self.settings = self._started = settings
        self._journal = journal
        self._prepare = prepare
        self._due = asyncio.Event()
        self._one = asyncio.Lock()

    def soon(self) -> None:
        """Load the configuration anew, as after a change of its file. For signal handlers."""
        self._due.set()

    async def watch(self) -> None:
        """Load the configuration anew when its file changes or somebody asks for it, until cancelled."""
        file = self.settings.file
        loaded = _stamp(file)
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._due.wait()
            stamp = _stamp(file)
            if stamp == loaded and not self._due.is_set():
                continue
            self._due.clear()
            try:
                await self.load()
            except JournalError as problem:
                # What is not on record is not in force: the running one stays until it can be.
                log.error("the configuration was not loaded, the running one stays: %s", problem)
                await asyncio.sleep(LOOK_SECONDS)
                self._due.set()
            else:
                loaded = stamp

    async def load(self, by: str = "file") -> tuple[str, ...]:
        """
        Load the configuration anew; what is running stays in force where it does not load. *by* is
        the principal who asks for it.

        Returns what only takes effect after a restart, in words.

        Raises:
            JournalError: the change cannot be recorded, so nothing has changed.
        """
        async with self._one:
            before = self.settings
            # Thousands of rules take a second to compile; sessions go on meanwhile.
            loaded = await asyncio.to_thread(reload, self._started, before.file)
            if isinstance(loaded, Settings):
                return self._use(before, loaded, by)
        found = tuple(str(each) for each in loaded.problems)
        log.error("the configuration was not loaded, the running one stays:\n%s", "\n".join(found))
        self._journal.record(events.PolicyRejected(at=time.time(), kept=before.policies.hash, problems=found))
        return ()

    def _use(self, before: Settings, loaded: Settings, by: str) -> tuple[str, ...]:
        """From here on *loaded* is in force, all of it at once."""
        use = self._prepare(loaded)
        new = changes(before, loaded)
        self._journal.record(
            events.PolicyLoaded(
                at=time.time(), policy=loaded.policies.hash, before=before.policies.hash,
                files=(str(loaded.file),), config=loaded.hash, changes=new,
                rules=sum(len(policy.rules) for policy in loaded.policies.policies),
            )
        )  # fmt: skip
        for each in differences(before, loaded):
            self._journal.record(
                events.ConfigChanged(
                    at=time.time(), by=by, what=each.what, name=each.name, before=each.before,
                    after=each.after,
                )
            )  # fmt: skip
        self.settings = loaded
        use()
        later = restart_needed(self._started, loaded)
        log.info("policy %s is in force", loaded.policies.hash)
        for words in new:
            log.info("%s", words)
        for words in later:
            log.warning("takes effect after a restart: %s", words)
        return later


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
