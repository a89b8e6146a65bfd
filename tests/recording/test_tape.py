"""Recordings as they are written: on disk before they are shown, capped, sealed, and whole after a kill."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.testbed import processes
from vedette.recording import tape as module
from vedette.recording.cast import check, export, find, parse, play
from vedette.recording.tape import Reel, Subject, Tapes
from vedette.trail.events import Event, RecordingOpened, RecordingSealed, encode

TERMINAL = Subject("s-1", "s-1.1", "terminal", 80, 24, "xterm", typed=True)


class Desk:
    """Where records go, and a clock that moves by a second at each look."""

    def __init__(self, folder: Path) -> None:
        self.events: list[Event] = []
        self.now = 1000.0
        self.tapes = Tapes(folder, self.events.append, self.events.append, self.clock)

    def clock(self) -> float:
        self.now += 1.0
        return self.now

    def entries(self) -> list[tuple[str, dict[str, Any]]]:
        return [(kind, json.loads(body)) for kind, body in map(encode, self.events)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "recordings")


def test_a_recording_is_an_asciicast_and_private(desk: Desk) -> None:
    tape = desk.tapes.open(TERMINAL)
    assert isinstance(desk.events[0], RecordingOpened)
    tape.put(b"pl\xc3")
    path = find(desk.tapes.folder, "s-1.1")
    assert path is not None
    tape.put(b"\xa9in \xff")
    tape.put(b"ls", "i")
    tape.resized(100, 30)
    tape.mark("ls")
    tape.close()
    path = find(desk.tapes.folder, "s-1.1")
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    header, *lines = [json.loads(line) for line in path.read_text("ascii").splitlines()]
    assert (header["version"], header["width"], header["height"], header["env"]) == (
        2,
        80,
        24,
        {"TERM": "xterm"},
    )
    assert [line[1:] for line in lines] == [
        ["o", "pl"], ["o", "\xe9in \udcff"], ["i", "ls"], ["r", "100x30"], ["m", "ls"],
    ]  # fmt: skip
    assert [line[0] for line in lines] == sorted(line[0] for line in lines)
    (seal,) = [each for each in desk.events if isinstance(each, RecordingSealed)]
    data = path.read_bytes()
    assert (seal.final, seal.bytes, seal.sha256) == (True, len(data), hashlib.sha256(data).hexdigest())


def test_an_event_is_in_the_file_when_the_call_returns(desk: Desk) -> None:
    tape = desk.tapes.open(TERMINAL)
    tape.put(b"shown")
    path = find(desk.tapes.folder, "s-1.1")
    assert path is not None
    assert parse(path.read_bytes()).events[0][1:] == ("o", "shown")


def test_streams_are_capped_apart_and_what_is_left_out_is_counted(desk: Desk) -> None:
    tape = desk.tapes.open(Subject("s-1", "s-1.2", "output", cap=5))
    for _ in range(3):
        tape.put(b"abc")
        tape.put(b"xy", "e")
    tape.close()
    path = find(desk.tapes.folder, "s-1.2")
    assert path is not None
    cast = parse(path.read_bytes())
    assert "".join(text for _, code, text in cast.events if code == "o") == "abcab"
    assert "".join(text for _, code, text in cast.events if code == "e") == "xyxyx"
    seal = desk.events[-1]
    assert isinstance(seal, RecordingSealed)
    assert seal.left_out == {"o": 4, "e": 1}


def test_nothing_to_keep_makes_no_file(desk: Desk) -> None:
    for subject in (Subject("s-1", "s-1.3", "output", cap=0), TERMINAL):
        reel = Reel(desk.tapes, subject)
        if subject.cap == 0:
            reel.put(b"abc")
        reel.close()
    assert desk.events == []
    assert not desk.tapes.folder.exists()


def test_a_full_disk_raises_and_leaves_whole_lines(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = desk.tapes.open(TERMINAL)
    tape.put(b"before")
    write = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) > 5:
            return write(fd, data[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "write", full)
    with pytest.raises(OSError, match="No space"):
        tape.put(b"x" * 100)
    monkeypatch.undo()
    tape.close()
    path = find(desk.tapes.folder, "s-1.1")
    assert path is not None
    assert [event[1:] for event in parse(path.read_bytes()).events] == [("o", "before")]
    assert check(desk.tapes.folder, desk.entries()) == []


def test_without_a_record_there_is_no_recording(tmp_path: Path) -> None:
    def refuse(event: Event) -> None:
        raise OSError("the journal cannot be written")

    tapes = Tapes(tmp_path / "r", refuse, refuse, lambda: 0.0)
    with pytest.raises(OSError, match="journal"):
        tapes.open(TERMINAL)
    assert list((tmp_path / "r").glob("*")) == []


def test_what_grows_is_sealed_now_and_then(desk: Desk) -> None:
    tape = desk.tapes.open(TERMINAL)
    desk.tapes.rest()
    desk.tapes.rest()
    assert sum(isinstance(each, RecordingSealed) for each in desk.events) == 1
    tape.put(b"x" * (module.SEAL_BYTES + 1))
    assert sum(isinstance(each, RecordingSealed) for each in desk.events) == 2
    assert check(desk.tapes.folder, desk.entries()) == []


@pytest.mark.parametrize("change", ["byte", "cut", "more", "gone"])
def test_a_change_shows(desk: Desk, change: str) -> None:
    tape = desk.tapes.open(TERMINAL)
    tape.put(b"hello")
    desk.tapes.rest()
    tape.put(b"again")
    tape.close()
    assert check(desk.tapes.folder, desk.entries()) == []
    path = find(desk.tapes.folder, "s-1.1")
    assert path is not None
    data = path.read_bytes()
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(
            {"byte": data.replace(b"hello", b"hallo"), "cut": data[:-9], "more": data + b"[]\n"}[change]
        )
    (problem,) = check(desk.tapes.folder, desk.entries())
    assert "s-1.1" in problem


WRITER = """
import itertools, sys, time
from pathlib import Path
from vedette.recording.tape import Subject, Tapes
tapes = Tapes(Path(sys.argv[1]), lambda event: None, lambda event: None, time.time)
tape = tapes.open(Subject("s-1", "s-1.1", "terminal"))
for number in itertools.count():
    tape.put(b"line %d\\r\\n" % number)
    print(number, flush=True)
"""


def test_a_kill_loses_nothing_that_was_shown(desk: Desk) -> None:
    words = [sys.executable, "-c", WRITER, str(desk.tapes.folder)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, env=processes.environment({"PYTHONPATH": ":".join(sys.path)})
    ) as child:
        assert child.stdout is not None
        for _ in range(200):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        told = child.stdout.read().split()
    part = next(desk.tapes.folder.glob("*.part"))
    with part.open("ab") as file:
        file.write(b'[12.5, "o", "half')
    desk.tapes.recover()
    assert list(desk.tapes.folder.glob("*.part")) == []
    path = find(desk.tapes.folder, "s-1.1")
    assert path is not None
    shown = "".join(text for _, _, text in parse(path.read_bytes()).events)
    last = int(told[-1]) if told else 199
    assert f"line {last}\r\n" in shown
    assert "half" not in shown
    (seal,) = desk.events
    assert isinstance(seal, RecordingSealed)
    assert (seal.final, seal.recovered, seal.cut >= 17) == (True, True, True)
    assert check(desk.tapes.folder, desk.entries()) == []


@pytest.mark.parametrize("name", ["../journal/x", "s-1", "s-1.1.part", "", "s-1.1\0", "s/1.1"])
def test_a_name_leads_nowhere_else(desk: Desk, name: str) -> None:
    desk.tapes.open(TERMINAL).close()
    assert find(desk.tapes.folder, name) is None


def test_what_is_exported_is_what_players_read(desk: Desk) -> None:
    tape = desk.tapes.open(TERMINAL)
    tape.put(b"\x1b]52;c;ZXZpbA==\x07a\x1b[31mb\xff\x1b[6n\x1b[c\x1b[21t\x1bc")
    tape.put(b"err", "e")
    tape.put(b"typed", "i")
    tape.resized(90, 20)
    tape.close()
    path = find(desk.tapes.folder, "s-1.1")
    assert path is not None
    cast = parse(path.read_bytes())
    header, *lines = [json.loads(line) for line in export(cast).splitlines()]
    assert header["version"] == 2
    assert isinstance(header["width"], int)
    assert isinstance(header["timestamp"], int)
    assert [line[1:] for line in lines] == [
        ["o", "a\x1b[31mb\ufffd"], ["o", "err"], ["i", "typed"], ["r", "90x20"],
    ]  # fmt: skip
    export(cast).encode()
    frames = list(play(cast, speed=2.0))
    assert "".join(text for _, text in frames).startswith("a\x1b[31mb\ufffderr\x1b[?1049l")
    assert all(0 <= delay <= 2.0 for delay, _ in frames)
