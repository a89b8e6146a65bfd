"""Durability ``fsync`` for many sessions at once: one fdatasync for all who wait."""

from __future__ import annotations

import asyncio
import os

from vedette.journal.append import Journal
from vedette.journal.errors import JournalError


class GroupCommit:
    """Waits for the disk in the place of a journal of durability ``fsync``, off the loop.

    While one fdatasync runs, those who come meanwhile are gathered for the next one, so
    the cost per action falls as the load rises, and the event loop never waits. From here
    on the journal's own calls return once the kernel has the bytes; whoever needs the
    disk awaits `settled`, which the journal offers as ``on_disk``.
    """

    def __init__(self, journal: Journal) -> None:
        journal.leave_syncing_to(self.settled)
        self._journal = journal
        self._waiting: list[asyncio.Future[None]] = []
        self._running: asyncio.Task[None] | None = None

    async def settled(self) -> None:
        """Returns once everything written before is on the disk.

        Raises:
            JournalError: the disk failed (the journal is shut then).
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._sync(batch)
        finally:
            self._running = None

    async def _sync(self, batch: list[asyncio.Future[None]]) -> None:
        trouble: JournalError | None = None
        try:
            fd = self._journal.descriptor()
            try:
                await asyncio.to_thread(os.fdatasync, fd)
            finally:
                os.close(fd)
        except JournalError as error:
            trouble = error
        except OSError as error:
            trouble = self._journal.disk_failed(error)
        for done in batch:
            if done.done():
                continue
            if trouble is None:
                done.set_result(None)
            else:
                done.set_exception(JournalError(str(trouble)))
