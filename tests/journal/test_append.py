from __future__ import annotations

import errno
import os
import resource

import pytest

from vedette.journal import JournalError, JournalLocked, read, verify
from vedette.journal.append import MAX_DEFERRED
from vedette.journal.segments import segments
from vedette.trail.events import JournalCheckpoint

BODY = b'{"v":1,"session":"s"}'


def kinds(box):
    return [entry.kind for entry in read(box.folder)]


def test_what_was_appended_is_read_back(box):
    journal = box.open()
    seq = journal.append("action.judged", b'{"v":1,"session":"s","text":"select \\n 1"}')

    (found,) = read(box.folder, after=seq - 1)

    assert (found.seq, found.kind, found.body["text"]) == (seq, "action.judged", "select \n 1")
    assert journal.head[0] == seq


def test_deferred_records_come_before_the_next_append(box):
    journal = box.open()
    journal.defer("action.outcome", BODY)
    assert kinds(box) == ["journal.checkpoint"]
    journal.append("action.judged", BODY)
    assert kinds(box)[1:] == ["action.outcome", "action.judged"]
    journal.defer("session.closed", BODY)
    journal.flush()
    assert kinds(box)[3:] == ["session.closed"]


def test_deferring_without_end_writes_by_itself(box):
    journal = box.open(checkpoint_every=100_000)
    for _ in range(MAX_DEFERRED):
        journal.defer("action.outcome", BODY)
    assert len(kinds(box)) == MAX_DEFERRED + 1


def test_deferring_large_records_writes_by_itself(box):
    journal = box.open()
    for _ in range(9):
        journal.defer("action.outcome", b'{"t":"' + b"x" * (1 << 20) + b'"}')
    assert kinds(box).count("action.outcome") == 8


def test_many_records_share_one_write(box, monkeypatch):
    journal = box.open(checkpoint_every=100)
    writes = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(len(data)) or write(fd, data))
    last = journal.append_many([("action.judged", BODY)] * 7)
    assert len(writes) == 1
    assert last == journal.head[0] == 8


def test_every_so_many_records_are_signed(box, fill):
    journal = box.open(checkpoint_every=5)
    fill(journal, 12)
    assert [kind for kind in kinds(box)].count(JournalCheckpoint.kind) == 3
    journal.checkpoint()
    journal.checkpoint()
    assert [entry.body["why"] for entry in read(box.folder) if "why" in entry.body] == [
        "open",
        "due",
        "due",
        "flush",
    ]
    assert len(box.anchor.read_bytes().splitlines()) == 4


def test_segments_follow_one_another(box, fill):
    journal = box.open(segment_bytes=3000)
    fill(journal, 60)
    journal.close()
    found = segments(box.folder)
    assert len(found) > 3
    assert [entry.seq for entry in read(box.folder)] == list(range(1, journal.head[0] + 1))
    for segment in found[:-1]:
        assert b'"kind":"journal.checkpoint"' in segment.path.read_bytes().splitlines()[-1]
    assert verify(box.folder, box.keys.public, key=box.keys.mac, anchors=box.anchor, closed=True).ok


def test_two_gateways_on_one_folder_are_refused(box):
    journal = box.open(worker="one")
    with pytest.raises(
        JournalLocked, match=f"two gateways on one data folder.*process {os.getpid()}.*worker one"
    ):
        box.open()
    journal.close()
    box.open().close()


def test_a_closed_journal_takes_nothing(box):
    journal = box.open()
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append("action.judged", BODY)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"a":1}\n', b'{"a":\n1}', b"null"])
def test_a_body_that_would_break_the_form_is_refused(box, body):
    with pytest.raises(ValueError, match="one JSON object"):
        box.open().append("action.judged", body)


@pytest.mark.parametrize("kind", ["", "Action", 'a","x":"', "a b", "a\n"])
def test_a_name_that_would_break_the_form_is_refused(box, kind):
    with pytest.raises(ValueError, match="not an event's name"):
        box.open().append(kind, BODY)


def test_files_are_for_their_owner_only(box):
    box.open()
    assert [path.stat().st_mode & 0o777 for path in box.files()] == [0o600]
    assert box.folder.stat().st_mode & 0o777 == 0o700


def test_a_full_disk_leaves_nothing_and_room_lets_it_go_on(box):
    """A real short write: the process may not make files larger than this."""
    journal = box.open()
    journal.append("action.judged", BODY)
    size = box.files()[0].stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
    try:
        with pytest.raises(JournalError, match="cannot be written"):
            journal.append("action.judged", BODY)
        journal.defer("action.outcome", BODY)
        with pytest.raises(JournalError, match="cannot be written"):
            journal.flush()
        assert box.files()[0].stat().st_size == size
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.append("action.judged", BODY)
    journal.close()
    assert kinds(box)[1:4] == ["action.judged", "action.outcome", "action.judged"]
    assert verify(box.folder, box.keys.public, key=box.keys.mac, anchors=box.anchor, closed=True).ok


def test_torn_bytes_that_cannot_be_taken_back_stop_everything_until_they_can(box, monkeypatch):
    journal = box.open()
    write, truncate = os.write, os.ftruncate

    def half(fd, data):
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[: len(data) - 10])

    def never(fd, size):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "write", half)
    monkeypatch.setattr(os, "ftruncate", never)
    with pytest.raises(JournalError, match="No space left"):
        journal.append("action.judged", BODY)
    monkeypatch.setattr(os, "write", write)
    with pytest.raises(JournalError, match="taken back"):
        journal.append("action.judged", BODY)
    monkeypatch.setattr(os, "ftruncate", truncate)
    journal.append("action.judged", BODY)
    journal.close()
    assert verify(box.folder, box.keys.public, key=box.keys.mac, closed=True).ok


def test_after_a_failed_sync_the_journal_stays_shut(box, monkeypatch):
    journal = box.open(durability="fsync")

    def fail(fd):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(JournalError, match="disk failed"):
        journal.append("action.judged", BODY)
    monkeypatch.undo()
    with pytest.raises(JournalError, match="start the gateway anew"):
        journal.append("action.judged", BODY)
    with pytest.raises(JournalError):
        journal.close()
    box.open().close()
    assert verify(box.folder, box.keys.public, key=box.keys.mac, anchors=box.anchor, closed=True).ok


def test_fsync_waits_for_the_disk_before_returning(box, monkeypatch):
    journal = box.open(durability="fsync")
    synced = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    journal.append("action.judged", BODY)
    assert len(synced) == 1


def test_an_anchor_out_of_reach_stops_nothing_and_gets_all_later(box, fill):
    away = box.path / "mount" / "anchor"
    journal = box.open(anchor=away)
    fill(journal, 12)
    assert "cannot be written" in journal.trouble
    away.parent.mkdir()
    fill(journal, 5)
    assert journal.trouble == ""
    journal.close()
    report = verify(box.folder, box.keys.public, anchors=away, closed=True)
    assert report.ok
    assert report.anchors == report.checkpoints


def test_a_segment_that_cannot_be_begun_is_an_error_and_is_tried_again(box, fill):
    journal = box.open(segment_bytes=1500)
    fill(journal, 3)
    while box.files()[-1].stat().st_size < 1500:
        journal.append("action.judged", BODY)
    box.folder.chmod(0o500)
    blocked = box.folder / f"{journal.head[0] + 2:016d}.journal"
    blocked_plain = box.folder / f"{journal.head[0] + 1:016d}.journal"
    box.folder.chmod(0o700)
    for path in (blocked, blocked_plain):
        path.mkdir()
    with pytest.raises(JournalError, match="new segment"):
        journal.append("action.judged", BODY)
    for path in (blocked, blocked_plain):
        path.rmdir()
    journal.append("action.judged", BODY)
    journal.close()
    assert verify(box.folder, box.keys.public, key=box.keys.mac, anchors=box.anchor, closed=True).ok
