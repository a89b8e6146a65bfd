"""python -m tests.bench.profile [MODE] [CLIENTS]: where the gateway's own Python spends its CPU.

Under pgbench, a sample per millisecond of CPU is taken inside the gateway by a signal: the share of samples
in which a function stood anywhere on the stack (all), or on top of it (self). Time in C is its caller's.
"""

from __future__ import annotations

import collections
import contextlib
import os
import runpy
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from tests.bench import load, sides
from tests.testbed import gateway, processes

_SHOWN = 40
_TOLD_BY = "VEDETTE_PROFILE_TO"


class Samples:
    """Where the program stood, counted since `begin`."""

    def __init__(self) -> None:
        self.all: collections.Counter[str] = collections.Counter()
        self.top: collections.Counter[str] = collections.Counter()
        self.count = 0

    def begin(self, *_: object) -> None:
        self.all.clear()
        self.top.clear()
        self.count = 0
        signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)

    def take(self, _: int, frame: FrameType | None) -> None:
        self.count += 1
        seen = set()
        if frame is not None:
            self.top[f"{_place(frame)}:{frame.f_lineno}"] += 1
        while frame is not None:
            seen.add(_place(frame))
            frame = frame.f_back
        self.all.update(seen)

    def text(self) -> str:
        signal.setitimer(signal.ITIMER_PROF, 0)
        total = max(1, self.count)
        lines = [f"{self.count} samples"]
        for word, counter in (("all", self.all), ("self", self.top)):
            shares = [(100 * n / total, place) for place, n in counter.most_common(_SHOWN + 20)]
            # What is always there is only the way in: the loop, the command line.
            telling = [(share, place) for share, place in shares if share < 95][:_SHOWN]
            lines += [f"{word:5}{share:5.1f} %  {place}" for share, place in telling]
        return "\n".join(lines) + "\n"


def _place(frame: FrameType) -> str:
    code = frame.f_code
    return f"{'/'.join(Path(code.co_filename).parts[-3:])}:{code.co_name}"


def inside() -> None:
    """The gateway itself, sampled from SIGUSR2 on."""
    samples = Samples()
    signal.signal(signal.SIGPROF, samples.take)
    signal.signal(signal.SIGUSR2, samples.begin)
    try:
        runpy.run_module("vedette", run_name="__main__")
    finally:
        Path(os.environ[_TOLD_BY]).write_text(samples.text())


@contextlib.contextmanager
def _sampled(file: Path, report: Path) -> Iterator[gateway.Gateway]:
    script = "import sys; from tests.bench.profile import inside; sys.argv[:1] = ['vedette']; inside()"
    with gateway.serving(file, ["-c", script], {_TOLD_BY: str(report)}) as running:
        yield running


def main(mode: str = "simple", clients: str = "32") -> None:
    """Prints the report."""
    report = processes.folder() / "profile.txt"
    with sides.served() as (server, _):
        folder = processes.folder() / "profiled"
        folder.mkdir()
        file = gateway.write(folder, [gateway.Upstream(server, sides.DATABASE, sides.ROLE)], sides.POLICIES)
        with _sampled(file, report) as running:
            side = sides.Side(
                name="vedette",
                host=processes.LOOPBACK,
                port=running.port,
                user="agent",
                password=running.token(),
                database=gateway.RESOURCE,
                pid=running.child.pid,
            )
            running.child.send_signal(signal.SIGUSR2)
            load.pgbench(server.bin, side, 5, mode=mode, clients=int(clients))
    print(report.read_text(), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
