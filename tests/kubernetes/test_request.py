"""A request is taken apart as the API server does it, and what is sent on reads the same again."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vedette.kubernetes.errors import BadRequest
from vedette.kubernetes.request import KubernetesRequest, read_request
from vedette.kubernetes.resources import KNOWN

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

# method, target: verb, group, version, resource, subresource, namespace, name.
TABLE = [
    ("GET /api/v1/pods", "list", "", "v1", "pods", "", "", ""),
    ("GET /api/v1/namespaces/a/pods", "list", "", "v1", "pods", "", "a", ""),
    ("GET /api/v1/namespaces/a/pods/w", "get", "", "v1", "pods", "", "a", "w"),
    ("GET /api/v1/namespaces/a/pods/w/", "get", "", "v1", "pods", "", "a", "w"),
    ("GET /api/v1/namespaces/a/pods/w/log", "log", "", "v1", "pods", "log", "a", "w"),
    ("GET /api/v1/namespaces/a/pods/w/status", "get", "", "v1", "pods", "status", "a", "w"),
    ("GET /api/v1/namespaces/a/pods?watch=true", "watch", "", "v1", "pods", "", "a", ""),
    ("GET /api/v1/namespaces/a/pods?watch=1", "watch", "", "v1", "pods", "", "a", ""),
    ("GET /api/v1/namespaces/a/pods?watch=false", "list", "", "v1", "pods", "", "a", ""),
    ("GET /api/v1/watch/namespaces/a/pods/w", "watch", "", "v1", "pods", "", "a", "w"),
    ("GET /api/v1/watch/pods", "watch", "", "v1", "pods", "", "", ""),
    ("GET /apis/apps/v1/watch/namespaces/a/deployments", "watch", "apps", "v1", "deployments", "", "a", ""),
    ("GET /api/v1/namespaces", "list", "", "v1", "namespaces", "", "", ""),
    ("GET /api/v1/namespaces/a", "get", "", "v1", "namespaces", "", "a", "a"),
    ("GET /api/v1/namespaces/a/status", "get", "", "v1", "namespaces", "status", "a", "a"),
    ("PUT /api/v1/namespaces/a/finalize", "update", "", "v1", "namespaces", "finalize", "a", "a"),
    ("DELETE /api/v1/namespaces/a", "delete", "", "v1", "namespaces", "", "a", "a"),
    ("DELETE /api/v1/namespaces/a/pods", "deletecollection", "", "v1", "pods", "", "a", ""),
    ("DELETE /api/v1/namespaces/a/pods/w", "delete", "", "v1", "pods", "", "a", "w"),
    ("POST /api/v1/namespaces/a/pods", "create", "", "v1", "pods", "", "a", ""),
    ("POST /api/v1/namespaces/a/pods/w/eviction", "evict", "", "v1", "pods", "eviction", "a", "w"),
    ("PUT /apis/apps/v1/namespaces/a/deployments/w/scale", "update", "apps", "v1", "deployments", "scale", "a", "w"),
    ("PATCH /api/v1/nodes/n1", "patch", "", "v1", "nodes", "", "", "n1"),
    ("GET /api/v1/namespaces/a/pods/w/exec?command=ls", "exec", "", "v1", "pods", "exec", "a", "w"),
    ("POST /api/v1/namespaces/a/pods/w/exec?command=ls", "exec", "", "v1", "pods", "exec", "a", "w"),
    ("POST /api/v1/namespaces/a/pods/w/attach", "attach", "", "v1", "pods", "attach", "a", "w"),
    ("GET /api/v1/namespaces/a/pods/w/portforward", "portforward", "", "v1", "pods", "portforward", "a", "w"),
    ("DELETE /api/v1/namespaces/a/services/w/proxy/x", "proxy", "", "v1", "services", "proxy", "a", "w"),
    ("GET /api/v1/nodes/n1/proxy", "proxy", "", "v1", "nodes", "proxy", "", "n1"),
    ("GET /api/v1/proxy/namespaces/a/pods/w/x/y", "proxy", "", "v1", "pods", "proxy", "a", "w"),
    ("GET /api/v1/proxy/nodes/n1/exec", "proxy", "", "v1", "nodes", "proxy", "", "n1"),
    ("PUT /apis/certificates.k8s.io/v1/certificatesigningrequests/c/approval", "approve", "certificates.k8s.io", "v1",
     "certificatesigningrequests", "approval", "", "c"),
    ("GET /apis/example.com/v1alpha1/namespaces/a/widgets/w/spin", "get", "example.com", "v1alpha1", "widgets",
     "spin", "a", "w"),
    ("GET /api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dw", "list", "", "v1", "pods", "", "a", "w"),
    ("GET /api/v1/namespaces/a/pods?watch=true&fieldSelector=metadata.name==w", "watch", "", "v1", "pods", "", "a", "w"),
    ("GET /api/v1/namespaces/a/pods?fieldSelector=metadata.name!=w", "list", "", "v1", "pods", "", "a", ""),
    ("GET /api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dw,status.phase%3DRunning", "list", "", "v1", "pods",
     "", "a", ""),
    ("GET /version", "get", "", "", "", "", "", ""),
    ("GET /version/", "get", "", "", "", "", "", ""),
    ("GET /api/v1", "get", "", "", "", "", "", ""),
    ("GET /apis/apps/v1", "get", "", "", "", "", "", ""),
    ("GET /", "get", "", "", "", "", "", ""),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row[0]))
def test_requests_are_taken_apart(row: tuple[str, ...]) -> None:
    method, _, target = row[0].partition(" ")
    found = read_request(method, target)
    read = (
        found.verb,
        found.group,
        found.version,
        found.resource,
        found.subresource,
        found.namespace,
        found.name,
    )
    assert read == row[1:]
    assert read_request(method, found.target()) == found


def test_what_is_forwarded_is_written_in_one_way() -> None:
    long = "/api/v1/namespaces/%70rod/pods/?labelSelector=app%3dweb+1&limit=5"
    found = read_request("GET", long)
    assert found.target() == "/api/v1/namespaces/prod/pods?labelSelector=app%3Dweb%201&limit=5"
    assert read_request("GET", "/version/").target() == "/version/"


def test_commands_keep_their_order_and_their_letters() -> None:
    found = read_request(
        "POST", "/api/v1/namespaces/a/pods/w/exec?command=sh&command=-c&command=a+%2B+b%26c&tty=1"
    )
    assert found.command == ("sh", "-c", "a + b&c")
    assert found.streams
    assert not found.writes
    assert found.target().endswith("?command=sh&command=-c&command=a%20%2B%20b%26c&tty=true")


@pytest.mark.parametrize(
    ("said", "sent"), [("True", "true"), ("TRUE", "true"), ("1", "true"), ("False", "false")]
)
def test_truths_are_sent_on_in_one_way(said: str, sent: str) -> None:
    found = read_request("GET", f"/api/v1/namespaces/a/pods?watch={said}")
    assert found.target() == f"/api/v1/namespaces/a/pods?watch={sent}"
    assert found.verb == ("watch" if sent == "true" else "list")


def test_what_goes_behind_a_proxy_keeps_its_end() -> None:
    found = read_request("GET", "/api/v1/namespaces/a/services/https:w:443/proxy/x/y/?a=1&a=2&B=")
    assert (found.name, found.proxied) == ("https:w:443", "/x/y")
    assert found.target() == "/api/v1/namespaces/a/services/https:w:443/proxy/x/y/?a=1&a=2&B="


def test_only_writes_can_be_tried_out() -> None:
    assert read_request("POST", "/api/v1/namespaces/a/pods?dryRun=All").dry_run
    assert not read_request("POST", "/api/v1/namespaces/a/pods?dryRun=all").dry_run
    assert not read_request("GET", "/api/v1/namespaces/a/pods?dryRun=All").dry_run


def test_long_targets_are_refused() -> None:
    with pytest.raises(BadRequest) as error:
        read_request("GET", "/api/v1/pods?labelSelector=" + "a" * 70_000)
    assert error.value.status == 414


# --- laws ----------------------------------------------------------------------------------

SEGMENTS = st.sampled_from(
    ["api", "apis", "v1", "apps", "pods", "namespaces", "prod", "secrets", "watch", "proxy", "status", "log", "exec",
     "x:y", "%70rod", "%2f", "..", ".", "", "%2e", "é", "%C3%A9", "a b", "deployments", "nodes", "Pods", "API", ";a",
     "%25", "system%3Anode", "%zz", "version", "~x", "a%20b", "%00"]
)  # fmt: skip
QUERIES = st.sampled_from(
    ["", "?", "?watch=true", "?watch=1&limit=5", "?watch=True", "?command=a&command=b+c", "?x=y", "?fieldSelector=metadata.name%3Dx",
     "?limit=%35", "?a;b", "?limit=1&limit=2", "?labelSelector=%C3%A9", "?=", "?watch", "?follow=true&tailLines=5"]
)  # fmt: skip


TRUTHS = {"1": "true", "True": "true"}


@st.composite
def targets(draw: st.DrawFn) -> str:
    start = draw(st.sampled_from(["/api/v1/", "/apis/apps/v1/", "/api/v1/namespaces/prod/", "/", ""]))
    return start + "/".join(draw(st.lists(SEGMENTS, max_size=5))) + draw(QUERIES)


def read(method: str, target: str) -> KubernetesRequest | None:
    try:
        return read_request(method, target)
    except BadRequest as error:
        assert error.code.startswith("kubernetes.")
        assert error.status in (400, 403, 404, 405, 414)
        return None


@settings(max_examples=300)
@given(st.sampled_from(METHODS), targets())
def test_what_is_forwarded_reads_as_what_was_judged(method: str, target: str) -> None:
    found = read(method, target)
    assume(found is not None)
    assert found is not None
    again = read_request(method, found.target())
    assert again == found
    assert again.target() == found.target()


@given(st.sampled_from(METHODS), st.text(max_size=60))
def test_no_text_makes_it_fail(method: str, target: str) -> None:
    read(method, target)
    read(method, "/" + target)


@settings(max_examples=200)
@given(st.sampled_from(METHODS), targets())
def test_another_reader_of_addresses_sees_the_same(method: str, target: str) -> None:
    """What was taken means to the standard library, and decoded once, what it was judged as."""
    found = read(method, target)
    assume(found is not None)
    assert found is not None
    truths = {} if found.verb == "proxy" else TRUTHS
    for each in (target, found.target()):
        parts = urlsplit(each)
        assert unquote(parts.path).rstrip("/") == unquote(found.path).rstrip("/")
        said = parse_qsl(parts.query, keep_blank_values=True)
        theirs = [
            (key, truths.get(value, value) if key in ("watch", "follow") else value) for key, value in said
        ]
        assert theirs == list(found.query)
        assert not parts.fragment
    path = unquote(urlsplit(found.target()).path)
    assert "//" not in path
    assert not {".", ".."} & set(path.split("/"))


def reference(method: str, path: str, watch: bool) -> tuple[str, ...]:
    """RequestInfoFactory.NewRequestInfo of the API server, step by step."""
    parts = path.strip("/").split("/")
    if len(parts) < 3 or parts[0] not in ("api", "apis"):
        return ("",)
    group = ""
    prefix, *parts = parts
    if prefix == "apis":
        if len(parts) < 3:
            return ("",)
        group, *parts = parts
    version, *parts = parts
    special = parts[0] if parts[0] in ("watch", "proxy") else ""
    verb = {
        "POST": "create",
        "GET": "get",
        "HEAD": "get",
        "PUT": "update",
        "PATCH": "patch",
        "DELETE": "delete",
    }[method]
    if special:
        if len(parts) < 2:
            return ("error",)
        verb, parts = special, parts[1:]
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in ("status", "finalize"):
            parts = parts[2:]
    subresource = parts[2] if len(parts) > 2 and verb != "proxy" else ""
    name = parts[1] if len(parts) > 1 else ""
    if not name and verb == "get":
        verb = "watch" if watch else "list"
    if not name and verb == "delete":
        verb = "deletecollection"
    return verb, group, version, parts[0], subresource, namespace, name


OURS = {
    "exec": "",
    "attach": "",
    "portforward": "",
    "proxy": "",
    "log": "get",
    "evict": "create",
    "approve": "",
}


@settings(max_examples=300)
@given(st.sampled_from(METHODS), targets())
def test_the_api_server_reads_the_same(method: str, target: str) -> None:
    found = read(method, target)
    assume(found is not None)
    assert found is not None
    theirs = reference(method, unquote(found.path), found.flag("watch"))
    if not found.resource:
        assert theirs == ("",)
        return
    ours = (found.group, found.version, found.resource, found.subresource, found.namespace)
    if found.verb == "proxy":
        theirs = (*theirs[:4], ours[3], *theirs[5:])  # a special verb leaves the subresource out
    assert theirs[1:6] == ours
    if not found.field_selector:
        assert theirs[6] == found.name
    if found.verb not in OURS:
        assert theirs[0] == found.verb


@pytest.mark.parametrize(("group", "resource"), [key for key in KNOWN if key[1] != "bindings"])
def test_what_is_known_stands_where_it_belongs(group: str, resource: str) -> None:
    root = f"/apis/{group}/v1" if group else "/api/v1"
    inside, outside = f"{root}/namespaces/a/{resource}/x", f"{root}/{resource}/x"
    right, wrong = (inside, outside) if KNOWN[group, resource].namespaced else (outside, inside)
    assert read_request("GET", right).kind == (group, resource)
    with pytest.raises(BadRequest):
        read_request("GET", wrong)


def test_what_was_refused_is_refused_again_and_headers_are_always_looked_at() -> None:
    for _ in range(2):
        with pytest.raises(BadRequest):
            read_request("GET", "/api/v1//pods")
        assert read_request("GET", "/api/v1/pods").verb == "list"
        with pytest.raises(BadRequest):
            read_request("GET", "/api/v1/pods", [("Impersonate-User", "x")])
