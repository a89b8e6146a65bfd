"""What the operating system says about a process and its children."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
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


def _seconds(pid: int) -> float:
    return sum(int(value) for value in _stat(pid)[11:13]) / _TICKS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Cpu:
    """User and system seconds, in steps of a hundredth: of the process itself, and of its living children."""

    own: float = 0.0
    children: float = 0.0

    def __sub__(self, before: Cpu) -> Cpu:
        return Cpu(max(0.0, self.own - before.own), max(0.0, self.children - before.children))


def cpu(pid: int) -> Cpu:
    """What has been charged so far. Source: proc(5), utime and stime."""
    return Cpu(_seconds(pid), sum(_seconds(each) for each in family(pid)[1:]))


def settled(pid: int, patience: float = 60.0) -> Cpu:
    """
    The same once nothing is in arrears: the gateway's children follow its journal, and may be behind.

    Gives up after *patience* seconds, and takes what there is.
    """
    found = cpu(pid)
    for _ in range(round(patience * 2)):
        time.sleep(0.5)
        now = cpu(pid)
        # Looking whether there is something new costs a little as well.
        if now.children - found.children < 0.05:
            return now
        found = now
    return found


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
