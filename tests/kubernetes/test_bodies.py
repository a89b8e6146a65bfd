"""What a body says is read strictly: whatever could be read in two ways is not read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vedette.kubernetes import documents
from vedette.kubernetes.bodies import body_facts
from vedette.kubernetes.documents import Unreadable
from vedette.kubernetes.facts import NOTHING, BodyFacts
from vedette.kubernetes.request import read_request

MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
JSON_PATCH, APPLY = "application/json-patch+json", "application/apply-patch+yaml"
WEB = "/apis/apps/v1/namespaces/a/deployments/web"
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"


def facts(line: str, body: Any, media: str = "application/json") -> BodyFacts:
    method, _, target = line.partition(" ")
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return body_facts(read_request(method, target), media, raw)


def pod(**spec: Any) -> BodyFacts:
    found = facts("POST /api/v1/namespaces/a/pods", {"metadata": {"name": "p"}, "spec": spec})
    assert found.reason == "", found
    return found


POD = {
    "hostNetwork": True,
    "hostPID": True,
    "serviceAccountName": "robot",
    "imagePullSecrets": [{"name": "registry"}],
    "containers": [
        {
            "image": "one",
            "securityContext": {"privileged": True, "capabilities": {"add": ["CAP_NET_ADMIN"], "drop": ["KILL"]}},
            "envFrom": [{"secretRef": {"name": "env"}}],
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "key", "key": "k"}}}],
        }
    ],
    "initContainers": [{"image": "two"}],
    "volumes": [{"hostPath": {"path": "/run"}}, {"secret": {"secretName": "disk"}},
                {"projected": {"sources": [{"secret": {"name": "part"}}]}}, {"csi": {"nodePublishSecretRef": {"name": "csi"}}}],
}  # fmt: skip


def check(found: BodyFacts) -> None:
    assert found.reason == ""
    assert found.images == ("one", "two")
    assert found.privileged
    assert found.capabilities == ("NET_ADMIN",)
    assert found.host_paths == ("/run",)
    assert found.host_namespaces == ("network", "pid")
    assert found.service_accounts == ("robot",)
    assert set(found.secrets) - {"*"} == {"registry", "env", "key", "disk", "part", "csi"}


TEMPLATE = {"spec": {"template": {"spec": POD}}}
WORKLOADS = [
    ("/api/v1/namespaces/a/pods", {"spec": POD}),
    ("/apis/apps/v1/namespaces/a/deployments", TEMPLATE),
    ("/apis/apps/v1/namespaces/a/daemonsets", TEMPLATE),
    ("/apis/apps/v1/namespaces/a/statefulsets", TEMPLATE),
    ("/apis/apps/v1/namespaces/a/replicasets", TEMPLATE),
    ("/apis/batch/v1/namespaces/a/jobs", TEMPLATE),
    ("/apis/batch/v1/namespaces/a/cronjobs", {"spec": {"jobTemplate": TEMPLATE}}),
    ("/api/v1/namespaces/a/replicationcontrollers", TEMPLATE),
    ("/api/v1/namespaces/a/podtemplates", {"template": {"spec": POD}}),
    ("/apis/apps/v1/namespaces/a/controllerrevisions", {"data": TEMPLATE}),
    ("/apis/argoproj.example/v1/namespaces/a/rollouts", TEMPLATE),
    ("/api/v1/namespaces/a/pods", {"kind": "List", "items": [{"spec": POD}]}),
]


@pytest.mark.parametrize(("path", "body"), WORKLOADS, ids=lambda each: each if isinstance(each, str) else "")
def test_pods_are_read_wherever_they_are(path: str, body: Any) -> None:
    check(facts(f"POST {path}", body))
    check(facts(f"PATCH {path}/x", body, MERGE))
    check(facts(f"PATCH {path}/x", body, STRATEGIC))
    check(facts(f"PATCH {path}/x", body, APPLY))
    check(
        facts(
            f"PATCH {path}/x",
            [{"op": "add", "path": f"/{key}", "value": body[key]} for key in body],
            JSON_PATCH,
        )
    )


def test_a_json_patch_is_read_at_every_depth() -> None:
    operations = []

    def deep(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                deep(f"{path}/{key}", inner)
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                deep(f"{path}/{place}", inner)
        else:
            operations.append({"op": "add", "path": path, "value": value})

    deep("/spec/template/spec", POD)
    check(facts(f"PATCH {WEB}", operations, JSON_PATCH))


@pytest.mark.parametrize(
    "spec",
    [
        {"hostPID": "true"},
        {"hostPID": 1},
        {"containers": [{"securityContext": {"privileged": "false"}}]},
        {"containers": [{"securityContext": {"procMount": "Unmasked"}}]},
        {"containers": [{"securityContext": {"procMount": 5}}]},
        {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
        {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
        {"securityContext": {"windowsOptions": {"hostProcess": True}}},
        {"ephemeralContainers": [{"securityContext": {"privileged": True}}]},
        {"volumes": [{"hostPath": {}}]},
        {"volumes": [{"hostPath": {"path": "/", "type": "Directory"}}]},
    ],
)  # fmt: skip
def test_what_is_no_plain_no_counts(spec: Any) -> None:
    found = pod(**spec)
    assert found.privileged or found.host_namespaces or found.host_paths


@pytest.mark.parametrize(
    "spec",
    [
        {"hostPID": False, "hostNetwork": None, "containers": [{"image": "x", "securityContext": {"privileged": False}}]},
        {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}, "containers": [{"image": "x"}]},
        {"containers": [{"image": "x", "volumeMounts": [{"mountPath": "/hostPath"}], "args": ["--privileged"]}]},
        {"containers": [{"image": "x", "ports": [{"hostPort": 80}]}]},
    ],
)  # fmt: skip
def test_ordinary_pods_have_no_powers(spec: Any) -> None:
    assert pod(**spec) == BodyFacts(name="p", images=("x",))


@pytest.mark.parametrize(
    "spec",
    [
        {"containers": [{"image": 5}]},
        {"serviceAccountName": ["a"]},
        {"volumes": [{"secret": {"secretName": 5}}]},
        {"containers": [{"securityContext": {"capabilities": {"add": "ALL"}}}]},
        {"containers": [{"securityContext": {"capabilities": ["ALL"]}}]},
        {"replicas": "0"},
        {"replicas": 0.0},
        {"replicas": True},
    ],
)  # fmt: skip
def test_what_is_of_another_type_than_it_should_be_is_unknown(spec: Any) -> None:
    assert facts("POST /api/v1/namespaces/a/pods", {"spec": spec}).reason


def test_data_is_not_taken_for_pods() -> None:
    data = {"privileged": "true", "hostPath": "/", "image": "x"}
    assert facts("POST /api/v1/namespaces/a/configmaps", {"data": data}) == NOTHING
    assert facts("POST /api/v1/namespaces/a/secrets", {"stringData": data}) == NOTHING
    labels = {"metadata": {"labels": data, "annotations": {"image": "x"}}}
    assert facts("POST /api/v1/namespaces/a/services", labels) == NOTHING


# --- copies and nodes --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "body", "media", "replicas", "stops"),
    [
        (f"PATCH {WEB}", {"spec": {"replicas": 0}}, MERGE, 0, True),
        (f"PATCH {WEB}/scale", {"spec": {"replicas": 0}}, MERGE, 0, True),
        (f"PATCH {WEB}", [{"op": "replace", "path": "/spec/replicas", "value": 0}], JSON_PATCH, 0, True),
        (f"PUT {WEB}/scale", {"spec": {"replicas": 0}}, "application/json", 0, True),
        (f"PUT {WEB}/scale", {"spec": {"replicas": 3}}, "application/json", 3, False),
        (f"PATCH {WEB}", {"spec": {"paused": True}}, MERGE, -1, False),
        ("PATCH /apis/batch/v1/namespaces/a/cronjobs/c", {"spec": {"suspend": True}}, MERGE, -1, True),
        ("PATCH /apis/batch/v1/namespaces/a/cronjobs/c", {"spec": {"suspend": False}}, MERGE, -1, False),
        ("PATCH /apis/batch/v1/namespaces/a/jobs/c", {"spec": {"parallelism": 0}}, MERGE, -1, True),
    ],
)
def test_copies_are_counted(line: str, body: Any, media: str, replicas: int, stops: bool) -> None:
    found = facts(line, body, media)
    assert (found.reason, found.replicas, found.stops) == ("", replicas, stops)


@pytest.mark.parametrize(
    ("spec", "drains"),
    [({"unschedulable": True}, True), ({"unschedulable": False}, False), ({"unschedulable": None}, False),
     ({"taints": [{"effect": "NoExecute"}]}, True), ({"taints": [{"effect": "NoSchedule"}]}, False)],
)  # fmt: skip
def test_a_node_that_is_taken_out(spec: Any, drains: bool) -> None:
    assert facts("PATCH /api/v1/nodes/n", {"spec": spec}, STRATEGIC).drains is drains


def test_pod_security_and_signers_and_tokens() -> None:
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}}
    assert facts("PATCH /api/v1/namespaces/a", label, MERGE).loosens
    assert not facts("PATCH /api/v1/namespaces/a", {"metadata": {"labels": {"a": "b"}}}, MERGE).loosens
    request = {"spec": {"signerName": "kubernetes.io/kubelet-serving"}}
    path = "POST /apis/certificates.k8s.io/v1/certificatesigningrequests"
    assert facts(path, request).signer == "kubernetes.io/kubelet-serving"
    minted = {"type": "kubernetes.io/service-account-token"}
    assert facts("POST /api/v1/namespaces/a/secrets", minted).escalates


def test_which_fields_a_patch_changes() -> None:
    found = facts(f"PATCH {WEB}", {"metadata": {"labels": {"a": "b"}}, "spec": {"replicas": 1}}, MERGE)
    assert found.fields == ("metadata.labels", "spec.replicas")
    operations = [
        {"op": "remove", "path": "/spec/paused"},
        {"op": "add", "path": "/spec/template/x", "value": 1},
    ]
    assert facts(f"PATCH {WEB}", operations, JSON_PATCH).fields == ("spec.paused", "spec.template")


def test_names_and_dry_runs() -> None:
    found = facts("POST /api/v1/namespaces/a/pods", {"metadata": {"generateName": "web-"}})
    assert (found.name, found.generated) == ("", "web-")
    assert facts("DELETE /api/v1/namespaces/a?dryRun=All", {}).dry_run is False
    assert facts("DELETE /api/v1/namespaces/a", {"dryRun": ["All"]}).dry_run is True
    assert facts("DELETE /api/v1/namespaces/a", {"dryRun": ["Some"]}).reason
    assert facts("DELETE /api/v1/namespaces/a", b"") == NOTHING


# --- roles -----------------------------------------------------------------------------------


def rule(verbs: list[str], resources: list[str], groups: list[str] | None = None) -> Any:
    return {"rules": [{"verbs": verbs, "resources": resources, "apiGroups": groups or [""]}]}


@pytest.mark.parametrize(
    "body",
    [
        rule(["*"], ["configmaps"]),
        rule(["get"], ["*"]),
        rule(["get"], ["*/status"]),
        rule(["get"], ["secrets"]),
        rule(["create"], ["pods"]),
        rule(["create"], ["pods/exec"]),
        rule(["get"], ["nodes/proxy"]),
        rule(["create"], ["serviceaccounts/token"]),
        rule(["bind"], ["clusterroles"]),
        rule(["escalate"], ["roles"]),
        rule(["impersonate"], ["users"]),
        rule(["patch"], ["deployments"], ["apps"]),
        {"rules": [{"verbs": ["get"], "nonResourceURLs": ["*"]}]},
        {"rules": [{"verbs": ["get"]}]},
        {"aggregationRule": {"clusterRoleSelectors": [{}]}},
        {
            "metadata": {"labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
            **rule(["get"], ["pods"]),
        },
    ],
)
def test_roles_that_lead_to_more(body: Any) -> None:
    found = facts(f"POST {ROLES}", body)
    assert found.reason == ""
    assert found.escalates


def test_a_role_that_only_looks() -> None:
    found = facts(f"POST {ROLES}", rule(["get", "list"], ["pods", "pods/log"], ["", "apps"]))
    assert not found.escalates
    assert found.grants == (
        "get pods", "get pods.apps", "get pods/log", "get pods/log.apps",
        "list pods", "list pods.apps", "list pods/log", "list pods/log.apps",
    )  # fmt: skip


@pytest.mark.parametrize(
    "operation", [{"path": "/rules/0/verbs/-", "value": "get"}, {"path": "/rules/-", "value": {}}]
)
def test_a_part_of_a_rule_may_be_anything(operation: Any) -> None:
    assert facts(f"PATCH {ROLES}/x", [{"op": "add", **operation}], JSON_PATCH).escalates


def test_bindings() -> None:
    path = "POST /apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings"
    view = {"kind": "ClusterRole", "name": "view"}
    subjects = [
        {"kind": "Group", "name": "ops"},
        {"kind": "ServiceAccount", "namespace": "a", "name": "robot"},
    ]
    found = facts(path, {"roleRef": view, "subjects": subjects})
    assert found.binds == ("ClusterRole/view",)
    assert found.subjects == ("Group/ops", "ServiceAccount/a/robot")
    assert not found.escalates
    assert facts(path, {"roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}}).escalates
    assert facts(
        path, {"roleRef": view, "subjects": [{"kind": "Group", "name": "system:authenticated"}]}
    ).escalates
    assert facts(path, {"roleRef": "view"}).reason


# --- what is not read --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/vnd.kubernetes.protobuf", b"k8s\0"),
        ("application/cbor", b"\xa0"),
        ("text/plain", b"{}"),
        ("application/json", b""),
        ("application/json", b"[]"),
        ("application/json", b"null"),
        ("application/json", b'{"a": 1, "a": 2}'),
        ("application/json", b'{"a": NaN}'),
        ("application/json", b'{"a": 1} {"b": 2}'),
        ("application/json", b"\xef\xbb\xbf{}"),
        ("application/json", b'{"a": "\xff"}'),
        ("application/json", b'{"a": "\\ud800"}'),
        ("application/json", b"[" * 100 + b"]" * 100),
        ("application/json", b'{"a":' * 100_000),
        ("application/json", b"kind: Pod"),
        ("application/json", b'{"n": ' + b"9" * 5000 + b"}"),
        ("application/yaml", b"a: 1\n---\nb: 2"),
        ("application/yaml", b"a: &x 1\nb: *x"),
        ("application/yaml", b"a: !!binary eA=="),
        ("application/yaml", b"%YAML 1.1\n---\na: 1"),
        ("application/yaml", b"<<: {a: 1}"),
        ("application/yaml", b"? [a]\n: b"),
        ("application/yaml", b"a: 1\na: 2"),
        ("application/yaml", b"a: b: c"),
        ("application/yaml", b"\xef\xbb\xbfa: 1"),
        ("application/yaml", b"a: [" * 80),
        ("application/yaml", b"# nothing\n"),
    ],
)
def test_bodies_that_are_not_read(media: str, body: bytes) -> None:
    assert facts("POST /api/v1/namespaces/a/pods", body, media).reason


@pytest.mark.parametrize(
    ("media", "body"),
    [
        (JSON_PATCH, {}),
        (JSON_PATCH, [{"op": "copy", "from": "/a", "path": "/b"}]),
        (JSON_PATCH, [{"op": "move", "from": "/a", "path": "/b"}]),
        (JSON_PATCH, [{"op": "add", "path": "/a"}]),
        (JSON_PATCH, [{"op": "add", "path": "/a" * 65, "value": 1}]),
        (JSON_PATCH, [{"op": "add", "path": "a", "value": 1}]),
        (JSON_PATCH, [{"op": "ADD", "path": "/a", "value": 1}]),
        (JSON_PATCH, [{"op": "add", "path": "/a", "value": 1, "more": 2}]),
        (JSON_PATCH, [{"op": "test", "path": "/a"}] * 10_001),
        (MERGE, []),
        ("application/apply-patch+cbor", {}),
        ("application/json", {}),
    ],
)
def test_patches_that_are_not_read(media: str, body: Any) -> None:
    assert facts(f"PATCH {WEB}", body, media).reason


def test_where_yaml_may_mean_two_things_it_stays_text() -> None:
    text = b"a: yes\nb: 0x10\nc: 1_000\nd: 010\ne: .5\nf: 12:30\ng: true\nh: -5\ni: 'true'\nj: 2001-01-01\nk: ~\nl: 1.5\n"
    assert documents.read(text, yaml_too=True) == {
        "a": "yes", "b": "0x10", "c": "1_000", "d": "010", "e": ".5", "f": "12:30", "g": True, "h": -5, "i": "true",
        "j": "2001-01-01", "k": None, "l": 1.5,
    }  # fmt: skip


def test_large_bodies_are_bounded() -> None:
    with pytest.raises(Unreadable):
        documents.read(b'"' + b"x" * documents.MAX_BYTES + b'"')
    with pytest.raises(Unreadable):
        documents.read(b"a: " + b"x" * documents.MAX_YAML_BYTES, yaml_too=True)
    with pytest.raises(Unreadable):
        documents.read(json.dumps([0] * (documents.MAX_NODES + 1)).encode())


def test_masked_values_are_seen_wherever_they_are_written_back() -> None:
    for body in (
        {"data": {"password": "W3JlZGFjdGVkXQ=="}},
        {"stringData": {"password": "[redacted]"}},
        {"metadata": {"annotations": {"a": "see [email]"}}},
        {"metadata": {"labels": {"[redacted]": "x"}}},
    ):
        assert facts("PATCH /api/v1/namespaces/a/secrets/s", body, MERGE).masked
    operations = [{"op": "add", "path": "/data/a", "value": "[redacted]"}]
    assert facts("PATCH /api/v1/namespaces/a/configmaps/s", operations, JSON_PATCH).masked
    env = {
        "spec": {
            "template": {
                "spec": {"containers": [{"env": [{"name": "A", "value": "[hidden bcdfghjkmnpqrstv]"}]}]}
            }
        }
    }
    assert facts(f"PATCH {WEB}", env, APPLY).masked
    assert not facts(f"PATCH {WEB}", {"metadata": {"annotations": {"a": "[link]"}}}, MERGE).masked


# --- laws --------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6)
    | st.sampled_from(["image", "hostPath", "[redacted]", "replace"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["spec", "metadata", "image", "hostPath", "rules", "verbs", "finalizers", "$patch", "replicas", "labels",
             "secret", "capabilities", "add", "containers", "kind", "items", "annotations", "subjects", "roleRef", "type"]
        ),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
LINES = st.sampled_from(
    ["POST /api/v1/namespaces/a/pods", f"PATCH {WEB}", f"POST {ROLES}", "PATCH /api/v1/namespaces/a",
     "DELETE /api/v1/namespaces/a", "PUT /api/v1/nodes/n", "POST /api/v1/namespaces/a/pods/p/eviction"]
)  # fmt: skip
MEDIA = st.sampled_from(["application/json", MERGE, STRATEGIC, JSON_PATCH, APPLY, "application/yaml"])


@settings(max_examples=300)
@given(LINES, JSON, MEDIA)
def test_no_body_makes_it_fail(line: str, body: Any, media: str) -> None:
    found = facts(line, body, media)
    assert found.reason == "" or found == BodyFacts(reason=found.reason)


@given(LINES, st.binary(max_size=60), MEDIA)
def test_no_bytes_make_it_fail(line: str, body: bytes, media: str) -> None:
    facts(line, body, media)


@settings(max_examples=150)
@given(JSON)
def test_json_reads_as_yaml_as_it_reads_as_json(value: Any) -> None:
    body = json.dumps({"x": value}).encode()
    assert documents.read(body) == documents.read(body, yaml_too=True) == {"x": value}
