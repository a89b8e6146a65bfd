"""What the operating system says about a process and its children."""

from __future__ import annotations

import os
import threading
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the command's name, which may hold spaces. Source: proc(5)."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def family(pid: int) -> list[int]:
    """*pid* and everything that descends from it."""
    parents: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended while we looked
    found = [pid]
    for each in found:
        found.extend(parents.get(each, ()))
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of *pid* and its living children; steps of a hundredth of a second."""
    ticks = sum(int(value) for each in family(pid) for value in _stat(each)[11:13])
    return ticks / _TICKS_PER_SECOND


def resident_bytes(pid: int) -> int:
    """Resident memory, what is shared with others divided by how many share it."""
    total = 0
    for each in family(pid):
        for line in (_PROC / str(each) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


class Peak:
    """The most memory (bytes) that *pid* held while the block ran, looked at twenty times a second."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.most = resident_bytes(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.most = max(self.most, resident_bytes(self.pid))

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()
