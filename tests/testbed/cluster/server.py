"""The fake API server itself: HTTP/1.1 by h11 over TLS, so that it reads what we write with another's eyes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import h11
import yaml

from tests.testbed.certificates import Authority
from tests.testbed.cluster import discovery, tables
from tests.testbed.cluster.objects import Object, Objects, Trouble, fits, merged

TOKEN = "upstream-token-that-callers-never-see"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived."""

    method: str
    target: str
    fields: dict[str, str]
    every: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def query(self) -> dict[str, str]:
        return dict(self.pairs)


@dataclass(frozen=True, slots=True)
class Place:
    """What a path leads to."""

    kind: discovery.Kind
    namespace: str
    name: str
    inner: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.kind.group, self.kind.resource, self.namespace, self.name


@dataclass(slots=True)
class Cluster:
    """*heard* is every request that arrived. *hook* may answer before the fake does."""

    authority: Authority
    port: int = 0
    objects: Objects = field(default_factory=Objects)
    heard: list[Asked] = field(default_factory=list)
    logs: dict[str, list[bytes]] = field(default_factory=dict)
    hook: Callable[[Asked, Any], Any] | None = None
    takes_over: Callable[[Cluster, Asked, Place, Any], Any] | None = None
    open: int = 0
    more: asyncio.Event = field(default_factory=asyncio.Event)

    def add(
        self, resource: str, name: str, namespace: str = "default", group: str = "", **value: Any
    ) -> Object:
        """Put an object there, as if it had always been."""
        kind = discovery.find(group, resource)
        assert kind is not None
        whole = {"apiVersion": "/".join(filter(None, (group, kind.version))), "kind": kind.kind, **value}
        return self.objects.put((group, resource, namespace if kind.namespaced else "", name), whole)

    def log(self, pod: str, line: str) -> None:
        """One more line in the log of *pod*; who follows it hears of it."""
        self.logs.setdefault(pod, []).append(line.encode() + b"\n")
        self.more.set()
        self.more = asyncio.Event()

    def section(self, folder: Path) -> dict[str, Any]:
        """As a resource of the gateway's."""
        secret = folder / "cluster.token"
        secret.touch(0o600)
        secret.write_text(TOKEN)
        upstream = {"host": LOOPBACK, "port": self.port, "ca": str(self.authority.root.certificate)}
        return {"protocol": "kubernetes", "upstream": upstream, "login": {"token": {"file": str(secret)}}}


@dataclass(slots=True)
class Connection:
    """One client of the fake's."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    http: h11.Connection = field(default_factory=lambda: h11.Connection(h11.SERVER))

    async def request(self) -> Asked | None:
        head: h11.Request | None = None
        body = b""
        while True:
            event = self.http.next_event()
            if event is h11.NEED_DATA:
                data = await self.reader.read(1 << 16)
                if not data and self.http.their_state is h11.IDLE:
                    return None
                self.http.receive_data(data)
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage | type(h11.PAUSED)) and head is not None:
                every = tuple((n.decode().lower(), v.decode()) for n, v in head.headers)
                return Asked(head.method.decode(), head.target.decode(), dict(every), every, body)
            else:
                return None

    async def send(self, *events: Any) -> None:
        for event in events:
            data = self.http.send(event)
            if data:
                self.writer.write(data)
        await self.writer.drain()

    async def begin(self, code: int, kind: str, *more: tuple[str, str]) -> None:
        """A head; what follows goes in chunks."""
        fields = [("Content-Type", kind), ("Audit-Id", "a-b-c"), ("Set-Cookie", "no=1"), *more]
        await self.send(h11.Response(status_code=code, headers=fields, reason="OK"))

    async def data(self, data: bytes) -> None:
        await self.send(h11.Data(data=data))

    async def whole(self, code: int, kind: str, data: bytes, head_only: bool = False) -> None:
        fields = [("Content-Type", kind), ("Content-Length", str(len(data))), ("Audit-Id", "a-b-c")]
        events: list[Any] = [h11.Response(status_code=code, headers=fields, reason="OK")]
        if not head_only:
            events.append(h11.Data(data=data))
        await self.send(*events, h11.EndOfMessage())

    async def json(
        self, value: Any, code: int = 200, kind: str = "application/json", head_only: bool = False
    ) -> None:
        await self.whole(code, kind, json.dumps(value).encode(), head_only)


@contextlib.asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    """A running fake on a free port of loopback, with a few things in it."""
    authority = Authority.create(folder / "cluster")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server.certificate, authority.server.key)
    context.load_verify_locations(authority.root.certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    found = Cluster(authority)
    _furnish(found)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        found.open += 1
        try:
            await _serve(found, Connection(reader, writer))
        except (ConnectionError, h11.ProtocolError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            found.open -= 1
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(serve, LOOPBACK, 0, ssl=context)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _furnish(cluster: Cluster) -> None:
    for name in ("default", "kube-system", "shop"):
        cluster.add("namespaces", name, status={"phase": "Active"})
    cluster.add("nodes", "node-1", status={"phase": "Ready"})
    spec = {"containers": [{"name": "main", "image": "registry.example/web:1"}], "nodeName": "node-1"}
    status = {
        "phase": "Running", "podIP": "10.0.0.9",
        "containerStatuses": [
            {"name": "main", "ready": True, "restartCount": 0, "image": "x", "imageID": "x",
             "state": {"running": {"startedAt": "2026-11-22T10:00:00Z"}}}
        ],
    }  # fmt: skip
    cluster.add("pods", "web", spec=spec, status=status)
    cluster.add("secrets", "login", type="Opaque", data={"password": "aHVudGVyMg=="})
    cluster.add("configmaps", "settings", data={"color": "blue", "contact": "ada@example.com"})
    for number in range(3):
        cluster.log("web", f"line {number}")


async def _serve(cluster: Cluster, connection: Connection) -> None:
    while True:
        asked = await connection.request()
        if asked is None:
            return
        cluster.heard.append(asked)
        if cluster.hook is not None and await cluster.hook(asked, connection):
            return
        try:
            if not await _answer(cluster, asked, connection):
                return
        except Trouble as trouble:
            await connection.json(_status(trouble), trouble.code)
        if connection.http.our_state is h11.MUST_CLOSE:
            return
        connection.http.start_next_cycle()


def _status(trouble: Trouble) -> Object:
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": trouble.message, "reason": trouble.reason, "code": trouble.code,
    }  # fmt: skip


async def _answer(cluster: Cluster, asked: Asked, connection: Connection) -> bool:
    """Answer one request; whether another may follow."""
    if asked.fields.get("authorization") != f"Bearer {TOKEN}" and not _certified(connection):
        raise Trouble(401, "Unauthorized", "Unauthorized")
    head_only = asked.method == "HEAD"
    about = asked.path.rstrip("/")  # some clients ask for /version/, and the real one answers
    if about == "/version":
        await connection.json(discovery.VERSION, head_only=head_only)
        return True
    found = discovery.document(about, asked.fields.get("accept", ""))
    if found is not None:
        await connection.json(found[1], kind=found[0], head_only=head_only)
        return True
    if asked.path.startswith("/openapi/v3") and (described := discovery.openapi(asked.path)) is not None:
        await connection.json(described)
        return True
    place = _place(asked.path)
    if place is None:
        raise Trouble(404, "NotFound", "the server could not find the requested resource")
    if place.inner in ("exec", "attach", "portforward"):
        assert cluster.takes_over is not None, "streams are not set up"
        return bool(await cluster.takes_over(cluster, asked, place, connection))
    if place.inner == "log":
        await _log(cluster, asked, place, connection)
        return True
    if asked.query.get("watch") in ("1", "true"):
        await _watch(cluster, asked, place, connection)
        return True
    await _store(cluster, asked, place, connection, head_only)
    return True


def _certified(connection: Connection) -> bool:
    return connection.writer.get_extra_info("peercert") is not None and bool(
        connection.writer.get_extra_info("peercert")
    )


def _place(path: str) -> Place | None:
    steps = path.strip("/").split("/")
    if steps[0] == "api" and len(steps) > 2:
        group, steps = "", steps[2:]
    elif steps[0] == "apis" and len(steps) > 3:
        group, steps = steps[1], steps[3:]
    else:
        return None
    namespace = ""
    if steps[0] == "namespaces" and len(steps) > 2:
        namespace, steps = steps[1], steps[2:]
    kind = discovery.find(group, steps[0])
    if kind is None:
        return None
    rest = [*steps[1:], "", ""]
    return Place(kind, namespace, rest[0], rest[1])


async def _store(
    cluster: Cluster, asked: Asked, place: Place, connection: Connection, head_only: bool
) -> None:
    objects, kind = cluster.objects, place.kind
    dry = "dryRun" in asked.query
    if asked.method in ("GET", "HEAD") and not place.name:
        values = [
            value
            for _, value in objects.among(kind.group, kind.resource, place.namespace)
            if fits(value, asked.query.get("labelSelector", ""), asked.query.get("fieldSelector", ""))
        ]
        await _show(cluster, asked, connection, values, kind, listed=True, head_only=head_only)
    elif asked.method in ("GET", "HEAD"):
        await _show(cluster, asked, connection, [objects.get(place.key)], kind, head_only=head_only)
    elif asked.method == "POST" and place.inner == "eviction":
        objects.drop(place.key)
        await connection.json(
            {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}, 201
        )
    elif asked.method == "POST":
        value = _read(asked)
        key = (kind.group, kind.resource, place.namespace, value["metadata"]["name"])
        if key in objects.held:
            raise Trouble(409, "AlreadyExists", f'{kind.resource} "{key[3]}" already exists')
        await connection.json(objects.put(key, value, dry=dry), 201)
    elif asked.method == "PUT":
        await connection.json(objects.put(place.key, _read(asked), dry=dry))
    elif asked.method == "PATCH":
        await _patch(cluster, asked, place, connection, dry)
    elif asked.method == "DELETE" and place.name:
        await connection.json(objects.get(place.key) if dry else objects.drop(place.key))
    elif asked.method == "DELETE":
        for key, _ in list(objects.among(kind.group, kind.resource, place.namespace)):
            objects.drop(key)
        await connection.json({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
    else:
        raise Trouble(
            405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
        )


def _read(asked: Asked) -> Object:
    found = yaml.safe_load(asked.body)  # JSON is YAML
    assert isinstance(found, dict)
    return found


async def _patch(cluster: Cluster, asked: Asked, place: Place, connection: Connection, dry: bool) -> None:
    kind = asked.fields.get("content-type", "").partition(";")[0]
    server_side = kind == "application/apply-patch+yaml"
    patch = _read(asked)
    if server_side and place.key not in cluster.objects.held:
        return await connection.json(cluster.objects.put(place.key, patch, dry=dry), 201)
    value = merged(cluster.objects.get(place.key), patch, by_name=kind != "application/merge-patch+json")
    if place.inner == "ephemeralcontainers":
        running = {"running": {"startedAt": "2026-11-22T10:00:00Z"}}
        value.setdefault("status", {})["ephemeralContainerStatuses"] = [
            {
                "name": each["name"],
                "state": running,
                "ready": True,
                "restartCount": 0,
                "image": "x",
                "imageID": "x",
            }
            for each in value["spec"].get("ephemeralContainers", [])
        ]
    await connection.json(cluster.objects.put(place.key, value, dry=dry))


async def _show(
    cluster: Cluster, asked: Asked, connection: Connection, values: list[Object], kind: discovery.Kind,
    *, listed: bool = False, head_only: bool = False,
) -> None:  # fmt: skip
    version = str(cluster.objects.version)
    accept = asked.fields.get("accept", "")
    if tables.AS_TABLE in accept:
        shown = tables.table(values, version, asked.query.get("includeObject", "Metadata"))
        await connection.json(shown, kind="application/json", head_only=head_only)
    elif listed:
        whole = {
            "kind": f"{kind.kind}List", "apiVersion": "/".join(filter(None, (kind.group, kind.version))),
            "metadata": {"resourceVersion": version}, "items": values,
        }  # fmt: skip
        await connection.json(whole, head_only=head_only)
    else:
        await connection.json(values[0], head_only=head_only)


async def _watch(cluster: Cluster, asked: Asked, place: Place, connection: Connection) -> None:
    queue: asyncio.Queue[Any] = asyncio.Queue()
    kind, query = place.kind, asked.query
    as_table = tables.AS_TABLE in asked.fields.get("accept", "")

    async def send(what: str, value: Object) -> None:
        shown = tables.table([value], value["metadata"]["resourceVersion"]) if as_table else value
        await connection.data(json.dumps({"type": what, "object": shown}).encode() + b"\n")

    try:
        await connection.begin(200, "application/json")
        if query.get("resourceVersion", "0") in ("", "0"):
            for _, value in objects_of(cluster, place):
                if fits(value, query.get("labelSelector", ""), query.get("fieldSelector", "")):
                    await send("ADDED", value)
        else:
            for version, what, key, value in cluster.objects.past:
                if version > int(query["resourceVersion"]):
                    queue.put_nowait((what, key, value))
        cluster.objects.watchers.append(queue)
        ended = asyncio.create_task(connection.reader.read(1))
        while True:
            change = asyncio.create_task(queue.get())
            done, _ = await asyncio.wait((change, ended), return_when=asyncio.FIRST_COMPLETED)
            if ended in done:
                change.cancel()
                raise ConnectionError
            what, key, value = change.result()
            right = key[:2] == (kind.group, kind.resource) and place.namespace in ("", key[2])
            if right and fits(value, query.get("labelSelector", ""), query.get("fieldSelector", "")):
                await send(what, value)
    finally:
        if queue in cluster.objects.watchers:
            cluster.objects.watchers.remove(queue)


def objects_of(cluster: Cluster, place: Place) -> Any:
    return cluster.objects.among(place.kind.group, place.kind.resource, place.namespace)


async def _log(cluster: Cluster, asked: Asked, place: Place, connection: Connection) -> None:
    cluster.objects.get(place.key)
    lines = cluster.logs.setdefault(place.name, [])
    told = 0
    await connection.begin(200, "text/plain")
    ended = asyncio.create_task(connection.reader.read(1)) if asked.query.get("follow") == "true" else None
    while True:
        more = cluster.more
        for line in lines[told:]:
            await connection.data(line)
        told = len(lines)
        if ended is None:
            return await connection.send(h11.EndOfMessage())
        waiting = asyncio.create_task(more.wait())
        done, _ = await asyncio.wait((waiting, ended), return_when=asyncio.FIRST_COMPLETED)
        if ended in done:
            waiting.cancel()
            raise ConnectionError
