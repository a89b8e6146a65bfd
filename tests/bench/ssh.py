"""Three ways to the same sshd in one run: direct, by OpenSSH's ProxyJump through another sshd, through the gateway."""

from __future__ import annotations

import contextlib
import json
import os
import random
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import accounting
from tests.bench.figures import Figure
from tests.testbed import gateway, processes, sshd
from tests.testbed.processes import LOOPBACK, ChildFailed
from tests.testbed.ssh import EVERYTHING, Host
from vedette.client.ssh import CIPHERS

DIRECT, JUMP, VEDETTE, MASKED = "direct", "jump", "vedette", "masked"
MEGA = 1e6
#: Keystrokes to wait for, and sessions that do nothing.
STROKES, IDLE = 300, 20

# What people write: most of it is about other things than what the bench does.
RULES: list[dict[str, Any]] = [
    *EVERYTHING["rules"],
    {"deny": {"pack": "destructive-shell"}},
    {"deny": {"pack": "credential-theft"}},
    {"deny": {"pack": "persistence"}},
    {"deny": {"pack": "exfiltration"}},
    *({"deny": {"effects": ["write"], "objects": [f"file:/srv/part_{n}/*"]}} for n in range(6)),
    {"shell": "record"},
]
POLICIES: list[dict[str, Any]] = [
    {"name": "bench", "who": {}, "where": {}, "rules": RULES},
    {
        "name": "masks", "who": {}, "where": {"resources": [MASKED]},
        "rules": [{"mask": {"entities": ["email", "credit_card"], "as": "partial"}}],
    },
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ways:
    """*config* is an ssh_config in which each way is a host; *pid* the gateway's process; *file* is to be fetched."""

    config: Path
    pid: int
    file: Path

    def words(self, way: str, *words: str, program: str = "ssh", options: tuple[str, ...] = ()) -> list[str]:
        return [program, "-F", str(self.config), *options, way, *words]


@contextlib.contextmanager
def opened(megabytes: int) -> Iterator[Ways]:
    """All three, ended on the way out. Raises ChildFailed where something needed is missing."""
    if sshd.program() is None:
        raise ChildFailed("no sshd here: Debian's openssh-server is not installed")
    folder = processes.folder() / "ssh"
    folder.mkdir()
    file = folder / "file"
    _write(file, megabytes)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(sshd.serving(folder / "inner"))
        front = stack.enter_context(sshd.serving(folder / "front"))
        port = processes.free_port()
        listen = {name: f"{LOOPBACK}:{processes.free_port()}" for name in ("postgres", "web")}
        settings = {"listen": listen | {"ssh": f"{LOOPBACK}:{port}"}, "limits": {"per_principal": 500}}
        hosts: list[Any] = [Host(server, name=VEDETTE), Host(server, name=MASKED)]
        running = stack.enter_context(
            gateway.serving(gateway.write(folder, hosts, POLICIES, gateway=settings))
        )
        key = sshd.keygen(folder / "caller")
        _certify(running, key)
        yield Ways(_config(folder, server, front, port, key), running.child.pid, file)


def _write(file: Path, megabytes: int) -> None:
    """Lines of a log that says little: text, so that masks look at all of it."""
    chance = random.Random(7)
    lines = [
        f"2026-11-22T10:{n % 60:02}:{n % 59:02}Z app[{n}]: request {chance.getrandbits(40):x} took {n % 97} ms\n"
        for n in range(10_000)
    ]
    block = "".join(lines).encode()
    with file.open("wb") as made:
        for _ in range(round(megabytes * MEGA / len(block)) or 1):
            made.write(block)


def _certify(running: gateway.Gateway, key: Path) -> None:
    wish = {"public_key": key.with_suffix(".pub").read_text().strip(), "ttl": 3600}
    asked = urllib.request.Request(
        f"http://{LOOPBACK}:{running.web}/api/v1/ssh/certificate", json.dumps(wish).encode(),
        {"Authorization": f"Bearer {running.token(ttl='2h')}", "Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(asked, timeout=30) as answer:
        made = json.load(answer)
    key.with_name(key.name + "-cert.pub").write_text(made["certificate"] + "\n")


def _config(folder: Path, server: sshd.Sshd, front: sshd.Sshd, port: int, key: Path) -> Path:
    config = folder / "config"
    at = {
        DIRECT: (server.port, server.user, server.key, ""),
        "front": (front.port, front.user, front.key, ""),
        JUMP: (server.port, server.user, server.key, "    ProxyJump front\n"),
        # As `vedette ssh-config` would have it.
        VEDETTE: (port, VEDETTE, key, f"    Ciphers {CIPHERS}\n"),
        MASKED: (port, MASKED, key, f"    Ciphers {CIPHERS}\n"),
    }
    text = ""
    for name, (where, user, identity, more) in at.items():
        text += f"Host {name}\n    HostName {LOOPBACK}\n    Port {where}\n    User {user}\n"
        text += f"    IdentityFile {identity}\n{more}"
    text += f"Host *\n    UserKnownHostsFile {folder / 'known'}\n    StrictHostKeyChecking accept-new\n"
    text += (
        "    GlobalKnownHostsFile none\n    IdentitiesOnly yes\n    IdentityAgent none\n    BatchMode yes\n"
    )
    text += "    LogLevel ERROR\n"
    config.write_text(text)
    return config


# --- what is measured ------------------------------------------------------------------------------


def login(ways: Ways, way: str) -> float:
    """Seconds for a whole login and `true`."""
    began = time.perf_counter()
    _run(ways.words(way, "true"))
    return time.perf_counter() - began


def cat(ways: Ways, way: str) -> float:
    """Megabytes a second of a file's text, from the first byte to the last."""
    with subprocess.Popen(ways.words(way, f"cat {ways.file}"), stdout=-1, stdin=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        size = len(os.read(child.stdout.fileno(), 1 << 20))
        began = time.perf_counter()
        first = size
        while data := os.read(child.stdout.fileno(), 1 << 20):
            size += len(data)
        took = time.perf_counter() - began
    if size != ways.file.stat().st_size:
        raise ChildFailed(f"{way}: {size} bytes of {ways.file.stat().st_size}")
    return (size - first) / took / MEGA


def get(ways: Ways, way: str) -> float:
    """Megabytes a second of `sftp get`, the login taken off."""
    idle = statistics.median(_sftp(ways, way, "pwd") for _ in range(2))
    took = _sftp(ways, way, f"get {ways.file} /dev/null")
    return ways.file.stat().st_size / max(took - idle, 0.01) / MEGA


def _sftp(ways: Ways, way: str, line: str) -> float:
    began = time.perf_counter()
    _run(ways.words(way, program="sftp", options=("-q", "-b", "-")), f"{line}\n".encode())
    return time.perf_counter() - began


def echo(ways: Ways, way: str) -> tuple[float, float]:
    """Milliseconds from a keystroke to its echo by the host's terminal: p50 and p99."""
    words = ways.words(way, "cat", options=("-tt", "-e", "none"))
    with subprocess.Popen(words, stdin=-1, stdout=-1) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        out = child.stdout.fileno()
        took = []
        try:
            for number in range(STROKES + 20):
                letter = bytes([97 + number % 26])
                began = time.perf_counter()
                os.write(child.stdin.fileno(), letter)
                while letter not in os.read(out, 4096):
                    pass
                took.append((time.perf_counter() - began) * 1000)
        finally:
            child.kill()
    took = sorted(took[20:])
    return took[len(took) // 2], took[int(len(took) * 0.99)]


def idle(ways: Ways) -> float:
    """Megabytes that the gateway holds more for each shell that is open, recorded, and does nothing."""
    before = accounting.resident_bytes(ways.pid)
    children = []
    try:
        for _ in range(IDLE):
            child = subprocess.Popen(
                ways.words(VEDETTE, options=("-tt", "-e", "none")), stdin=-1, stdout=-1, stderr=-1
            )
            children.append(child)
            assert child.stdout is not None
            if not os.read(child.stdout.fileno(), 4096):
                raise ChildFailed("a shell did not open")
        time.sleep(1)
        return (accounting.resident_bytes(ways.pid) - before) / len(children) / MEGA
    finally:
        for child in children:
            child.kill()
            child.communicate()


def _run(words: list[str], stdin: bytes = b"") -> None:
    done = subprocess.run(words, input=stdin, capture_output=True, check=False, timeout=300)
    if done.returncode:
        raise ChildFailed(f"{words[0]} ended with {done.returncode}: {done.stderr.decode()[-300:]}")


def _in_turn(rounds: int, ways: list[str], run: Callable[[str], float]) -> dict[str, float]:
    """The median of each way, which take turns so that a noisy moment hits them all."""
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            found[way].append(run(way))
    return {way: statistics.median(values) for way, values in found.items()}


def measured(rounds: int, megabytes: int) -> list[Figure]:
    """All the figures of SSH; *megabytes* are copied each time."""
    three = [DIRECT, JUMP, VEDETTE]
    with opened(megabytes) as ways:
        for way in (*three, MASKED):
            login(ways, way)  # host keys are met, and modules loaded
        logins = _in_turn(rounds * 3, three, lambda way: login(ways, way))
        found = [_beside("login and `true`", logins, JUMP, 0.6, "ms", 1000)]
        for what, run in (("bulk `cat`", cat), ("`sftp get`", get)):
            rates = _in_turn(rounds, three, lambda way, run=run: run(ways, way))  # type: ignore[misc]
            for other, target in ((JUMP, 0.8), (DIRECT, 0.5)):
                found.append(_beside(what, rates, other, target, "MB/s", 1, at_least=True))
            if run is cat:  # files that are masked are small ones
                masked = rates | {VEDETTE: cat(ways, MASKED)}
                found.append(_beside(f"{what}, masked", masked, JUMP, 0.8, "MB/s", 1, at_least=True))
        found += _echoes(ways, rounds, three)
        held = idle(ways)
        found.append(Figure("memory of an idle recorded shell", "-", held, 2.0, "MB"))
    return found


def _beside(
    what: str, values: dict[str, float], other: str, target: float, unit: str, times: float, *,
    at_least: bool = False,
) -> Figure:  # fmt: skip
    others = ", ".join(f"{name} {value * times:.0f} {unit}" for name, value in values.items())
    ratio = values[VEDETTE] / values[other]
    return Figure(f"ssh: {what}", other, ratio, target, at_least=at_least, beside=others)


def _echoes(ways: Ways, rounds: int, three: list[str]) -> list[Figure]:
    runs: dict[str, list[tuple[float, float]]] = {way: [] for way in three}
    for _ in range(rounds):
        for way in three:
            runs[way].append(echo(ways, way))
    found = []
    for place, (name, target) in enumerate((("p50", 1.0), ("p99", 3.0))):
        values = {way: statistics.median(run[place] for run in runs[way]) for way in three}
        others = ", ".join(f"{way} {value:.2f} ms" for way, value in values.items())
        added = values[VEDETTE] - values[DIRECT]
        found.append(
            Figure(f"ssh: added to a keystroke's echo, {name}", DIRECT, added, target, "ms", beside=others)
        )
    return found
