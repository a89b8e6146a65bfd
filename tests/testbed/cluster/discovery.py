"""What the fake says it has, in the old form and in the aggregated one (Kubernetes 1.30)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


@dataclass(frozen=True, slots=True)
class Kind:
    """*short* names, *inner* subresources and the kinds they take."""

    group: str
    version: str
    resource: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    inner: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    verbs: tuple[str, ...] = tuple(VERBS)


POD_INNER = (
    ("log", "Pod", ("get",)),
    ("exec", "PodExecOptions", ("create", "get")),
    ("attach", "PodAttachOptions", ("create", "get")),
    ("portforward", "PodPortForwardOptions", ("create", "get")),
    ("ephemeralcontainers", "Pod", ("get", "patch", "update")),
    ("eviction", "Eviction", ("create",)),
    ("status", "Pod", ("get", "patch", "update")),
)
SCALED = (
    ("scale", "Scale", ("get", "patch", "update")),
    ("status", "Deployment", ("get", "patch", "update")),
)
KINDS = (
    Kind("", "v1", "pods", "Pod", short=("po",), inner=POD_INNER),
    Kind("", "v1", "namespaces", "Namespace", False, ("ns",)),
    Kind("", "v1", "nodes", "Node", False, ("no",)),
    Kind("", "v1", "secrets", "Secret"),
    Kind("", "v1", "configmaps", "ConfigMap", short=("cm",)),
    Kind("", "v1", "services", "Service", short=("svc",)),
    Kind("", "v1", "serviceaccounts", "ServiceAccount", short=("sa",)),
    Kind("", "v1", "events", "Event", short=("ev",)),
    Kind("apps", "v1", "deployments", "Deployment", short=("deploy",), inner=SCALED),
    Kind("apps", "v1", "replicasets", "ReplicaSet", short=("rs",)),
    Kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False),
    Kind("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", False),
    Kind("rbac.authorization.k8s.io", "v1", "roles", "Role"),
    Kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
    Kind(
        "authorization.k8s.io",
        "v1",
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        False,
        verbs=("create",),
    ),
)
AGGREGATED = "g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERSION = {
    "major": "1", "minor": "32", "gitVersion": "v1.32.0", "gitCommit": "0" * 40, "gitTreeState": "clean",
    "buildDate": "2024-12-11T18:01:54Z", "goVersion": "go1.23.3", "compiler": "gc", "platform": "linux/amd64",
}  # fmt: skip


def find(group: str, resource: str) -> Kind | None:
    return next((each for each in KINDS if (each.group, each.resource) == (group, resource)), None)


def document(path: str, accept: str) -> tuple[str, Any] | None:
    """Content type and value at *path*; None where it is no part of discovery."""
    core = path == "/api"
    if core or path == "/apis":
        groups = sorted({(k.group, k.version) for k in KINDS if (k.group == "") is core})
        if AGGREGATED in accept:
            return f"application/json;{AGGREGATED}", {
                "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
                "items": [_aggregated(*each) for each in groups],
            }  # fmt: skip
        if core:
            return "application/json", {"kind": "APIVersions", "versions": ["v1"]}
        listed = [_group(*each) for each in groups]
        return "application/json", {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    steps = path.strip("/").split("/")
    if len(steps) == 2 and steps[0] == "apis":
        versions = [each for each in {(k.group, k.version) for k in KINDS} if each[0] == steps[1]]
        if versions:
            return "application/json", _group(*versions[0]) | {"kind": "APIGroup", "apiVersion": "v1"}
    group = "" if steps[0] == "api" else steps[1] if len(steps) > 1 else "?"
    if (steps[0] == "api" and len(steps) == 2) or (steps[0] == "apis" and len(steps) == 3):
        found = [each for each in KINDS if (each.group, each.version) == (group, steps[-1])]
        if found:
            return "application/json", {
                "kind": "APIResourceList", "apiVersion": "v1",
                "groupVersion": "/".join(filter(None, (group, steps[-1]))),
                "resources": [each for kind in found for each in _plain(kind)],
            }  # fmt: skip
    return None


def _group(group: str, version: str) -> dict[str, Any]:
    one = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [one], "preferredVersion": one}


def _plain(kind: Kind) -> list[dict[str, Any]]:
    whole = {
        "name": kind.resource, "singularName": kind.kind.lower(), "namespaced": kind.namespaced,
        "kind": kind.kind, "verbs": list(kind.verbs), "shortNames": list(kind.short),
    }  # fmt: skip
    inner = [
        {"name": f"{kind.resource}/{name}", "singularName": "", "namespaced": kind.namespaced, "kind": of,
         "verbs": list(verbs)}
        for name, of, verbs in kind.inner
    ]  # fmt: skip
    return [whole, *inner]


def _aggregated(group: str, version: str) -> dict[str, Any]:
    found = [each for each in KINDS if (each.group, each.version) == (group, version)]
    resources = [
        {
            "resource": kind.resource, "singularResource": kind.kind.lower(),
            "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
            "scope": "Namespaced" if kind.namespaced else "Cluster", "verbs": list(kind.verbs),
            "shortNames": list(kind.short),
            "subresources": [
                {"subresource": name, "verbs": list(verbs),
                 "responseKind": {"group": "", "version": "v1", "kind": of}}
                for name, of, verbs in kind.inner
            ],
        }
        for kind in found
    ]  # fmt: skip
    metadata = {"name": group, "creationTimestamp": None}
    return {
        "metadata": metadata,
        "versions": [{"version": version, "resources": resources, "freshness": "Current"}],
    }


def openapi(path: str) -> Any:
    """Enough of OpenAPI v3 for kubectl to know that the server checks fields itself."""
    groups = sorted({(each.group, each.version) for each in KINDS})
    names = {"/".join(filter(None, ("apis" if g else "api", g, v))): (g, v) for g, v in groups}
    if path == "/openapi/v3":
        return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}?hash=1"} for name in names}}
    found = names.get(path.removeprefix("/openapi/v3/"))
    if found is None:
        return None
    paths = {}
    for kind in KINDS:
        if (kind.group, kind.version) == found:
            prefix = f"/api/{kind.version}" if not kind.group else f"/apis/{kind.group}/{kind.version}"
            where = "/namespaces/{namespace}" if kind.namespaced else ""
            gvk = {"group": kind.group, "version": kind.version, "kind": kind.kind}
            operation = {
                "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
                "responses": {"200": {"description": "OK"}}, "x-kubernetes-group-version-kind": gvk,
            }  # fmt: skip
            paths[f"{prefix}{where}/{kind.resource}/{{name}}"] = {
                "patch": operation | {"x-kubernetes-action": "patch"}
            }
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.32.0"}, "paths": paths}
