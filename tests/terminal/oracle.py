"""What a real terminal emulator makes of the same bytes: tmux, which shows what is on its screen."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.testbed import processes


def program() -> str | None:
    return shutil.which("tmux")


@dataclass(slots=True)
class Tmux:
    """A tmux server of our own, with one window of *columns* by *rows*."""

    words: list[str]
    folder: Path
    columns: int
    rows: int
    count: int = 0

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [*self.words, *words], capture_output=True, check=True, timeout=30,
            env=processes.environment({"TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}),
        )  # fmt: skip
        return done.stdout.decode()

    def show(self, data: bytes) -> tuple[list[str], tuple[int, int]]:
        """The rows of a fresh screen that was sent *data*, and where the cursor is (column, row)."""
        self.count += 1
        file, done = self.folder / f"{self.count}", self.folder / f"{self.count}.done"
        file.write_bytes(data)
        command = f"stty raw -echo; cat {file}; touch {done}; exec sleep 600"
        self.run("respawn-window", "-k", "-t", "w:0", command)
        deadline = time.monotonic() + processes.PATIENCE_SECONDS
        while not done.exists():
            if time.monotonic() > deadline:
                raise TimeoutError("tmux did not show it")
            self.run("display-message", "-p", "")
        # What the pane wrote is read by the server before it answers the second of two questions.
        for _ in range(2):
            self.run("display-message", "-p", "")
        text = self.run("capture-pane", "-p", "-t", "w:0")
        x, y = self.run("display-message", "-p", "-t", "w:0", "#{cursor_x} #{cursor_y}").split()
        rows = [line.rstrip(" ") for line in text.split("\n")]
        return (rows + [""] * self.rows)[: self.rows], (min(int(x), self.columns - 1), int(y))


@contextlib.contextmanager
def tmux(folder: Path, columns: int = 20, rows: int = 6) -> Iterator[Tmux]:
    words = [str(program()), "-S", str(folder / "s"), "-f", "/dev/null"]
    found = Tmux(words, folder, columns, rows)
    size = ["-x", str(columns), "-y", str(rows)]
    found.run("new-session", "-d", "-s", "w", *size, "exec sleep 600", ";", "set", "-g", "status", "off",
              ";", "set", "-g", "window-size", "manual", ";", "set", "-g", "history-limit", "100")  # fmt: skip
    try:
        found.run("resize-window", "-t", "w:0", *size)
        yield found
    finally:
        with contextlib.suppress(subprocess.SubprocessError):
            found.run("kill-server")
