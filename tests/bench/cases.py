"""What is measured. Each case takes the bench and a size, and gives figures."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import psycopg

from tests.bench import accounting, clusters, load, logins, search, ssh
from tests.bench.figures import Figure
from tests.bench.sides import Bench, Side
from tests.testbed.processes import ChildFailed

MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Size:
    """How long and how much. *seconds* per run of pgbench, *rounds* for each median."""

    rounds: int = 3
    seconds: float = 3.0
    rows: int = 1_000_000
    idle: int = 1000
    large_megabytes: int = 500
    pause: float = 3.0


QUICK = Size(rounds=1, seconds=1.0, rows=100_000, idle=100, large_megabytes=50, pause=1.0)
FULL = Size(rounds=5, seconds=10.0, large_megabytes=5000, pause=20.0)

Case = Callable[[Bench, Size], list[Figure]]
Busy = Callable[[Side], subprocess.Popen[str]]


def _in_turn(size: Size, sides: list[Side], run: Callable[[Side], float]) -> dict[str, float]:
    """The median of each side, the sides taking turns so that a noisy moment hits them all."""
    found: dict[str, list[float]] = {side.name: [] for side in sides}
    for _ in range(size.rounds):
        for side in sides:
            found[side.name].append(run(side))
    return {name: statistics.median(values) for name, values in found.items()}


def _proxies(sides: dict[str, Side], *others: str) -> list[Side]:
    return [sides[name] for name in ("pgbouncer", "vedette", *others) if name in sides]


def _against_pgbouncer(what: str, found: dict[str, float], target: float) -> Figure:
    if "pgbouncer" not in found:
        return Figure(what, "pgbouncer", None, target, beside="pgbouncer is not installed")
    theirs = found["pgbouncer"]
    ratio, pure = (found[name] / theirs if theirs and name in found else None for name in ("vedette", "pure"))
    return Figure(what, "pgbouncer", ratio, target, pure=pure)


def _statements(mode: str, target: float, *, tls: bool = False) -> Case:
    """CPU per statement, twice: in the data path, and with the index that follows the journal."""
    what = f"{mode} query, 32 clients" + (", TLS both sides" if tls else "")

    def case(bench: Bench, size: Size) -> list[Figure]:
        sides = _proxies(bench.tls if tls else bench.plain, "pure")
        if len(sides) < 2:
            why = "this server has no TLS" if not bench.tls and tls else "pgbouncer is not installed"
            return [Figure(f"CPU per {what}", "pgbouncer", None, target, beside=why)]
        own: dict[str, list[float]] = {side.name: [] for side in sides}
        whole: dict[str, list[float]] = {side.name: [] for side in sides}
        for _ in range(size.rounds):
            for side in sides:
                run = load.pgbench(bench.server.bin, side, size.seconds, mode=mode, clients=32)
                own[side.name].append(run.cpu_per_operation.own)
                whole[side.name].append(run.cpu_per_operation.own + run.cpu_per_operation.children)
        return [
            _against_pgbouncer(
                name, {side: statistics.median(values) for side, values in found.items()}, target
            )
            for name, found in ((f"CPU per {what}", own), (f"CPU per {what}, and to index it", whole))
        ]

    return case


def added_delay(bench: Bench, size: Size) -> list[Figure]:
    """p50 at one client: what the gateway adds to direct, against what pgbouncer adds."""
    what, target = "p50 added, 1 client", 1.6

    def run(side: Side) -> float:
        return load.percentile(
            load.pgbench(bench.server.bin, side, size.seconds, options=("--log",)).latencies, 0.5
        )

    sides = [bench.plain["direct"], *_proxies(bench.plain, "pure")]
    found = _in_turn(size, sides, run)
    if "pgbouncer" not in found:
        return [Figure(what, "pgbouncer", None, target, beside="pgbouncer is not installed")]
    added = {name: value - found["direct"] for name, value in found.items() if name != "direct"}
    beside = f"in all {found['vedette'] / found['direct']:.2f} x direct"
    return [replace(_against_pgbouncer(what, added, target), beside=beside)]


def rows_streamed(bench: Bench, size: Size) -> list[Figure]:
    """A large result that no mask concerns."""

    def run(side: Side) -> float:
        return load.stream(bench.server.bin, side, size.rows, 230)

    found = _in_turn(size, _proxies(bench.plain, "pure"), run)
    return [_against_pgbouncer(f"CPU for {size.rows:,} unmasked rows", found, 1.4)]


def new_sessions(bench: Bench, size: Size) -> list[Figure]:
    """A connection per statement, SCRAM-SHA-256 on both sides; pgbouncer keeps its server connections."""
    ways = [bench.plain[name] for name in ("direct", "pgbouncer", "scram") if name in bench.plain]

    def run(side: Side) -> float:
        return load.pgbench(bench.server.bin, side, size.seconds, clients=8, options=("--connect",)).rate

    found = _in_turn(size, ways, run)
    ratio = found["vedette"] / found["direct"]
    beside = f"pgbouncer {found['pgbouncer'] / found['direct']:.2f} x (pools)" if "pgbouncer" in found else ""
    return [Figure("new sessions per second, SCRAM", "direct", ratio, 0.85, at_least=True, beside=beside)]


def identity(bench: Bench, size: Size) -> list[Figure]:
    """What a token check costs on the login's path."""
    return logins.checks(500 * size.rounds)


def logins_per_second(bench: Bench, size: Size) -> list[Figure]:
    """
    Logins with a token as password, two cores for all of it, caller included.

    Whole ones, in which the server's own SCRAM login and fork are the limit; and what is the gateway's own part:
    the caller is proven, and asks for a resource that is not there.
    """

    def run(side: Side) -> float:
        return load.pgbench(bench.server.bin, side, size.seconds, clients=8, options=("--connect",)).rate

    found = _in_turn(size, [bench.plain["direct"], bench.plain["vedette"]], run)
    beside = f"direct {found['direct']:.0f}; client, gateway and server share the cores"
    target = bench.plain["direct"].name
    whole = Figure(
        "whole logins per second, token",
        target,
        found["vedette"] / found["direct"],
        0.85,
        at_least=True,
        beside=beside,
    )
    rates = [load.proofs(bench.plain["vedette"], size.seconds) for _ in range(size.rounds)]
    own = Figure("proven logins per second, token", "-", statistics.median(rates), 500.0, "/s", at_least=True)
    return [whole, own]


@contextlib.contextmanager
def _idle(side: Side, number: int) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            connection = psycopg.connect(
                host=side.host,
                port=side.port,
                user=side.user,
                password=side.password,
                dbname=side.database,
                sslmode=side.sslmode,
                autocommit=True,
            )
            stack.callback(connection.close)
            connection.execute("SELECT 1")
        yield


def idle_sessions(bench: Bench, size: Size) -> list[Figure]:
    """Resident memory of the whole gateway while sessions sit there, each after one statement."""
    held: dict[str, float] = {}
    for side in _proxies(bench.plain):
        assert side.pid is not None
        with _idle(side, size.idle):
            held[side.name] = accounting.resident_bytes(side.pid) / MEGABYTE
    beside = f"pgbouncer {held['pgbouncer']:.1f} MB" if "pgbouncer" in held else ""
    return [
        Figure(f"memory with {size.idle:,} idle sessions", "-", held["vedette"], 250.0, "MB", beside=beside)
    ]


def slow_reader(bench: Bench, size: Size) -> list[Figure]:
    """How much memory grows while a large result waits for a reader that stopped, then streams on."""
    grown: dict[str, float] = {}
    width = 1000
    for side in _proxies(bench.plain):
        assert side.pid is not None
        before = accounting.resident_bytes(side.pid)
        with (
            accounting.Peak(side.pid) as peak,
            load.reading(side, size.large_megabytes * MEGABYTE // width, width, size.pause) as reader,
        ):
            _, said = reader.communicate()
        if reader.returncode:
            raise ChildFailed(said)
        grown[side.name] = (peak.most - before) / MEGABYTE
    what = f"memory grown, {size.large_megabytes:,} MB to a slow reader"
    beside = f"pgbouncer {grown['pgbouncer']:.1f} MB" if "pgbouncer" in grown else ""
    return [Figure(what, "-", grown["vedette"], 32.0, "MB", beside=beside)]


def neighbours(bench: Bench, size: Size) -> list[Figure]:
    """What another session's large result, or long statements, add to a small query's delay."""
    kinds: dict[str, Busy] = {
        "a large result": lambda side: load.reading(side, 10_000_000, 230),
        "long parses": lambda side: load.parsing(side, size.seconds * 3, 1000),
    }
    figures = []
    for what, busy in kinds.items():
        added: dict[str, float] = {}
        for side in [bench.plain["direct"], *_proxies(bench.plain)]:
            added[side.name] = statistics.median(_beside(bench, size, side, busy) for _ in range(size.rounds))
        others = ", ".join(f"{name} {value:.1f} ms" for name, value in added.items() if name != "vedette")
        ours = added["vedette"] - added["direct"]
        figures.append(
            Figure(f"p99 added to a small query by {what}", "direct", ours, 5.0, "ms", beside=others)
        )
    return figures


def search_actions(bench: Bench, size: Size) -> list[Figure]:
    """Lists and search of the API over as many recorded actions as *size* has rows."""
    return search.searches(size.rows)


def over_ssh(bench: Bench, size: Size) -> list[Figure]:
    """Logins, copies, keystrokes and idle sessions over SSH, beside sshd alone and OpenSSH's ProxyJump."""
    return ssh.measured(size.rounds, min(size.large_megabytes, 250))


def _beside(bench: Bench, size: Size, side: Side, busy: Busy) -> float:
    """Milliseconds: p99 of one client's statements while the other session is busy on the same side."""
    other = busy(side)
    try:
        assert other.stdout is not None
        if not other.stdout.readline():
            raise ChildFailed(other.communicate()[1])
        run = load.pgbench(bench.server.bin, side, size.seconds, options=("--log",))
    finally:
        other.kill()
        other.communicate()
    return load.percentile(run.latencies, 0.99) / 1000


def over_http(_bench: Bench, size: Size) -> list[Figure]:
    """Requests to a cluster, beside haproxy. Raises OSError where a program for it is missing."""
    return clusters.measure(size.seconds, size.rounds)


CASES: dict[str, Case] = {
    "simple": _statements("simple", 2.0),
    "extended": _statements("extended", 1.6),
    "prepared": _statements("prepared", 1.6),
    "tls": _statements("prepared", 1.6, tls=True),
    "delay": added_delay,
    "rows": rows_streamed,
    "sessions": new_sessions,
    "identity": identity,
    "logins": logins_per_second,
    "idle": idle_sessions,
    "slow": slow_reader,
    "neighbours": neighbours,
    "search": search_actions,
    "ssh": over_ssh,
    "clusters": over_http,
}
