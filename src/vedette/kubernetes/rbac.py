"""Roles and bindings: what they give, and whether that is a way to more.

Source: Kubernetes documentation, "Using RBAC Authorization" and "Role Based Access Control Good Practices"
(privilege escalation risks).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vedette.kubernetes.documents import Unreadable, text

ROLES = frozenset({"clusterroles", "roles"})
BINDINGS = frozenset({"clusterrolebindings", "rolebindings"})
RESOURCES = ROLES | BINDINGS
ANY = "*"

_READING = frozenset({"get", "list", "watch", ANY})
_WRITING = frozenset({"create", "update", "patch", "delete", "deletecollection", ANY})
_VERBS = frozenset({ANY, "approve", "attest", "bind", "escalate", "impersonate", "sign"})
# Who may write these, runs programs as others, lets others in, or changes the rules of the cluster.
_WRITTEN = frozenset(
    {
        "apiservices", "certificatesigningrequests", "certificatesigningrequests/approval",
        "clusterrolebindings", "clusterroles", "cronjobs", "customresourcedefinitions", "daemonsets",
        "deployments", "jobs", "mutatingadmissionpolicies", "mutatingadmissionpolicybindings",
        "mutatingwebhookconfigurations", "namespaces", "nodes", "nodes/proxy", "nodes/status",
        "persistentvolumes", "pods", "pods/attach", "pods/ephemeralcontainers", "pods/exec",
        "pods/portforward", "pods/proxy", "podtemplates", "replicasets", "replicationcontrollers",
        "rolebindings", "roles", "secrets", "serviceaccounts", "serviceaccounts/token", "services/proxy",
        "statefulsets", "validatingadmissionpolicies", "validatingadmissionpolicybindings",
        "validatingwebhookconfigurations",
    }
)  # fmt: skip
_READ = frozenset(
    {"nodes/proxy", "pods/attach", "pods/exec", "pods/portforward", "secrets", "services/proxy"}
)
_ROLES = frozenset({"admin", "cluster-admin", "edit"})
_EVERYBODY = frozenset(
    {"system:anonymous", "system:authenticated", "system:unauthenticated", "system:serviceaccounts"}
)
_AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"


@dataclass(frozen=True, slots=True)
class Given:
    grants: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    escalates: bool = False


def read(body: dict[str, Any]) -> Given:
    """What a role or a binding, or a part of one, gives. Raises Unreadable."""
    grants: dict[str, None] = {}
    escalates = bool(body.get("aggregationRule")) or _aggregated(body)
    for rule in _objects(body.get("rules")):
        verbs, names = _texts(rule.get("verbs")), _texts(rule.get("resources"))
        groups, urls = _texts(rule.get("apiGroups")), _texts(rule.get("nonResourceURLs"))
        for verb in verbs or (ANY,):
            for name in names:
                for group in groups or ("",):
                    grants[f"{verb} {name}.{group}" if group else f"{verb} {name}"] = None
            for url in urls:
                grants[f"{verb} {url}"] = None
        # A part of a rule leaves the rest as it is: what that says is not known here.
        whole = bool(verbs) and bool(names or urls)
        escalates = escalates or not whole or _escalates(frozenset(verbs), frozenset(names), frozenset(urls))
    binds, subjects = _bound(body)
    escalates = escalates or any(_much(each) for each in binds)
    escalates = escalates or any(each.partition("/")[2] in _EVERYBODY for each in subjects)
    return Given(tuple(grants), binds, subjects, escalates)


def _escalates(verbs: frozenset[str], names: frozenset[str], urls: frozenset[str]) -> bool:
    if verbs & _VERBS or any(ANY in each for each in names) or any(each.strip("/") == ANY for each in urls):
        return True
    return bool((names & _WRITTEN and verbs & _WRITING) or (names & _READ and verbs & _READING))


def _bound(body: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    reference = body.get("roleRef")
    binds = (_pair(reference),) if reference is not None else ()
    return binds, tuple(_pair(each) for each in _objects(body.get("subjects")))


def _pair(value: Any) -> str:
    if not isinstance(value, dict):
        raise Unreadable("a role or a subject that is no object")
    kind, name, where = (text(value.get(key)) for key in ("kind", "name", "namespace"))
    return f"{kind}/{where}/{name}" if where else f"{kind}/{name}"


def _much(bound: str) -> bool:
    name = bound.partition("/")[2]
    return name in _ROLES or name.startswith("system:") or not name


def _aggregated(body: dict[str, Any]) -> bool:
    metadata = body.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    return isinstance(labels, dict) and any(name.startswith(_AGGREGATE) for name in labels)


def _objects(value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise Unreadable("rules or subjects that are no list of objects")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Unreadable("a rule with something else than texts in it")
    return tuple(value)
