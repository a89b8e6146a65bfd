from __future__ import annotations

import pytest

from vedette.journal import read
from vedette.journal.errors import JournalDamaged
from vedette.journal.read import Tail


def test_a_tail_follows_over_segments(box, fill):
    journal = box.open(segment_bytes=1500)
    tail = Tail(box.folder)
    seen = []
    for _ in range(15):
        fill(journal, 3)
        seen += [entry.seq for entry in tail.poll()]
    assert seen == list(range(1, journal.head[0] + 1))
    assert tail.poll() == []
    tail.close()


def test_a_tail_begins_after_a_record(box, fill):
    journal = box.open(segment_bytes=1500)
    fill(journal, 20)
    tail = Tail(box.folder, after=13)
    assert tail.poll(1)[0].seq == 14
    assert [entry.seq for entry in tail.poll(3)] == [15, 16, 17]
    assert tail.after == 17
    tail.close()


def test_a_tail_waits_for_a_journal_that_is_not_there_yet(box, fill):
    tail = Tail(box.folder)
    assert tail.poll() == []
    fill(box.open(), 1)
    assert len(tail.poll()) == 2
    tail.close()


def test_an_unfinished_record_is_not_read_until_it_is_whole(box, fill):
    journal = box.open()
    fill(journal, 1)
    journal.close()
    path = box.files()[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    tail = Tail(box.folder)
    first = len(tail.poll())
    assert tail.poll() == []
    path.write_bytes(whole)
    assert first + len(tail.poll()) == journal.head[0]
    assert len(list(read(box.folder))) == journal.head[0]
    tail.close()


def test_a_very_long_record_is_read(box):
    journal = box.open()
    journal.append("action.judged", b'{"t":"' + b"x" * (3 << 20) + b'"}')
    assert len(list(read(box.folder))[1].body["t"]) == 3 << 20


def test_damage_is_told_and_never_skipped_in_silence(box, fill):
    journal = box.open()
    fill(journal, 3)
    journal.close()
    path = box.files()[0]
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"nonsense\n", *lines[2:]]))
    with pytest.raises(JournalDamaged):
        list(read(box.folder))
    told = []
    assert [entry.seq for entry in read(box.folder, damaged=told.append)] == [1, 3, 4, 5]
    assert told[0].offset == len(lines[0])
    tail = Tail(box.folder)
    with pytest.raises(JournalDamaged):
        tail.poll()
    tail.close()


def test_only_lines_that_hold_something(box, fill):
    fill(box.open(), 6)
    assert {entry.body["session"] for entry in read(box.folder, holding=(b'"session":"s1"',))} == {"s1"}
