from __future__ import annotations

import asyncio
import errno
import os

import pytest

from vedette.journal import JournalError, read
from vedette.journal.group import GroupCommit


async def test_many_share_a_sync(box, monkeypatch):
    journal = box.open(checkpoint_every=1000, durability="fsync")
    synced = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(fd) or sync(fd))
    GroupCommit(journal)

    async def one() -> int:
        seq = journal.append("action.judged", b'{"v":1}')
        await journal.on_disk()
        return seq

    seqs = await asyncio.gather(*(one() for _ in range(100)))
    assert seqs == list(range(2, 102))
    assert len(synced) < 10
    assert len(list(read(box.folder))) == 101


async def test_a_disk_that_fails_reaches_everybody_who_waits(box, monkeypatch):
    def fail(fd):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    journal = box.open()
    group = GroupCommit(journal)
    journal.append("action.judged", b'{"v":1}')
    answers = await asyncio.gather(*(group.settled() for _ in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [JournalError] * 5
    with pytest.raises(JournalError, match="disk failed"):
        journal.append("action.judged", b'{"v":1}')
