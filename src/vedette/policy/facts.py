"""What a condition may ask about, by name: the one list that decoding, evaluation and the manual share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vedette.model import Action, Principal, Resource

Path = tuple[str, ...]

# By dialect: the facts that a reading of an action gives, each with a value of its type, on which conditions
# are tried at load. Source: Facts.for_policy of vedette.sql and vedette.shell, vedette.kubernetes.actions.
DIALECTS: Mapping[str, Mapping[str, object]] = {
    "sql": {
        "unscoped": False,
        "verbs": ("SELECT",),
        "statements": 1,
        "ddl": False,
        "copy_in": False,
        "copy_out": False,
        "transaction": ("begin",),
    },
    "shell": {
        "programs": ("ls",),
        "mentions": ("/srv/app",),
        "hosts": ("example.com:443",),
        "commands": 1,
        "elevated": False,
        "background": False,
    },
    "kubernetes": {
        "verb": "create",
        "verbs": ("create", "bind"),
        "group": "apps",
        "version": "v1",
        "resource": "deployments",
        "subresource": "",
        "namespace": "prod",
        "name": "web",
        "dry_run": False,
        "field_manager": "kubectl",
        "label_selector": "app=web",
        "field_selector": "",
        "container": "",
        "stdin": False,
        "tty": False,
        "images": ("registry.example/web:1",),
        "privileged": False,
        "capabilities": ("NET_ADMIN",),
        "host_paths": ("/var/run",),
        "host_namespaces": ("network",),
        "service_accounts": ("web",),
        "secrets": ("web",),
        "grants": ("get pods",),
        "binds": ("ClusterRole/view",),
        "subjects": ("Group/ops",),
        "escalates": False,
        "replicas": 1,
        "stops": False,
        "drains": False,
        "removes_finalizers": False,
        "signer": "",
        "loosens": False,
        "fields": ("spec.replicas",),
    },
}

PRINCIPAL: Mapping[str, Callable[[Principal], object]] = {
    "subject": lambda principal: principal.subject,
    "kind": lambda principal: str(principal.kind),
    "groups": lambda principal: tuple(sorted(principal.groups)),
    "issuer": lambda principal: principal.issuer,
    "email": lambda principal: principal.email,
    "actor": lambda principal: principal.actor,
}

RESOURCE: Mapping[str, Callable[[Resource], object]] = {
    "name": lambda resource: resource.name,
    "protocol": lambda resource: resource.protocol,
    "labels": lambda resource: dict(resource.labels),
}

ACTION: Mapping[str, Callable[[Action], object]] = {
    "protocol": lambda action: action.protocol,
    "kind": lambda action: action.kind,
    "text": lambda action: action.text,
    "parameters": lambda action: action.parameters,
    "effects": lambda action: tuple(sorted(map(str, action.effects))),
    "objects": lambda action: action.objects,
}

# Settled by touches and facts: two actions equal in those are equal in these.
SETTLED = frozenset({"protocol", "effects", "objects"})

ROOTS: Mapping[str, tuple[str, ...]] = {
    "principal": tuple(PRINCIPAL),
    "resource": tuple(RESOURCE),
    "action": (*ACTION, *DIALECTS),
}


def of_principal(principal: Principal) -> dict[str, object]:
    """What is known of *principal*; what its token did not say is absent (a condition on it: MAYBE)."""
    known = {name: read(principal) for name, read in PRINCIPAL.items()}
    return {name: value for name, value in known.items() if value is not None}


def of_resource(resource: Resource) -> dict[str, object]:
    return {name: read(resource) for name, read in RESOURCE.items()}
