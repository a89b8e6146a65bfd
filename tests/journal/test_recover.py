"""A kill at any instant loses no acknowledged record, and what it tore is on record."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import vedette
from vedette.journal import Journal, JournalError, read, verify
from vedette.journal.errors import JournalDamaged
from vedette.journal.keys import load_or_create

BODY = b'{"v":1,"session":"s"}'


def proven(box):
    return verify(box.folder, box.keys.public, key=box.keys.mac, anchors=box.anchor)


def test_an_unfinished_record_is_set_aside_and_that_is_recorded(box, fill):
    journal = box.open()
    fill(journal, 7)
    size = box.files()[0].stat().st_size
    journal.append("action.judged", BODY)
    box.release(journal)
    path = box.files()[0]
    whole = path.read_bytes()
    anchored = box.anchor.read_bytes()
    for end in range(size + 1, len(whole)):
        for old in box.folder.glob("*.torn"):
            old.unlink()
        path.write_bytes(whole[:end])
        box.anchor.write_bytes(anchored)
        assert not proven(box).ok

        again = box.open()
        recovered = next(entry for entry in read(box.folder) if entry.kind == "journal.recovered")
        box.release(again)

        assert proven(box).ok
        assert recovered.body["cut"] == end - size
        (aside,) = box.folder.glob("*.torn")
        assert aside.name == recovered.body["file"]
        assert aside.read_bytes() == whole[size:end]


def test_zeros_that_a_power_failure_left_are_set_aside(box, fill):
    journal = box.open()
    fill(journal, 3)
    box.release(journal)
    with box.files()[0].open("ab") as file:
        file.write(bytes(4096))
    box.open().close()
    assert proven(box).ok


def test_an_end_without_a_farewell_is_recorded(box, fill):
    journal = box.open()
    fill(journal, 2)
    box.release(journal)
    box.open().close()
    assert [entry.kind for entry in read(box.folder)][-3:] == [
        "journal.recovered", "journal.checkpoint", "journal.checkpoint",
    ]  # fmt: skip
    box.open().close()
    assert [entry.kind for entry in read(box.folder)].count("journal.recovered") == 1
    assert proven(box).ok


def test_damage_before_the_end_is_never_repaired(box, fill):
    journal = box.open()
    fill(journal, 4)
    journal.close()
    path = box.files()[0]
    content = bytearray(path.read_bytes())
    content[300] ^= 1
    path.write_bytes(content)
    with pytest.raises(JournalDamaged, match=path.name):
        box.open()
    assert path.read_bytes() == content
    content[300] ^= 1
    path.write_bytes(content)
    box.open().close()


def test_a_segment_begun_just_before_the_kill_is_used(box, fill):
    journal = box.open(segment_bytes=1000)
    fill(journal, 9)
    journal.close()
    (box.folder / f"{journal.head[0] + 1:016d}.journal").touch()
    journal = box.open()
    fill(journal, 2)
    journal.close()
    assert proven(box).ok


def test_a_missing_last_segment_is_not_taken_for_a_fresh_start(box, fill):
    journal = box.open(segment_bytes=1000)
    fill(journal, 9)
    journal.close()
    box.files()[-2].unlink()
    with pytest.raises(JournalDamaged):
        box.open()


def test_keys_that_do_not_fit_the_journal_do_not_open_it(box, fill):
    journal = box.open()
    fill(journal, 2)
    journal.close()
    box.keys = load_or_create(box.path / "other")
    with pytest.raises(JournalError, match="does not continue the chain"):
        box.open()


WRITER = """
import sys
from pathlib import Path
from vedette.journal import Journal
from vedette.journal.keys import load_or_create

path = Path(sys.argv[1])
journal = Journal.open(path / "journal", load_or_create(path / "keys"), anchor=path / "anchor",
                       checkpoint_every=7, segment_bytes=20_000)
print("ready", flush=True)
number = 0
while True:
    number += 1
    journal.defer("action.outcome", b'{"v":1,"session":"s"}')
    seq = journal.append("action.judged", b'{"v":1,"session":"s","pad":"%s"}' % (b"x" * (number * 37 % 900)))
    print(seq, flush=True)
"""


def acknowledged_before_a_kill(path: Path, after: int) -> int:
    """Run a writer, kill it (-9) once it has acknowledged *after* records; its last acknowledgement."""
    source = str(Path(vedette.__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": source},
    )  # fmt: skip
    assert process.stdout is not None
    with process, process.stdout as answers:
        assert answers.readline() == b"ready\n"
        for _ in range(after):
            answers.readline()
        process.send_signal(signal.SIGKILL)
        # What stands in the pipe was acknowledged too; the last line may be cut.
        rest = [line for line in answers.read().splitlines(keepends=True) if line.endswith(b"\n")]
    return int(rest[-1]) if rest else 0


def kill_often(path: Path, times: int) -> None:
    draw = random.Random(20261122)
    for _ in range(times):
        last = acknowledged_before_a_kill(path, draw.randrange(400))
        entries = [entry.seq for entry in read(path / "journal")]
        assert entries == list(range(1, len(entries) + 1))
        assert entries[-1] >= last
    keys = load_or_create(path / "keys")
    Journal.open(path / "journal", keys, anchor=path / "anchor").close()
    report = verify(path / "journal", keys.public, key=keys.mac, anchors=path / "anchor", closed=True)
    assert report.ok, report.problems


def test_no_acknowledged_record_is_lost_to_a_kill(tmp_path):
    kill_often(tmp_path, 6)


@pytest.mark.slow
def test_no_acknowledged_record_is_lost_to_many_kills(tmp_path):
    kill_often(tmp_path, 100)
