"""Decoding of what is particular to resources that are Kubernetes clusters."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import cast

from vedette.config import places
from vedette.config.settings import LoginSettings, Upstream, UpstreamTls
from vedette.credentials.source import Reference
from vedette.policy.strict import Node

UPSTREAM_KEYS = ("host", "port", "ca", "tls", "groups")
LOGIN_KEYS = ("token", "certificate", "key", "service_account", "exec", "impersonate")
TLS = ("verify-full", "verify-ca", "disable")
PORT = 6443
MAX_WORDS = 64
# With a dot: the groups without one are Kubernetes' own.
_GROUP = re.compile(r"(?:\*\.)?[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+", re.ASCII)
#: Where Kubernetes puts what a Pod logs in with ("Accessing the API from a Pod" in its documentation).
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_WAYS = "write one of token, certificate with key, service_account: true, exec: [COMMAND, ARGUMENT...]"


def upstream(node: Node, base: Path) -> Upstream:
    """``host``, ``port``, ``ca``; ``tls: disable`` for ``kubectl proxy`` on this machine only."""
    fields = node.fields(UPSTREAM_KEYS, required=("host",))
    host = places.host(fields["host"]) if "host" in fields else ""
    if host.startswith("/"):
        fields["host"].problem("host: this is a path", "write the API server's name or address")
    tls = cast(UpstreamTls, fields["tls"].choice(TLS) if "tls" in fields else "verify-full")
    ca = fields.get("ca")
    if tls == "disable":
        if not (host.startswith("127.") or host in ("localhost", "::1")):
            fields["tls"].problem("tls: disable would send the gateway's token in the clear", "remove it")
        if ca is not None:
            ca.problem("ca means nothing without TLS", "remove it, or tls: disable")
    port = fields.get("port")
    return Upstream(
        host,
        port.integer(1, places.MAX_PORT) if port else PORT,
        "",
        tls,
        ca=places.path(ca, base) if ca else None,
        groups=_groups(fields["groups"]) if "groups" in fields else (),
    )


def _groups(node: Node) -> tuple[str, ...]:
    groups = node.texts()
    for place, group in enumerate(groups):
        if not _GROUP.fullmatch(group):
            node.child(place, group).problem(
                f'"{group}" is no API group of others', 'write "cert-manager.io", or "*.example.com"'
            )
    return groups


def login(node: Node, base: Path) -> LoginSettings:
    """What the gateway shows the cluster, in exactly one of four ways; who it is there, the cluster knows."""
    fields = node.fields(LOGIN_KEYS)
    if ("certificate" in fields) != ("key" in fields):
        node.problem("login: certificate and key go together", "name both")
    account = fields["service_account"].boolean() if "service_account" in fields else False
    ways = [way for way in ("token", "certificate", "exec") if way in fields]
    if len(ways) + account != 1 and isinstance(node.value, dict):
        node.problem("login: exactly one way to log in is needed", _WAYS)
    token = places.secret(fields["token"]) if "token" in fields else None
    found = LoginSettings(
        "",
        token=token,
        certificate=places.path(fields["certificate"], base) if "certificate" in fields else None,
        key=places.secret(fields["key"]) if "key" in fields else None,
        command=_command(fields["exec"]) if "exec" in fields else (),
        impersonate=fields["impersonate"].boolean() if "impersonate" in fields else False,
    )
    if account:
        # Any container of the Pod may read it, so its mode says "shared" by design.
        return replace(found, token=Reference("file", str(SERVICE_ACCOUNT / "token"), shared=True))
    return found


def _command(node: Node) -> tuple[str, ...]:
    words = tuple(node.texts())
    if not 0 < len(words) <= MAX_WORDS or any("\0" in word for word in words):
        node.problem("exec: a command and its arguments are needed", "write exec: [COMMAND, ARGUMENT...]")
    elif not words[0].startswith("/"):
        # Which program it is must not hang on the gateway's PATH.
        node.problem("exec: the whole path of the command is needed", "write exec: [/usr/bin/COMMAND, ...]")
    return words
