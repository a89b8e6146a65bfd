"""Requests to a cluster: the gateway beside haproxy, TLS on both sides, from the operating system's accounting.

The cluster is an nginx that serves two files, so that it is never what is measured.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.bench.accounting import settled
from tests.bench.figures import Figure
from tests.testbed import processes
from tests.testbed.certificates import Authority
from tests.testbed.gateway import serving
from tests.testbed.processes import LOOPBACK

GET = "/api/v1/namespaces/default/pods/web"
LIST = "/api/v1/pods"
CONNECTIONS = 32
PROXY = """\
global
    nbthread 1
    maxconn 2000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option http-keep-alive
frontend in
    bind {bind} ssl crt {pem} alpn http/1.1
    {rest}
"""

CLUSTER = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    sendfile off;
    output_buffers 2 512k;
    client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2; fastcgi_temp_path {folder}/n3;
    uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
    server {{
        listen {bind} ssl;
        ssl_certificate {pem};
        ssl_certificate_key {pem};
        default_type application/json;
        location = {get} {{ alias {folder}/pod.json; }}
        location = {all} {{ alias {folder}/list.json; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Side:
    """*url* leads to the cluster by way of the process *pid*."""

    name: str
    url: str
    pid: int


def pod(name: str, padding: int = 0) -> dict[str, object]:
    """About as large as a real one is."""
    containers = [
        {
            "name": "main",
            "image": "registry.example/web:1",
            "env": [{"name": f"V{n}", "value": "x" * 40} for n in range(8)],
        }
    ]
    notes = {f"example.com/note-{n}": "y" * 60 for n in range(8 + padding)}
    return {
        "kind": "Pod", "apiVersion": "v1", "metadata": {"name": name, "namespace": "default", "annotations": notes},
        "spec": {"containers": containers, "nodeName": "node-1"}, "status": {"phase": "Running", "podIP": "10.0.0.9"},
    }  # fmt: skip


@contextmanager
def sides(rules: int = 20) -> Iterator[tuple[Side, Side, Side, str]]:
    """Direct, haproxy and the gateway, and a token for it."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        authority = Authority.create(folder / "tls")
        pem = folder / "server.pem"
        pem.write_bytes(authority.server.certificate.read_bytes() + authority.server.key.read_bytes())
        (folder / "pod.json").write_text(json.dumps(pod("web")))
        listed = {
            "kind": "PodList",
            "apiVersion": "v1",
            "metadata": {},
            "items": [pod(f"p{n}") for n in range(3000)],
        }
        (folder / "list.json").write_text(json.dumps(listed))
        upstream = stack.enter_context(_nginx(folder, pem))
        back = (
            f"default_backend out\nbackend out\n    http-reuse safe\n"
            f"    server one {LOOPBACK}:{upstream[0]} ssl verify required ca-file {authority.root.certificate}"
        )
        middle = stack.enter_context(_haproxy(folder, "middle", pem, back))
        file = _settings(folder, authority, upstream[0], rules)
        gateway = stack.enter_context(serving(file))
        port = yaml.safe_load(file.read_text())["gateway"]["listen"]["kubernetes"].rpartition(":")[2]
        yield (
            Side("direct", f"https://{LOOPBACK}:{upstream[0]}", upstream[1]),
            Side("haproxy", f"https://{LOOPBACK}:{middle[0]}", middle[1]),
            Side("gateway", f"https://{LOOPBACK}:{port}/clusters/prod", gateway.child.pid),
            gateway.token(ttl="2h"),
        )  # fmt: skip


@contextmanager
def _nginx(folder: Path, pem: Path) -> Iterator[tuple[int, int]]:
    port = processes.free_port()
    file = folder / "nginx.conf"
    file.write_text(CLUSTER.format(folder=folder, bind=f"{LOOPBACK}:{port}", pem=pem, get=GET, all=LIST))
    log = folder / "nginx.log"
    with processes.running(["/usr/sbin/nginx", "-p", str(folder), "-c", str(file)], log, env={}) as child:
        processes.wait_until(lambda: processes.listening(port), child, log, "nginx")
        yield port, child.pid
        processes.end(child, signal.SIGTERM, signal.SIGTERM)


@contextmanager
def _haproxy(folder: Path, name: str, pem: Path, rest: str) -> Iterator[tuple[int, int]]:
    """Its port and process."""
    port = processes.free_port()
    file = folder / f"{name}.cfg"
    file.write_text(PROXY.format(bind=f"{LOOPBACK}:{port}", pem=pem, rest=rest) + "\n")
    log = folder / f"{name}.log"
    with processes.running(["/usr/sbin/haproxy", "-db", "-f", str(file)], log, env={}) as child:
        processes.wait_until(lambda: processes.listening(port), child, log, name)
        yield port, child.pid
        processes.end(child, signal.SIGTERM, signal.SIGTERM)


def _settings(folder: Path, authority: Authority, upstream: int, rules: int) -> Path:
    secret = folder / "token"
    secret.touch(0o600)
    secret.write_text("upstream")
    names = ("postgres", "web", "kubernetes")
    denied = [
        {"deny": {"effects": ["read"], "objects": [f"kubernetes:*/secrets/s{n}"]}} for n in range(rules - 1)
    ]
    document = {
        "gateway": {
            "listen": {each: f"{LOOPBACK}:{processes.free_port()}" for each in names}, "data": str(folder / "data"),
        },
        "resources": {
            "prod": {
                "protocol": "kubernetes", "login": {"token": {"file": str(secret)}},
                "upstream": {"host": LOOPBACK, "port": upstream, "ca": str(authority.root.certificate)},
            }
        },
        "policies": [{"name": "agents", "rules": [{"allow": {"effects": ["read"]}}, *denied]}],
    }  # fmt: skip
    file = folder / "vedette.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file


@dataclass(frozen=True, slots=True)
class Run:
    """Requests a second, microseconds of CPU each (of the process alone, and of its children), and the median time."""

    rate: float
    cpu: float
    children: float
    median: float


def load(side: Side, path: str, token: str, seconds: int, connections: int) -> Run:
    """wrk against *side*."""
    before = settled(side.pid)
    words = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--latency",
        "-H",
        f"Authorization: Bearer {token}",
    ]
    done = subprocess.run(
        [*words, side.url + path], capture_output=True, text=True, check=True, timeout=seconds + 60
    )
    count = int(re.search(r"(\d+) requests in", done.stdout)[1])  # type: ignore[index]
    if "Non-2xx" in done.stdout or not count:
        raise processes.ChildFailed(f"{side.name}: {done.stdout}{done.stderr}")
    time.sleep(0.2)
    used = settled(side.pid) - before
    middle = re.search(r"50%\s+([\d.]+)(us|ms|s)", done.stdout)
    scale = {"us": 1, "ms": 1000, "s": 1_000_000}
    median = float(middle[1]) * scale[middle[2]] if middle else 0.0
    return Run(count / seconds, used.own / count * 1e6, used.children / count * 1e6, median)


def measure(seconds: float, rounds: int) -> list[Figure]:
    """Raises ChildFailed and OSError."""
    found = []
    for_each = max(1, round(seconds))
    with sides() as (direct, middle, gateway, token):

        def pair(path: str, connections: int) -> tuple[Run, Run]:
            runs = [
                (load(middle, path, token, for_each, connections), load(gateway, path, token, for_each, connections))
                for _ in range(rounds)
            ]  # fmt: skip
            return _median(runs)

        for side in (direct, middle, gateway):
            load(side, GET, token, 1, CONNECTIONS)
        for what, path, connections, target in (
            ("CPU of a small GET", GET, CONNECTIONS, 2.0),
            ("CPU of a list of 5 MB", LIST, 4, 1.5),
        ):
            one, other = pair(path, connections)
            beside = (
                f"haproxy {one.cpu:.0f} µs, gateway {other.cpu:.0f} µs, its index {other.children:.0f} µs"
            )
            found.append(Figure(what, "haproxy", other.cpu / one.cpu, target, beside=beside))
        near, far = load(direct, GET, token, for_each, 1), load(gateway, GET, token, for_each, 1)
        beside = f"direct {near.median:.0f} µs, gateway {far.median:.0f} µs"
        added = (far.median - near.median) / 1000
        found.append(
            Figure("time added to a small GET, one client", "direct", added, 1.0, "ms", beside=beside)
        )
    return found


def _median(pairs: Sequence[tuple[Run, Run]]) -> tuple[Run, Run]:
    """The pair whose ratio is in the middle."""
    return sorted(pairs, key=lambda pair: pair[1].cpu / max(pair[0].cpu, 1e-9))[len(pairs) // 2]
