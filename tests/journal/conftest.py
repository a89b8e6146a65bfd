from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vedette import native
from vedette.journal import Journal, JournalKeys
from vedette.journal.segments import segments


class Box:
    """A journal folder, its keys and anchor, and a clock that ticks by itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path / "journal"
        self.anchor = path / "anchor"
        self.keys = JournalKeys.generate()
        self.clock = 1_763_835_000.0

    def now(self) -> float:
        self.clock += 0.25
        return self.clock

    def open(self, **settings: object) -> Journal:
        chosen: dict[str, object] = {"anchor": self.anchor, "checkpoint_every": 5, "now": self.now}
        return Journal.open(self.folder, self.keys, **(chosen | settings))  # type: ignore[arg-type]

    def release(self, journal: Journal) -> None:
        """As the kernel leaves things after a kill: descriptors gone, nothing more written."""
        os.close(journal._fd)
        os.close(journal._held)
        journal._fd = journal._held = -1

    def files(self) -> list[Path]:
        return [segment.path for segment in segments(self.folder)]


@pytest.fixture(params=["python", "compiled"])
def box(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    """Once for each twin of the chain."""
    if request.param == "compiled" and native.compiled is None:
        pytest.skip("the compiled twin is not here: make native")
    if request.param == "python":
        monkeypatch.setattr(native, "compiled", None)
    return Box(tmp_path)


@pytest.fixture
def fill() -> Callable[[Journal, int], None]:
    def run(journal: Journal, count: int) -> None:
        for number in range(count):
            journal.append("action.judged", b'{"v":1,"session":"s%d","n":%d}' % (number % 2, number))

    return run
