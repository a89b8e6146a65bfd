"""What people see who are asked: what would change, what would be gone, and no value that is hidden."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from vedette.kubernetes.bodies import body_facts
from vedette.kubernetes.preview import Look, looks, tell
from vedette.kubernetes.request import KubernetesRequest, read_request
from vedette.model import MaskRule

MERGE = "application/merge-patch+json"
WEB = "/apis/apps/v1/namespaces/a/deployments/web"


def made(line: str, body: Any = None) -> tuple[KubernetesRequest, tuple[Look, ...]]:
    method, _, target = line.partition(" ")
    request = read_request(method, target)
    media = MERGE if method == "PATCH" else ""
    raw = b"" if body is None else json.dumps(body).encode()
    return request, looks(request, body_facts(request, media, raw) if request.writes else None)


def asked(line: str, body: Any = None) -> list[str]:
    return [f"{each.purpose}: {each.request.method} {each.request.target()}" for each in made(line, body)[1]]


def told(line: str, body: Any, answers: Mapping[str, Any], *masks: MaskRule) -> list[str]:
    request, found = made(line, body)
    given = [
        (
            each,
            json.dumps(answers[key]).encode()
            if (key := f"{each.purpose} {each.request.path}") in answers
            else None,
        )
        for each in found
    ]
    return tell(request, given, masks, b"key").splitlines()


def test_writes_are_tried_out_beside_what_is_there() -> None:
    assert asked(f"PATCH {WEB}?fieldManager=k", {"spec": {}}) == [
        f"before: GET {WEB}",
        f"after: PATCH {WEB}?fieldManager=k&dryRun=All",
    ]
    assert asked("POST /api/v1/namespaces/a/pods", {}) == ["after: POST /api/v1/namespaces/a/pods?dryRun=All"]
    assert made("POST /api/v1/namespaces/a/pods", {})[1][0].with_body


@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("GET /api/v1/pods", None),
        ("POST /api/v1/namespaces/a/pods/w/exec?command=ls", None),
        ("POST /api/v1/namespaces/a/serviceaccounts/s/token", {}),
        ("POST /api/v1/namespaces/a/pods/w/binding", {}),
        ("POST /api/v1/namespaces/a/bindings", {}),
        ("PUT /api/v1/namespaces/a/finalize", {}),
        (f"PATCH {WEB}", []),
        ("DELETE /api/v1/namespaces/a/services/w/proxy/x", None),
    ],
)
def test_what_has_effects_or_cannot_be_read_is_not_tried(line: str, body: Any) -> None:
    assert asked(line, body) == []


def test_nothing_that_is_asked_has_an_effect() -> None:
    for line, body in (
        (f"PATCH {WEB}/scale", {"spec": {"replicas": 0}}),
        (f"PUT {WEB}", {"spec": {"replicas": 0}}),
        (f"DELETE {WEB}", None),
        ("DELETE /api/v1/namespaces/a", None),
        ("DELETE /api/v1/nodes/n", None),
        ("PATCH /api/v1/nodes/n", {"spec": {"unschedulable": True}}),
        ("DELETE /api/v1/namespaces/a/pods?labelSelector=a", None),
        ("POST /api/v1/namespaces/a/pods/w/eviction", {}),
    ):
        found = made(line, body)[1]
        assert found
        for look in found:
            assert look.request.method == "GET" or look.request.dry_run
            assert look.with_body is (look.request.method != "GET")
            assert read_request(look.request.method, look.request.target()).path == look.request.path


def deployment(**spec: Any) -> Any:
    noise = {"uid": "u1", "resourceVersion": str(spec), "managedFields": [], "generation": 5}
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", **noise},
        "spec": spec,
        "status": {"x": str(spec)},
    }


def test_a_change_is_shown_as_a_difference() -> None:
    answers = {f"before {WEB}": deployment(replicas=2), f"after {WEB}": deployment(replicas=5)}
    lines = told(f"PATCH {WEB}", {"spec": {"replicas": 5}}, answers)
    assert [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")] == [
        '-  "replicas": 2', '+  "replicas": 5',
    ]  # fmt: skip


def test_no_change_is_said() -> None:
    answers = {f"before {WEB}": deployment(replicas=2), f"after {WEB}": deployment(replicas=2)}
    assert told(f"PATCH {WEB}", {}, answers) == ["nothing would change"]


def test_secrets_show_which_keys_change_and_no_values() -> None:
    path = "/api/v1/namespaces/a/secrets/s"
    old = {
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"a": "aHVudGVyMg==", "b": "c2FtZQ==", "gone": "eA=="},
    }
    new = {
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"a": "aHVudGVyMw==", "b": "c2FtZQ==", "new": "eQ=="},
    }
    text = "\n".join(told(f"PATCH {path}", {}, {f"before {path}": old, f"after {path}": new}))
    for value in ("aHVudGVy", "c2FtZQ==", "eA==", "eQ=="):
        assert value not in text
    assert '+  "a": "[redacted] (changed)"' in text
    assert '-  "gone":' in text
    assert '+  "new":' in text
    assert "c2Ft" not in text


def test_masks_hold_for_approvers_too() -> None:
    env = MaskRule("p/env", columns=("deployments.apps.spec.env.value",))
    found = MaskRule("p/found", entities=frozenset({"email"}))
    answers = {
        f"before {WEB}": deployment(env=[{"value": "hunter2-hunter2"}], owner="alice@example.com"),
        f"after {WEB}": deployment(env=[{"value": "hunter3-hunter3"}], owner="bob@example.com"),
    }
    text = "\n".join(told(f"PATCH {WEB}", {}, answers, env, found))
    assert "hunter" not in text
    assert "@example.com" not in text
    alike = {path: deployment(env=each["spec"]["env"]) for path, each in answers.items()}
    assert told(f"PATCH {WEB}", {}, alike, env) == ["only values that are hidden would change"]


def test_what_the_cluster_would_refuse_is_said() -> None:
    refusal = {"kind": "Status", "status": "Failure", "message": "quota\nexceeded"}
    answers = {"after /api/v1/namespaces/a/pods": refusal}
    assert told("POST /api/v1/namespaces/a/pods", {}, answers) == [
        "the cluster itself would refuse it: quota exceeded"
    ]


def listed(*names: str, more: int = 0, owner: str = "", kind: str = "PodList") -> Any:
    def item(name: str) -> Any:
        references = [{"uid": owner}] if owner else None
        return {"metadata": {"name": name, "uid": f"u-{name}", "ownerReferences": references}}

    return {"kind": kind, "metadata": {"remainingItemCount": more}, "items": [item(name) for name in names]}


def test_what_a_namespace_holds_is_counted() -> None:
    answers = {
        "count /api/v1/namespaces/a/pods": listed("p1", "p2", more=300),
        "count /api/v1/namespaces/a/secrets": listed("s"),
        "count /api/v1/namespaces/a/services": listed(),
    }
    lines = told("DELETE /api/v1/namespaces/a", None, answers)
    assert "would be gone: pods: 302 (p1, p2, ...)" in lines
    assert "would be gone: secrets: 1 (s)" in lines
    assert not any("services:" in line for line in lines)
    assert any(line.startswith("not known") and "persistentvolumeclaims" not in line for line in lines)


def test_what_an_object_owns_follows_it() -> None:
    space = "/api/v1/namespaces/a/pods"
    answers = {
        f"before {WEB}": deployment(),
        "owned /apis/apps/v1/namespaces/a/replicasets": {
            "items": [*listed("web-1", owner="u1")["items"], *listed("other", owner="u9")["items"]]
        },
        f"owned {space}": {"items": [*listed("web-1-x", owner="u-web-1")["items"], *listed("lone")["items"]]},
    }
    assert told(f"DELETE {WEB}", None, answers) == [
        "would be gone: deployments.apps web",
        "it owns: 2 (replicasets/web-1, pods/web-1-x)",
    ]
    scaled = {
        f"before {WEB}/scale": {"kind": "Scale", "spec": {"replicas": 1}},
        f"after {WEB}/scale": {"kind": "Scale", "spec": {"replicas": 0}},
        f"owner {WEB}": deployment(),
        **answers,
    }
    lines = told(f"PATCH {WEB}/scale", {"spec": {"replicas": 0}}, scaled)
    assert '+  "replicas": 0' in lines
    assert lines[-1] == "it owns: 2 (replicasets/web-1, pods/web-1-x)"


def test_what_runs_on_a_node_is_listed() -> None:
    answers = {"on node /api/v1/pods": listed("p1", "p2")}
    assert told("DELETE /api/v1/nodes/n", None, answers) == ["runs on the node: pods: 2 (p1, p2)"]
    assert asked("DELETE /api/v1/nodes/n") == [
        "on node: GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn&limit=500"
    ]


def test_a_collection_is_counted_by_its_own_selectors() -> None:
    path = "/api/v1/namespaces/a/pods"
    assert asked(f"DELETE {path}?labelSelector=app%3Dweb&propagationPolicy=Orphan") == [
        f"count: GET {path}?labelSelector=app%3Dweb&limit=500"
    ]
    assert told(f"DELETE {path}", None, {f"count {path}": listed()}) == ["would be gone: pods: 0"]


def test_answers_that_do_not_come_are_said() -> None:
    lines = told("DELETE /api/v1/nodes/n", None, {})
    assert lines == ["not known, because the cluster did not say: on node (/api/v1/pods)"]


def test_it_is_bounded() -> None:
    big = deployment(env=[f"line {number}" for number in range(5000)])
    text = "\n".join(told(f"PATCH {WEB}", {}, {f"before {WEB}": deployment(), f"after {WEB}": big}))
    assert len(text) < 40_000
    assert "more lines" in text
