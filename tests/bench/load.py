"""What puts load on a side, always in processes of its own."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench import accounting
from tests.bench.accounting import Cpu
from tests.bench.sides import ACCOUNTS, Side
from tests.testbed import processes

SCRIPT = rf"\set aid random(1, {ACCOUNTS})" + "\nSELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n"
_TRANSACTIONS = re.compile(r"number of transactions actually processed: (\d+)")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of pgbench: how many transactions, how long (seconds), what CPU it cost the side."""

    transactions: int
    seconds: float
    cpu: Cpu
    latencies: tuple[float, ...] = ()

    @property
    def cpu_per_operation(self) -> Cpu:
        """Seconds per transaction; children's is what following the journal cost in the end."""
        return Cpu(self.cpu.own / self.transactions, self.cpu.children / self.transactions)

    @property
    def rate(self) -> float:
        return self.transactions / self.seconds


def pgbench(
    programs: Path,
    side: Side,
    seconds: float,
    *,
    mode: str = "simple",
    clients: int = 1,
    options: tuple[str, ...] = (),
) -> Run:
    """
    Select-only pgbench with a fresh literal in every statement. *options* may hold ``--connect``, ``--log``.

    What logging in costs is taken off, unless it is what is measured (``--connect``): a run of one
    transaction per client goes before.

    Raises:
        ChildFailed: a client was refused or lost its connection, or nothing was done at all.
    """
    words = ["-n", "-M", mode, "-c", str(clients), "-j", str(min(clients, 2)), *options]
    before = None if "--connect" in options else _run(programs, side, [*words, "-t", "1"], seconds)
    whole = max(1, round(seconds))
    found = _run(programs, side, [*words, "-T", str(whole)], seconds)
    if before is None:
        return Run(found.transactions, whole, found.cpu, found.latencies)
    count = max(1, found.transactions - before.transactions)
    return Run(count, whole, found.cpu - before.cpu, found.latencies)


def _run(programs: Path, side: Side, words: list[str], seconds: float) -> Run:
    """One pgbench; the CPU is the whole of it."""
    with tempfile.TemporaryDirectory(dir=processes.folder()) as folder:
        script = Path(folder, "script.sql")
        script.write_text(SCRIPT)
        before = _cpu(side)
        done = subprocess.run(
            [programs / "pgbench", *words, "-f", script],
            env=processes.environment(side.environment()),
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + processes.PATIENCE_SECONDS,
        )
        cpu = _cpu(side) - before
        if done.returncode:
            raise processes.ChildFailed(f"pgbench through {side.name}: {done.stderr[-1500:]}")
        found = _TRANSACTIONS.search(done.stdout)
        if found is None or int(found[1]) == 0:
            raise processes.ChildFailed(
                f"pgbench did nothing through {side.name}\n{done.stdout}{done.stderr}"
            )
        return Run(int(found[1]), seconds, cpu, tuple(_latencies(Path(folder))))


def _cpu(side: Side) -> Cpu:
    return accounting.settled(side.pid) if side.pid else Cpu()


def _latencies(folder: Path) -> list[float]:
    """Microseconds per transaction from pgbench's logs. Source: pgbench(1), "Per-Transaction Logging"."""
    return [
        float(line.split()[2])
        for log in folder.glob("pgbench_log.*")
        for line in log.read_text().splitlines()
        if line.split()[2].isdigit()
    ]


def percentile(values: tuple[float, ...], part: float) -> float:
    """The value below which *part* (0 to 1) of them lie."""
    return statistics.quantiles(values, n=1000, method="inclusive")[round(part * 1000) - 1]


READER = """
import os, select, sys, time
import psycopg
rows, width, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
with psycopg.connect("", autocommit=True) as connection:
    cursor = connection.cursor()
    text = f"SELECT g, repeat('x', {width}) FROM generate_series(1, {rows}) g"
    seen = 0
    for row in cursor.stream(text):
        seen += 1
        if seen == 1:
            print("first row", flush=True)
            select.select([], [], [], pause)
    assert seen == rows, seen
"""


def reading(side: Side, rows: int, width: int, pause: float = 0.0) -> subprocess.Popen[str]:
    """A process that reads a large result row by row, stopping for *pause* seconds after the first."""
    return subprocess.Popen(
        [sys.executable, "-c", READER, str(rows), str(width), str(pause)],
        env=processes.environment(side.environment()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stream(programs: Path, side: Side, rows: int, width: int) -> float:
    """CPU seconds that *rows* rows of about *width* bytes cost the side itself, psql reading them."""
    text = f"SELECT g, repeat('x', {width}) FROM generate_series(1, {rows}) g"
    before = _cpu(side)
    subprocess.run(
        [programs / "psql", "-XAtq", "-o", "/dev/null", "-c", text],
        env=processes.environment(side.environment()),
        check=True,
        timeout=processes.PATIENCE_SECONDS * 3,
    )
    return (_cpu(side) - before).own


PROVING = """
import asyncio, struct, sys
import uvloop
host, port, user, token, seconds, workers = sys.argv[1], int(sys.argv[2]), sys.argv[3], input(), float(sys.argv[4]), int(sys.argv[5])
body = struct.pack("!I", 196608) + b"".join(part.encode() + b"\\0" for part in ("user", user, "database", "nowhere")) + b"\\0"
opening = struct.pack("!I", len(body) + 4) + body
secret = token.encode() + b"\\0"
password = b"p" + struct.pack("!I", len(secret) + 4) + secret

async def work(end):
    done = 0
    loop = asyncio.get_running_loop()
    while loop.time() < end:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(opening)
        await reader.readexactly(9)
        writer.write(password)
        said = await reader.read()
        assert b"login.resource" in said, said
        writer.close()
        done += 1
    return done

async def main():
    end = asyncio.get_running_loop().time() + seconds
    print(sum(await asyncio.gather(*(work(end) for _ in range(workers)))))

uvloop.run(main())
"""


def proofs(side: Side, seconds: float, workers: int = 8) -> float:
    """Callers a second that prove who they are, and ask for a resource that is not there."""
    done = subprocess.run(
        [sys.executable, "-c", PROVING, side.host, str(side.port), side.user, str(seconds), str(workers)],
        input=side.password + "\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + processes.PATIENCE_SECONDS,
    )
    if done.returncode:
        raise processes.ChildFailed(done.stderr[-1500:])
    return int(done.stdout) / seconds


PARSING = """
import sys
import psycopg
deadline, size = float(sys.argv[1]), int(sys.argv[2])
import time
end = time.monotonic() + deadline
with psycopg.connect("", autocommit=True) as connection:
    print("started", flush=True)
    turn = 0
    while time.monotonic() < end:
        turn += 1
        names = ", ".join(f"abalance + {turn} AS c{turn}_{n}" for n in range(size))
        connection.execute(f"SELECT {names} FROM pgbench_accounts WHERE aid = 1".encode())
"""


def parsing(side: Side, seconds: float, columns: int) -> subprocess.Popen[str]:
    """A process that sends long statements, no two of one shape, so that each has to be parsed."""
    return subprocess.Popen(
        [sys.executable, "-c", PARSING, str(seconds), str(columns)],
        env=processes.environment(side.environment()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
