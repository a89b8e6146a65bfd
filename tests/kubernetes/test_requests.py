"""What passes to the cluster, what does not, and what both sides see of it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json

import h11
import pytest

from tests.conformance.kits import until
from tests.kubernetes.client import raw
from tests.kubernetes.stage import staged
from tests.testbed.cluster.server import TOKEN

PODS = "/api/v1/namespaces/default/pods"
EFFECTS = ("read", "write", "delete", "destroy", "create", "alter", "grant", "execute", "export", "configure")
ALLOW = {"allow": {"effects": list(EFFECTS)}}


def rules(*found):
    return [{"name": "agents", "who": {}, "where": {}, "rules": list(found)}]


@pytest.fixture
async def stage(tmp_path):
    async with staged(tmp_path) as found:
        yield found


async def test_a_request_is_rebuilt_and_its_digest_is_on_record(stage):
    body = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}'
    async with raw(stage) as caller:
        caller.ask(
            "POST", "/api/v1/namespaces/default/configmaps?fieldManager=k%75bectl", "Content-Type: application/json",
            "Cookie: a=b", "X-Forwarded-For: 10.0.0.1", "Connection: keep-alive, X-Secret", "X-Secret: 1",
            "Proxy-Authorization: Basic eA==", "Accept: application/json", "User-Agent: kubectl/v1", body=body,
        )  # fmt: skip
        assert (await caller.answer()).status == 201
    (heard,) = stage.cluster.heard
    target = "/api/v1/namespaces/default/configmaps?fieldManager=kubectl"
    assert (heard.method, heard.target, heard.body) == ("POST", target, body)
    assert set(heard.fields) == {
        "host",
        "content-type",
        "accept",
        "user-agent",
        "authorization",
        "content-length",
    }
    assert heard.fields["authorization"] == f"Bearer {TOKEN}"
    (judged,) = stage.journal("action.judged")
    message = f"POST {target} HTTP/1.1\r\ncontent-type: application/json\r\n\r\n".encode() + body
    assert judged["digest"] == hashlib.sha256(message).hexdigest()


async def test_what_comes_back_has_no_more_fields_than_it_needs(stage):
    async with raw(stage) as caller:
        found = await caller.get(PODS)
        assert found.status == 200
        assert found.fields["audit-id"] == "a-b-c"
        assert "set-cookie" not in found.fields
        whole = await caller.get("/version")
        caller.ask("HEAD", "/version")
        status, fields = await caller.head()
        assert (status, fields["content-length"]) == (200, str(len(whole.body)))
        assert (await caller.get("/version")).json["minor"] == "32"


async def test_requests_are_answered_in_their_order(stage):
    async with raw(stage) as caller:
        for number in range(5):
            caller.ask("GET", f"{PODS}/p{number}")
        caller.ask("GET", f"{PODS}/web")
        for number in range(5):
            assert f'"p{number}"' in (await caller.answer()).json["message"]
        assert (await caller.answer()).json["metadata"]["name"] == "web"
    assert [each.path.rpartition("/")[2] for each in stage.cluster.heard] == [
        *(f"p{n}" for n in range(5)),
        "web",
    ]


async def test_bytes_that_come_one_by_one_are_the_same_request(stage):
    async with raw(stage) as caller:
        head = f"POST /clusters/prod/api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {caller.token}\r\n"
        whole = (
            head
            + 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1c\r\n{"metadata":{"name":"bytes"}}\r\n0\r\n\r\n'
        )
        for byte in whole.replace("1c", "1d").encode():
            caller.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await caller.answer()).status == 201
    assert stage.cluster.heard[0].body == b'{"metadata":{"name":"bytes"}}'


SMUGGLED = f"GET {PODS}/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
TWO_WAYS = {
    "both lengths": f"Content-Length: {len(SMUGGLED)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "both, chunked first": f"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "two lengths": f"Content-Length: 0\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
    "a hidden coding": f"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "a coding with a tab": f"Transfer-Encoding:\tchunked\x0b\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "a length with a plus": f"Content-Length: +0\r\n\r\n{SMUGGLED}",
    "a chunk with an extension": f"Transfer-Encoding: chunked\r\n\r\n0;x={SMUGGLED}\r\n\r\n",
    "a trailer": f"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n{SMUGGLED}",
    "a bare line feed": f"X: y\nContent-Length: 0\r\n\r\n{SMUGGLED}",
    "a folded field": f"X: y\r\n Content-Length: 0\r\n\r\n{SMUGGLED}",
    "a space before the colon": f"Content-Length : 0\r\n\r\n{SMUGGLED}",
    "GET with a body": f"Content-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
}


@pytest.mark.parametrize("rest", TWO_WAYS.values(), ids=TWO_WAYS.keys())
async def test_nothing_is_smuggled_to_the_cluster(stage, rest):
    async with raw(stage) as caller:
        head = f"GET /clusters/prod{PODS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {caller.token}\r\n"
        caller.send((head + rest).encode("latin-1"))
        status, _ = await caller.head()
        assert status in (400, 401, 501)
        await caller.closed()
    assert not stage.cluster.heard


async def test_a_request_behind_another_has_to_log_in_by_itself(stage):
    async with raw(stage) as caller:
        caller.ask("GET", PODS)
        caller.send(f"GET /clusters/prod{PODS}/web HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert (await caller.answer()).status == 200
        refused = await caller.answer()
        assert (refused.status, refused.code) == (401, "identity.missing")
        assert refused.fields["www-authenticate"].startswith("Bearer")
    assert len(stage.cluster.heard) == 1


AS_SOMEBODY = [
    "Impersonate-User: admin", "impersonate-user: admin", "IMPERSONATE-GROUP: system:masters",
    "Impersonate-Extra-scopes: all", "Impersonate-Uid: 1", "Impersonate_User: admin", "Impersonate_group: x",
    "X-Remote-User: admin", "X-Remote-Group: system:masters", "X-Remote-Extra-a: b", "x_remote_user: admin",
]  # fmt: skip


@pytest.mark.parametrize("field", AS_SOMEBODY)
async def test_nobody_is_somebody_else_by_a_header(stage, field):
    async with raw(stage) as caller:
        refused = await caller.get(PODS, field)
        assert refused.status == 403
        assert refused.code == "kubernetes.impersonation"
    assert not stage.cluster.heard
    assert [each["verdict"] for each in stage.journal("action.judged")] == ["deny"]


async def test_a_token_in_the_query_is_refused_and_recorded_nowhere(stage):
    async with raw(stage) as caller:
        refused = await caller.get(f"{PODS}?access_token=sesame")
        assert (refused.status, refused.code) == (400, "kubernetes.token")
    assert "sesame" not in repr(stage.journal())


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("Authorization: Basic YTpi", "identity.malformed"),
        ("Authorization: Bearer", "identity.malformed"),
        ("Authorization: bearer  x", "identity.malformed"),
        ("Authorization: Bearer not.a.token", "identity.malformed"),
        ("Authorization: Bearer vdt_0000000000000000_x", "identity.key"),
    ],
)
async def test_bad_logins(stage, field, code):
    async with raw(stage, "") as caller:
        refused = await caller.get(PODS, field)
        assert refused.status == 401
        assert refused.code == code
    assert not stage.cluster.heard


async def test_another_cluster_is_not_there(stage):
    async with raw(stage) as caller:
        caller.ask("GET", PODS, cluster="elsewhere")
        refused = await caller.answer()
        assert (refused.status, refused.code) == (404, "login.resource")


async def test_a_body_that_is_too_long_is_refused_unread(tmp_path):
    async with staged(tmp_path, limits={"statement": "64KiB"}) as stage, raw(stage) as caller:
        caller.ask("POST", PODS, "Content-Type: application/json", "Content-Length: 104857600")
        refused = await caller.answer()
        assert (refused.status, refused.code) == (413, "protocol.http")
        async with raw(stage) as other:
            other.ask("POST", PODS, "Content-Type: application/json", "Transfer-Encoding: chunked")
            other.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n1\r\nx\r\n")
            assert (await other.answer()).status == 413
        assert not stage.cluster.heard


async def test_who_expects_is_told_to_go_on(stage):
    async with raw(stage) as caller:
        body = b'{"metadata":{"name":"expected"}}'
        caller.ask(
            "POST", "/api/v1/namespaces/default/configmaps", "Content-Type: application/json", "Expect: 100-continue",
            f"Content-Length: {len(body)}",
        )  # fmt: skip
        assert (await caller.head())[0] == 100
        caller.send(body)
        assert (await caller.answer()).status == 201
    assert "expect" not in stage.cluster.heard[0].fields


# --- what the cluster does wrong --------------------------------------------------------------------


async def bad(stage, data):
    """The cluster answers the next request with *data*, and closes."""

    async def hook(asked, connection):
        connection.writer.write(data)
        await connection.writer.drain()
        return True

    stage.cluster.hook = hook
    async with raw(stage) as caller:
        caller.ask("GET", PODS)
        return await caller.answer()


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WRONG = {
    "both lengths": (
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        502,
        "upstream.protocol",
    ),
    "two lengths": (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", 502, "upstream.protocol"),
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n\r\n", 502, "upstream.protocol"),
    "nothing": (b"", 502, "upstream.lost"),
    "half a head": (OK, 502, "upstream.lost"),
    "a redirect": (
        b"HTTP/1.1 302 Found\r\nLocation: https://evil/\r\nContent-Length: 0\r\n\r\n",
        502,
        "upstream.redirect",
    ),
    "an upgrade unasked": (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        502,
        "upstream.protocol",
    ),
    "our login refused": (
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nWWW-Authenticate: Basic\r\n\r\n",
        503,
        "upstream.login",
    ),
    "interim answers without end": (b"HTTP/1.1 102 Processing\r\n\r\n" * 20, 502, "upstream.protocol"),
}


@pytest.mark.parametrize(("data", "status", "code"), WRONG.values(), ids=WRONG.keys())
async def test_what_the_cluster_does_wrong_is_told_and_not_passed_on(stage, data, status, code):
    found = await bad(stage, data)
    assert (found.status, found.code) == (status, code)
    await until(lambda: bool(stage.journal("action.outcome")), "an outcome")
    assert stage.journal("action.outcome")[0]["status"] == "error"


@pytest.mark.parametrize(
    "data",
    [
        OK + b"Content-Length: 10\r\n\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n",
    ],
)
async def test_an_answer_that_breaks_off_does_not_look_whole(stage, data):
    try:
        assert (await bad(stage, data)).status == 502
    except (asyncio.IncompleteReadError, ConnectionError):
        pass


async def test_what_follows_an_answer_is_nobodys(stage):
    """Response splitting: bytes that a cluster sends unasked must not answer the next request."""

    async def hook(asked, connection):
        if len(stage.cluster.heard) == 1:
            await connection.begin(200, "application/json")
            await connection.data(b"{}")
            await connection.send(h11.EndOfMessage())
            connection.writer.write(OK + b"Content-Length: 7\r\n\r\nSTOLEN!")
            await connection.writer.drain()
            await asyncio.Event().wait()
        return False

    stage.cluster.hook = hook
    async with raw(stage) as caller:
        assert (await caller.get(PODS)).body == b"{}"
        await until(lambda: True)
        assert (await caller.get(f"{PODS}/web")).json["metadata"]["name"] == "web"


async def test_a_connection_that_the_cluster_has_closed_is_made_anew(stage):
    async with raw(stage) as caller:
        assert (await caller.get(PODS)).status == 200

        async def hook(asked, connection):
            stage.cluster.hook = None
            return True

        stage.cluster.hook = hook
        assert (await caller.get(PODS)).status == 200
        assert len(stage.cluster.heard) == 3
        assert len(stage.journal("action.judged")) == 2


# --- upgrades -----------------------------------------------------------------------------------------

EXEC = f"{PODS}/web/exec?command=ls&stdout=true"
SOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Protocol: v4.channel.k8s.io",
)


async def test_an_upgrade_that_the_cluster_refuses_leaves_no_tunnel(stage):
    """CVE-2018-1002105: after a refused upgrade, what follows must not reach the cluster as it is."""

    async def hook(asked, connection):
        if "exec" not in asked.path:
            return False
        await connection.whole(400, "text/plain", b"no such container")
        connection.http.start_next_cycle()
        return False if not stage.cluster.hook else await again(asked, connection)

    async def again(asked, connection):
        following = await connection.request()
        if following is not None:
            stage.cluster.heard.append(following)
        return True

    stage.cluster.hook = hook
    async with raw(stage) as caller:
        caller.ask("GET", EXEC, *SOCKET)
        caller.send(
            b"GET /api/v1/namespaces/kube-system/secrets HTTP/1.1\r\nHost: a\r\nImpersonate-User: system:admin\r\n\r\n"
        )
        found = await caller.answer()
        assert (found.status, found.body) == (400, b"no such container")
        assert found.fields["connection"] == "close"
        assert await caller.closed() == b""
    await until(lambda: stage.cluster.open == 0, "the way to the cluster is closed too")
    assert [each.path for each in stage.cluster.heard] == [f"{PODS}/web/exec"]


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("Connection: Upgrade", "Upgrade: h2c"),
        ("Connection: Upgrade", "Upgrade: tcp"),
        ("Connection: Upgrade", "Upgrade: SPDY/3.1"),
        ("Connection: Upgrade", "Upgrade: SPDY/3.1", "X-Stream-Protocol-Version: v1.channel.k8s.io"),
        (*SOCKET[:4], "Sec-WebSocket-Protocol: base64.channel.k8s.io"),
        (*SOCKET[:4], "Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.c2VjcmV0"),
        (*SOCKET[:3], "Sec-WebSocket-Key: short", SOCKET[4]),
        (*SOCKET[:2], "Sec-WebSocket-Version: 8", *SOCKET[3:]),
    ],
)
async def test_handshakes_that_are_none(stage, fields):
    async with raw(stage) as caller:
        refused = await caller.get(EXEC, *fields)
        assert (refused.status, refused.code) == (400, "kubernetes.upgrade")
    assert not stage.cluster.heard


async def test_nothing_else_switches_protocols(stage):
    async with raw(stage) as caller:
        refused = await caller.get(PODS, *SOCKET)
        assert (refused.status, refused.code) == (400, "kubernetes.upgrade")
    assert not stage.cluster.heard


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAA\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
)
async def test_a_handshake_of_the_clusters_that_is_no_answer_to_ours(stage, data):
    async def hook(asked, connection):
        connection.writer.write(data)
        await connection.writer.drain()
        return True

    stage.cluster.hook = hook
    async with raw(stage) as caller:
        found = await caller.get(EXEC, *SOCKET)
        assert (found.status, found.code) == (502, "upstream.protocol")


# --- masks ----------------------------------------------------------------------------------------------


def masked(*more):
    return rules(ALLOW, {"mask": {"entities": ["email"], "as": "redact"}}, *more)


async def test_answers_are_masked(tmp_path):
    async with staged(tmp_path, masked()) as stage, raw(stage) as caller:
        for path in ("/api/v1/namespaces/default/configmaps/settings", "/api/v1/configmaps"):
            found = await caller.get(
                path, "Accept: application/vnd.kubernetes.protobuf, application/json", "Accept-Encoding: gzip"
            )
            assert b"ada@example.com" not in found.body
            assert "blue" in json.dumps(found.json)
        for heard in stage.cluster.heard:
            assert "protobuf" not in heard.fields["accept"]
            assert "accept-encoding" not in heard.fields
        await until(lambda: len(stage.journal("action.outcome")) == 2, "outcomes")
        assert all(each["masks"] for each in stage.journal("action.outcome"))


async def test_a_watch_is_masked_event_by_event(tmp_path):
    async with staged(tmp_path, masked()) as stage, raw(stage) as caller:
        caller.ask("GET", "/api/v1/configmaps?watch=true")
        status, _ = await caller.head()
        assert status == 200
        first = await caller.piece()
        assert b"settings" in first
        assert b"ada@" not in first
        stage.cluster.add("configmaps", "second", data={"to": "bob@example.com"})
        second = await caller.piece()
        assert b'"second"' in second
        assert b"bob@" not in second


async def test_what_cannot_be_masked_is_refused(tmp_path):
    async with staged(tmp_path, masked()) as stage, raw(stage) as caller:
        only = await caller.get("/api/v1/configmaps", "Accept: application/vnd.kubernetes.protobuf")
        assert (only.status, only.code) == (406, "kubernetes.accept")
        forward = (*SOCKET[:4], "Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io")
        streams = await caller.get(f"{PODS}/web/portforward", *forward)
        assert (streams.status, streams.code) == (403, "masking.refused")
        assert not stage.cluster.heard

        async def hook(asked, connection):
            await connection.whole(200, "application/octet-stream", b"ada@example.com")
            connection.http.start_next_cycle()
            return True

    async with staged(tmp_path / "again", masked()) as stage, raw(stage) as caller:
        stage.cluster.hook = hook
        other = await caller.get("/api/v1/configmaps")
        assert (other.status, other.code) == (502, "masking.unreadable")


async def test_compressed_answers_pass_where_nothing_is_masked(stage):
    packed = gzip.compress(b'{"kind":"PodList"}')

    async def hook(asked, connection):
        fields = [
            ("Content-Type", "application/json"),
            ("Content-Encoding", "gzip"),
            ("Content-Length", str(len(packed))),
        ]
        await connection.send(
            h11.Response(status_code=200, headers=fields), h11.Data(data=packed), h11.EndOfMessage()
        )
        return True

    stage.cluster.hook = hook
    async with raw(stage) as caller:
        found = await caller.get(PODS, "Accept-Encoding: gzip")
        assert (found.fields["content-encoding"], found.body) == ("gzip", packed)


# --- limits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [False, True])
async def test_objects_are_rows(tmp_path, table):
    accept = (
        "Accept: application/json;as=Table;v=v1;g=meta.k8s.io, application/json" if table else "Accept: */*"
    )
    async with (
        staged(tmp_path, rules(ALLOW, {"limit": {"rows": 4, "per": "session"}})) as stage,
        raw(stage) as caller,
    ):
        first = await caller.get("/api/v1/namespaces", accept)
        assert (first.status, len(first.json["rows" if table else "items"])) == (200, 3)
        assert (await caller.get("/api/v1/namespaces/shop", accept)).status == 200
        over = await caller.get("/api/v1/namespaces/shop", accept)
        assert (over.status, over.code) == (403, "limit.reached")


async def test_bytes_are_bytes(tmp_path):
    async with (
        staged(tmp_path, rules(ALLOW, {"limit": {"bytes": 100, "per": "action"}})) as stage,
        raw(stage) as caller,
    ):
        over = await caller.get("/api/v1/namespaces")
        assert (over.status, over.code) == (403, "limit.reached")
