"""What requests touch, in the words of every rule, and what policies then say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vedette.kubernetes import actions, kubectl, status
from vedette.kubernetes.actions import action, body_parameters, supposed
from vedette.kubernetes.bodies import body_facts
from vedette.kubernetes.effects import object_name
from vedette.kubernetes.errors import BadRequest
from vedette.kubernetes.request import read_request
from vedette.model import Action, Allow, Ask, Deny, Effect, Kind, Principal, Resource
from vedette.policy import Marks, compile_policies

AGENT, CLUSTER = Principal("bot", Kind.AGENT), Resource("prod", "kubernetes")
MERGE = "application/merge-patch+json"


def made(line: str, body: Any = None, media: str = "", groups: tuple[str, ...] = ()) -> Action:
    method, _, target = line.partition(" ")
    request = read_request(method, target)
    raw = b"" if body is None else json.dumps(body).encode()
    facts = body_facts(request, media, raw) if raw or request.writes else None
    return action(request, facts, content_type=media, groups=groups)


def touched(found: Action) -> set[str]:
    """``read x`` per touch; ``(read x)`` where it is implied."""
    texts = {
        (f"{touch.effect} {touch.object.removeprefix('kubernetes:')}".strip(), touch.implied)
        for touch in found.touches
    }
    return {f"({text})" if implied else text for text, implied in texts}


A = "/api/v1/namespaces/a"
EFFECTS = [
    (f"GET {A}/pods/w", None, {"read namespaces/a/pods/w"}),
    (f"GET {A}/pods", None, {"read namespaces/a/pods/?"}),
    ("GET /api/v1/pods", None, {"read namespaces/?/pods/?"}),
    ("GET /api/v1/nodes/n", None, {"read nodes/n"}),
    ("GET /api/v1/namespaces", None, {"read namespaces/?"}),
    (f"GET {A}/pods/w/log", None, {"read namespaces/a/pods/w/log"}),
    ("GET /version/", None, {"read /version"}),
    ("GET /", None, {"read /"}),
    (f"POST {A}/pods", {"metadata": {"name": "w"}}, {"create namespaces/a/pods/w"}),
    (f"POST {A}/pods", {"metadata": {"generateName": "w-"}}, {"create namespaces/a/pods/w-?"}),
    (f"POST {A}/pods", {}, {"create namespaces/a/pods/?"}),
    (f"PUT {A}/pods/w", {}, {"write namespaces/a/pods/w", "(read namespaces/a/pods/w)"}),
    (f"PUT {A}/services/w", {}, {"write namespaces/a/services/w", "create namespaces/a/services/w", "(read namespaces/a/services/w)"}),
    (f"DELETE {A}/pods/w", None, {"delete namespaces/a/pods/w", "(read namespaces/a/pods/w)"}),
    (f"DELETE {A}/pods", None, {"delete namespaces/a/pods/?", "destroy namespaces/a/pods/?", "(read namespaces/a/pods/?)"}),
    ("DELETE /api/v1/namespaces/a", None, {"destroy namespaces/a", "(read namespaces/a)"}),
    (f"POST {A}/pods/w/eviction", {"metadata": {"name": "w"}}, {"delete namespaces/a/pods/w/eviction"}),
    (f"POST {A}/pods/w/portforward", None, {"export namespaces/a/pods/w/portforward"}),
    (f"POST {A}/pods/w/attach", None, {"execute namespaces/a/pods/w/attach"}),
    (f"POST {A}/pods/w/attach?stdin=true", None, {"execute namespaces/a/pods/w/attach", "execute terminal:shell"}),
    (f"GET {A}/services/w/proxy/x", None, {"execute namespaces/a/services/w/proxy"}),
    ("GET /api/v1/nodes/n/proxy/x", None, {"execute nodes/n/proxy", "unknown nodes/n/proxy"}),
    (f"POST {A}/serviceaccounts/s/token", {"spec": {}}, {"grant namespaces/a/serviceaccounts/s/token"}),
    ("POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {}},
     {"read selfsubjectaccessreviews.authorization.k8s.io/?"}),
    ("PUT /apis/certificates.k8s.io/v1/certificatesigningrequests/c/approval", {},
     {"grant certificatesigningrequests.certificates.k8s.io/c/approval",
      "(read certificatesigningrequests.certificates.k8s.io/c/approval)"}),
    ("GET /apis/example.com/v1/widgets", None, {"read widgets.example.com/?", "unknown widgets.example.com/?", "(read namespaces/?/widgets.example.com/?)"}),
    ("GET /apis/example.com/v1/namespaces/a/widgets/w", None,
     {"read namespaces/a/widgets.example.com/w", "unknown namespaces/a/widgets.example.com/w"}),
    ("POST /version", {}, {"create /version", "unknown /version"}),
    (f"GET {A}/unheard", None, {"read namespaces/a/unheard/?", "unknown namespaces/a/unheard/?"}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "body", "expected"), EFFECTS, ids=[each[0] for each in EFFECTS])
def test_effects(line: str, body: Any, expected: set[str]) -> None:
    assert touched(made(line, body)) == expected


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("kind", "effect"),
    [
        ("/apis/rbac.authorization.k8s.io/v1/clusterroles", Effect.GRANT),
        ("/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings", Effect.GRANT),
        ("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", Effect.CONFIGURE),
        ("/apis/apiregistration.k8s.io/v1/apiservices", Effect.CONFIGURE),
        ("/apis/storage.k8s.io/v1/storageclasses", Effect.CONFIGURE),
    ],
)
def test_all_writing_to_what_rules_the_cluster_is_that(method: str, kind: str, effect: Effect) -> None:
    line = f"{method} {kind}" if method == "POST" else f"{method} {kind}/x"
    found = made(line, None if method == "DELETE" else {}, MERGE if method == "PATCH" else "")
    assert {touch.effect for touch in found.touches if not touch.implied} == {effect}


def test_applying_may_create() -> None:
    found = made(f"PATCH {A}/configmaps/c", {}, "application/apply-patch+yaml")
    assert {Effect.WRITE, Effect.CREATE} <= found.effects
    assert Effect.CREATE not in made(f"PATCH {A}/configmaps/c", {}, MERGE).effects


def test_what_pods_take_along_is_implied() -> None:
    spec = {
        "serviceAccountName": "robot",
        "volumes": [{"hostPath": {"path": "/run"}}, {"secret": {"secretName": "db"}}],
    }
    found = touched(made(f"POST {A}/pods", {"metadata": {"name": "w"}, "spec": spec}))
    assert found == {
        "create namespaces/a/pods/w",
        "grant namespaces/a/pods/w",
        "(read namespaces/a/secrets/db)",
        "(execute namespaces/a/serviceaccounts/robot)",
        "(write file:/run)",
        "(write file:/run/*)",
    }


def test_groups_that_the_resource_names_are_known() -> None:
    line = "GET /apis/cert-manager.io/v1/namespaces/a/certificates/c"
    assert Effect.UNKNOWN in made(line).effects
    for groups in (("cert-manager.io",), ("*.io",)):
        assert made(line, groups=groups).effects == {Effect.READ}
    assert Effect.UNKNOWN in made(line, groups=("*.cert-manager.io",)).effects
    assert Effect.UNKNOWN in made(f"{line}/console", groups=("cert-manager.io",)).effects
    assert made(f"{line}/status", groups=("cert-manager.io",)).effects == {Effect.READ}
    # A group of Kubernetes' own is what it is, whatever is named.
    assert Effect.UNKNOWN in made(f"GET {A}/unheard", groups=("", "*")).effects


def test_a_collection_of_others_may_stand_in_every_namespace() -> None:
    found = made("GET /apis/cert-manager.io/v1/certificates", groups=("cert-manager.io",))
    assert touched(found) == {
        "read certificates.cert-manager.io/?",
        "(read namespaces/?/certificates.cert-manager.io/?)",
    }
    rules = [EVERYTHING, {"deny": {"objects": ["kubernetes:namespaces/prod/*"]}}]
    session = compile_policies([{"name": "p", "rules": rules}], Marks("x")).for_session(AGENT, CLUSTER)
    assert isinstance(session.decide(Ask(AGENT, CLUSTER, found)).verdict, Deny)
    one = made("GET /apis/cert-manager.io/v1/clusterissuers/c", groups=("cert-manager.io",))
    assert isinstance(session.decide(Ask(AGENT, CLUSTER, one)).verdict, Allow)


def test_servers_of_others_are_not_trusted_with_what_only_kubernetes_does() -> None:
    groups = ("example.com",)
    root = "/apis/example.com/v1/namespaces/a"
    assert made(f"POST {root}/tokenreviews", {}, groups=groups).effects == {Effect.CREATE}
    assert made(f"DELETE {root}/things/t?dryRun=All", groups=groups).facts["kubernetes"]["dry_run"] is False
    chosen = made(f"GET {root}/things?fieldSelector=metadata.name%3Dt", groups=groups)
    assert touched(chosen) == {"read namespaces/a/things.example.com/?"}


def test_a_body_that_was_not_read_is_unknown() -> None:
    request = read_request("POST", f"{A}/pods")
    assert Effect.UNKNOWN in action(request).effects
    found = made(f"PUT {A}/pods/w", [])
    assert Effect.UNKNOWN in found.effects
    assert found.reason == "a body that is no object"


def test_commands_are_read_as_in_a_shell() -> None:
    found = made(f"POST {A}/pods/w/exec?command=rm&command=-rf&command=/data")
    assert "destroy file:/data" in touched(found)
    assert found.facts["shell"]["programs"] == ["rm"]
    assert found.facts["kubernetes"]["verb"] == "exec"
    quoted = made(f"POST {A}/pods/w/exec?command=echo&command=a%3B+rm+-rf+/data")
    assert Effect.DESTROY not in quoted.effects
    assert Effect.UNKNOWN in made(f"POST {A}/pods/w/exec").effects
    assert Effect.UNKNOWN in made(f"POST {A}/pods/w/exec?command=sh&stdin=true").effects


@pytest.mark.parametrize(
    ("query", "opens"),
    [
        ("command=bash&stdin=true&tty=true", True),
        ("command=/bin/sh&command=-il&stdin=1&tty=1", True),
        ("command=bash&stdin=true", False),
        ("command=bash&command=-c&command=ls&stdin=true&tty=true", False),
        ("command=top&stdin=true&tty=true", False),
        ("command=bash&stdin=true&tty=false", False),
    ],
)
def test_who_types_at_a_shell_opens_one(query: str, opens: bool) -> None:
    found = made(f"POST {A}/pods/w/exec?{query}")
    assert ("execute terminal:shell" in touched(found)) is opens
    if opens:
        assert Effect.UNKNOWN not in found.effects


def test_verbs_of_rbac_are_named() -> None:
    rules = {"rules": [{"verbs": ["*"], "resources": ["*"], "apiGroups": ["*"]}]}
    root = "/apis/rbac.authorization.k8s.io/v1"
    assert made(f"POST {root}/clusterroles", rules).facts["kubernetes"]["verbs"] == ["create", "escalate"]
    assert made(f"POST {root}/clusterrolebindings", {}).facts["kubernetes"]["verbs"] == ["create", "bind"]
    debug = made(f"PATCH {A}/pods/w/ephemeralcontainers", {}, MERGE)
    assert debug.facts["kubernetes"]["verbs"] == ["patch", "exec"]
    assert Effect.EXECUTE in debug.effects


def test_the_body_of_a_deletion_says_whether_it_is_tried_out() -> None:
    assert made(f"DELETE {A}/pods/w?dryRun=All").facts["kubernetes"]["dry_run"] is True
    assert made(f"DELETE {A}/pods/w?dryRun=All", {}).facts["kubernetes"]["dry_run"] is False
    assert made(f"DELETE {A}/pods/w", {"dryRun": ["All"]}).facts["kubernetes"]["dry_run"] is True


# --- policies ------------------------------------------------------------------------------


def said(rules: list[Any], line: str, body: Any = None, media: str = "") -> str:
    session = compile_policies([{"name": "p", "rules": rules}], Marks("x")).for_session(AGENT, CLUSTER)
    verdict = session.decide(Ask(AGENT, CLUSTER, made(line, body, media))).verdict
    return "allow" if isinstance(verdict, Allow) else "deny"


EVERYTHING = {"allow": {"effects": ["*"]}}


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (f"GET {A}/secrets/db", "deny"),
        (f"GET {A}/secrets", "deny"),
        ("GET /api/v1/secrets", "deny"),
        (f"GET {A}/secrets?watch=true&fieldSelector=metadata.name%3Ddb", "deny"),
        (f"GET {A}/secrets?fieldSelector=metadata.name%3Dother", "allow"),
        (f"GET {A}/secrets/other", "allow"),
        (f"GET {A}/configmaps", "allow"),
        ("GET /api/v1/namespaces/b/secrets", "allow"),
        (f"DELETE {A}/secrets", "deny"),
    ],
)
def test_a_rule_on_one_object_counts_wherever_it_may_be_meant(line: str, verdict: str) -> None:
    rules = [EVERYTHING, {"deny": {"objects": ["kubernetes:namespaces/a/secrets/db"]}}]
    assert said(rules, line) == verdict


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (f"GET {A}/pods", "allow"),
        (f"GET {A}/pods/w", "allow"),
        ("GET /api/v1/pods", "deny"),
        ("GET /api/v1/namespaces/b/pods", "deny"),
        ("GET /api/v1/namespaces/ab/pods", "deny"),
        ("GET /api/v1/nodes", "deny"),
        ("GET /version", "allow"),
        ("GET /apis/apps/v1", "allow"),
        ("GET /metrics", "deny"),
    ],
)
def test_one_namespace_can_be_permitted(line: str, verdict: str) -> None:
    rules = [
        {"allow": {"effects": ["read"], "objects": ["kubernetes:namespaces/a/*"]}},
        {"allow": {"pack": "discovery-kubernetes"}},
    ]
    assert said(rules, line) == verdict


def test_conditions_ask_for_facts() -> None:
    zero = [EVERYTHING, {"deny": {"when": "action.kubernetes.stops"}}]
    assert said(zero, f"PATCH {A}/replicationcontrollers/r", {"spec": {"replicas": 0}}, MERGE) == "deny"
    assert said(zero, f"PATCH {A}/replicationcontrollers/r", {"spec": {"replicas": 1}}, MERGE) == "allow"
    assert said(zero, f"GET {A}/pods") == "allow"
    images = [EVERYTHING, {"deny": {"when": 'action.kubernetes.images.exists(i, !i.startsWith("ours/"))'}}]
    assert said(images, f"POST {A}/pods", {"spec": {"containers": [{"image": "ours/x"}]}}) == "allow"
    assert said(images, f"POST {A}/pods", {"spec": {"containers": [{"image": "theirs/x"}]}}) == "deny"
    # Of a body that was not read, nothing is known, so that what denies fires.
    assert said([{"allow": {"effects": ["*", "unknown"]}}, images[1]], f"POST {A}/pods", []) == "deny"


def test_privileged_pods_are_not_created_by_whoever_may_only_create() -> None:
    rules = [{"allow": {"effects": ["create", "write", "read"]}}]
    assert said(rules, f"POST {A}/pods", {"spec": {"containers": [{"image": "x"}]}}) == "allow"
    assert said(rules, f"POST {A}/pods", {"spec": {"hostPID": True}}) == "deny"


# --- records, answers, questions ---------------------------------------------------------------


def test_bodies_are_bound_without_being_shown() -> None:
    request = read_request("POST", f"{A}/secrets")
    one = body_parameters(request, "application/json", b'{"data":{}}', b"key")
    assert one[0] == "application/json"
    assert one != body_parameters(request, "application/json", b'{"data": {}}', b"key")
    assert one != body_parameters(request, "application/json", b'{"data":{}}', b"other")
    assert body_parameters(request, "", b"", b"key") == ()


def test_a_refusal_is_a_status_that_clients_know() -> None:
    request = read_request("DELETE", "/apis/apps/v1/namespaces/a/deployments/w")
    found = json.loads(status.denied(request, Deny("p/deny-1", "not here", "ask ops")))
    assert found["kind"] == "Status"
    assert (found["code"], found["reason"], found["status"]) == (403, "Forbidden", "Failure")
    assert found["message"] == (
        '"delete deployments.apps w" is forbidden: vedette: not here (rule p/deny-1); ask ops'
    )
    assert found["details"]["name"] == "w"
    assert found["details"]["group"] == "apps"
    assert found["details"]["causes"][0]["reason"] == "vedette/policy.denied"
    malformed = json.loads(status.refused(BadRequest("kubernetes.path", "two slashes")))
    assert (malformed["code"], malformed["reason"]) == (400, "BadRequest")
    assert json.loads(status.status(503, "", "later", retry_after=5))["details"]["retryAfterSeconds"] == 5


def test_what_cannot_be_taken_apart_is_on_record_without_its_query() -> None:
    found = actions.unreadable("GET", "/api/v1/pods?token=hunter2", BadRequest("kubernetes.token", "a token"))
    assert found.text == "GET /api/v1/pods"
    assert found.effects == {Effect.UNKNOWN}


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("kubectl get pods", "GET /api/v1/namespaces/default/pods"),
        ("kubectl get po -A", "GET /api/v1/pods"),
        ("kubectl get pods -n a -l app=web -w", "GET /api/v1/namespaces/a/pods?labelSelector=app%3Dweb&watch=true"),
        ("kubectl describe deploy/web --namespace=a", "GET /apis/apps/v1/namespaces/a/deployments/web"),
        ("kubectl delete ns prod", "DELETE /api/v1/namespaces/prod"),
        ("kubectl delete pods --all -n a", "DELETE /api/v1/namespaces/a/pods"),
        ("kubectl logs -f web -c app", "GET /api/v1/namespaces/default/pods/web/log?container=app&follow=true"),
        ("kubectl get ingress", "GET /apis/networking.k8s.io/v1/namespaces/default/ingresses"),
        ("kubectl get networkpolicy", "GET /apis/networking.k8s.io/v1/namespaces/default/networkpolicies"),
        ("kubectl exec -it web -- sh -c 'ls; id'",
         "POST /api/v1/namespaces/default/pods/web/exec?stdin=true&tty=true&command=sh&command=-c&command=ls%3B%20id"),
        ("kubectl port-forward pod/web 80", "POST /api/v1/namespaces/default/pods/web/portforward"),
        ("kubectl scale deploy web --replicas=0", "PATCH /apis/apps/v1/namespaces/default/deployments/web/scale"),
        ("kubectl drain n1 --ignore-daemonsets", "PATCH /api/v1/nodes/n1"),
        ("kubectl create ns x", "POST /api/v1/namespaces"),
        ("kubectl patch svc web -p '{}'", "PATCH /api/v1/namespaces/default/services/web"),
    ],
)  # fmt: skip
def test_kubectl_commands_are_the_request_that_matters(command: str, line: str) -> None:
    found = supposed(command)
    assert found.text == line
    assert Effect.UNKNOWN not in found.effects or "exec" in line


@pytest.mark.parametrize(
    "command",
    [
        "kubectl",
        "kubectl frob",
        "kubectl get",
        "kubectl get pods --frob",
        "kubectl get widgets",
        "kubectl 'x",
        "x",
    ],
)
def test_what_is_not_known_of_kubectl_is_not_guessed(command: str) -> None:
    assert supposed(command).effects == {Effect.UNKNOWN}


def test_requests_can_be_asked_about_with_their_bodies() -> None:
    found = supposed(
        'PATCH /api/v1/nodes/n\nContent-Type: application/merge-patch+json\n\n{"spec":{"unschedulable":true}}'
    )
    assert found.facts["kubernetes"]["drains"] is True
    assert supposed("kubectl scale deploy/web --replicas=0").facts["kubernetes"]["stops"] is True


def test_names_of_kinds() -> None:
    assert kubectl.collection("deployments.apps", "a") == "/apis/apps/v1/namespaces/a/deployments"
    assert object_name(
        read_request("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node")
    ) == ("kubernetes:clusterroles.rbac.authorization.k8s.io/system:node")
