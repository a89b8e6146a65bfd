"""Decoding of what is particular to resources that speak SSH."""

from __future__ import annotations

import re

from vedette.config import places
from vedette.config.settings import LoginSettings, Upstream
from vedette.identity.ssh_ca import BadPublicKey, read_public_key
from vedette.policy.strict import Node

UPSTREAM_KEYS = ("host", "port", "host_key")
LOGIN_KEYS = ("user", "password", "key")
PORT = 22
MAX_HOST_KEYS = 8

# What no host's login name needs, and what would change the meaning of ours: login%resource.
_USER = re.compile(r"[A-Za-z0-9._-][A-Za-z0-9._@\\-]{0,63}", re.ASCII)


def upstream(node: Node) -> Upstream:
    """``host``, ``port`` and ``host_key``: one public key as OpenSSH writes it, or a list of them."""
    fields = node.fields(UPSTREAM_KEYS, required=("host", "host_key"))
    host = places.host(fields["host"]) if "host" in fields else ""
    if host.startswith("/"):
        fields["host"].problem("host: this is a path", "write the host's name or address")
    port = fields.get("port")
    return Upstream(
        host,
        port.integer(1, places.MAX_PORT) if port else PORT,
        "",
        host_keys=_host_keys(fields["host_key"]) if "host_key" in fields else (),
    )


def _host_keys(node: Node) -> tuple[str, ...]:
    entries = node.entries() if isinstance(node.value, list) else [node]
    if not 0 < len(entries) <= MAX_HOST_KEYS:
        node.problem(f"host_key: 1 to {MAX_HOST_KEYS} keys are needed", "ask for them with: ssh-keyscan HOST")
    return tuple(_host_key(each) for each in entries)


def _host_key(node: Node) -> str:
    """Kind and key, without the comment."""
    text = node.text()
    try:
        read_public_key(text)
    except BadPublicKey as problem:
        fix = "write the host's public key as ssh-keyscan prints it, without the host's name"
        node.problem(f"host_key: {problem}", fix)
        return ""
    return " ".join(text.split()[:2])


def login(node: Node) -> LoginSettings:
    """``user``, and a ``password`` or a ``key`` (or both), each from where secrets are kept."""
    fields = node.fields(LOGIN_KEYS, required=("user",))
    user = fields["user"].text() if "user" in fields else ""
    if user and not _USER.fullmatch(user):
        fields["user"].problem(f'"{user}" is no login name', "letters, digits, dot, dash, underscore")
    if not {"password", "key"} & fields.keys() and isinstance(node.value, dict):
        node.problem("login: a key or a password is needed", f"add key: {places.WAYS[6:]}")
    return LoginSettings(
        user,
        password=places.secret(fields["password"]) if "password" in fields else None,
        key=places.secret(fields["key"]) if "key" in fields else None,
    )
