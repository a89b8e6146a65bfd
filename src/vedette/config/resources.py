"""Decoding of ``resources:``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import cast

from vedette.config import kubernetes, places, ssh
from vedette.config.settings import (
    Binding,
    LoginSettings,
    Method,
    Record,
    ResourceSettings,
    Upstream,
    UpstreamTls,
)
from vedette.policy.spoken import PROTOCOLS
from vedette.policy.strict import Node

KEYS = ("protocol", "about", "upstream", "login", "labels", "record", "startup", "max_sessions")
UPSTREAM_KEYS = ("host", "port", "socket", "database", "tls", "ca", "direct")
LOGIN_KEYS = ("user", "password", "certificate", "key", "auth", "channel_binding")
RECORD_KEYS = ("statements", "parameters", "results")
TLS = ("verify-full", "verify-ca", "require", "disable")
METHODS = ("scram-sha-256", "md5", "password", "trust", "certificate")
BINDINGS = ("prefer", "require", "disable")
PORTS = {"postgres": 5432, "ssh": ssh.PORT, "kubernetes": kubernetes.PORT}
# What the gateway itself pins or gives (PostgreSQL manual, "Message Formats", StartupMessage).
PINNED = frozenset(
    {"user", "database", "replication", "options", "client_encoding", "standard_conforming_strings"}
    | {"role", "session_authorization"}
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,62}", re.ASCII)


def decode(node: Node | None, base: Path) -> Mapping[str, ResourceSettings]:
    """*base* is the folder of the file."""
    found = {name: _resource(name, each, base) for name, each in node.named().items()} if node else {}
    return MappingProxyType(found)


def _resource(name: str, node: Node, base: Path) -> ResourceSettings:
    if not _NAME.fullmatch(name):
        fix = "letters, digits, dot, dash and underscore, beginning with a letter or digit"
        node.problem(f'"{name}" is no name for a resource', fix, key=True)
    fields = node.fields(KEYS, required=("protocol", "upstream", "login"))
    protocol = (
        fields["protocol"].choice(tuple(PROTOCOLS), what="protocol") if "protocol" in fields else "postgres"
    )
    most = fields.get("max_sessions")
    upstream = _upstream(fields["upstream"], protocol, base) if "upstream" in fields else Upstream("", 0, "")
    login = _login(fields["login"], protocol, base) if "login" in fields else LoginSettings("")
    if protocol != "postgres" and "startup" in fields:
        fields["startup"].problem("startup: only databases have such settings", "remove it", key=True)
    if login.auth == "password" and upstream.tls == "disable" and not _near(upstream.host):
        fields["login"].problem(
            "auth: password would send the password in the clear", "use TLS, or scram-sha-256"
        )
    return ResourceSettings(
        name,
        protocol,
        upstream,
        login,
        labels=_labels(fields.get("labels")),
        record=_record(fields.get("record")),
        startup=_startup(fields.get("startup")),
        max_sessions=most.integer(1, 100_000) if most else 1000,
        about=fields["about"].text() if "about" in fields else "",
    )


def _near(host: str) -> bool:
    return host.startswith(("/", "127.")) or host in ("localhost", "::1")


def _upstream(node: Node, protocol: str, base: Path) -> Upstream:
    if protocol == "ssh":
        return ssh.upstream(node)
    if protocol == "kubernetes":
        return kubernetes.upstream(node, base)
    fields = node.fields(UPSTREAM_KEYS, required=("database",))
    if ("host" in fields) == ("socket" in fields) and isinstance(node.value, dict):
        node.problem("upstream: either host or socket is needed", "socket: is the folder of a Unix socket")
    host = places.host(fields["host"]) if "host" in fields else ""
    tls = cast(UpstreamTls, fields["tls"].choice(TLS) if "tls" in fields else "verify-full")
    if host.startswith("/"):
        fields["host"].problem("host: this is a path", f"write socket: {host}")
    if "socket" in fields:
        host = str(places.path(fields["socket"], base).absolute())
        if "tls" in fields and tls != "disable":
            fields["tls"].problem("a Unix socket has no TLS", "remove tls")
        tls = "disable"
    ca, direct = fields.get("ca"), fields.get("direct")
    if tls == "disable":
        for extra in (ca, direct):
            if extra is not None:
                extra.problem(
                    f"{extra.name} means nothing without TLS", "remove it, or write tls: verify-full"
                )
    elif ca is not None and tls == "require":
        ca.problem("tls: require checks no certificate, so ca means nothing", "write tls: verify-full")
    port = fields.get("port")
    return Upstream(
        host,
        port.integer(1, places.MAX_PORT) if port else PORTS.get(protocol, 0),
        fields["database"].text() if "database" in fields else "",
        tls,
        ca=places.path(ca, base) if ca else None,
        direct=direct.boolean() if direct else False,
    )


def _login(node: Node, protocol: str, base: Path) -> LoginSettings:
    if protocol == "ssh":
        return ssh.login(node)
    if protocol == "kubernetes":
        return kubernetes.login(node, base)
    fields = node.fields(LOGIN_KEYS, required=("user",))
    if ("certificate" in fields) != ("key" in fields):
        node.problem("login: certificate and key go together", "name both")
    auth = fields["auth"].choice(METHODS, what="method") if "auth" in fields else None
    if auth in ("scram-sha-256", "md5", "password") and "password" not in fields:
        fields["auth"].problem(f"auth: {auth} needs a password", f"add password: {places.WAYS[6:]}")
    if auth == "certificate" and "certificate" not in fields:
        fields["auth"].problem("auth: certificate needs one", "add certificate and key")
    binding = fields["channel_binding"].choice(BINDINGS) if "channel_binding" in fields else "prefer"
    return LoginSettings(
        fields["user"].text() if "user" in fields else "",
        password=places.secret(fields["password"]) if "password" in fields else None,
        certificate=places.path(fields["certificate"], base) if "certificate" in fields else None,
        key=places.secret(fields["key"]) if "key" in fields else None,
        auth=cast(Method | None, auth),
        channel_binding=cast(Binding, binding),
    )


def _labels(node: Node | None) -> Mapping[str, str]:
    found = {key: each.text() for key, each in node.named().items()} if node else {}
    return MappingProxyType(found)


def _record(node: Node | None) -> Record:
    if node is None:
        return Record()
    fields = node.fields(RECORD_KEYS)
    choices = {
        "statements": ("full", "shape"),
        "parameters": ("masked", "full", "none"),
        "results": ("shape", "masked", "none"),
    }
    return Record(**{name: each.choice(choices[name]) for name, each in fields.items()})  # type: ignore[arg-type]


def _startup(node: Node | None) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for key, each in (node.named() if node else {}).items():
        if key.lower() in PINNED:
            each.problem(f'"{key}" is set by the gateway itself', "remove it", key=True)
        elif not _SETTING.fullmatch(key):
            each.problem(f'"{key}" is no name of a setting', key=True)
        elif isinstance(each.value, int | float) and not isinstance(each.value, bool):
            found[key] = str(each.value)
        else:
            found[key] = each.text(empty=True)
        if "\0" in found.get(key, ""):
            each.problem(f"{key}: a value cannot hold a null character")
    return MappingProxyType(found)
