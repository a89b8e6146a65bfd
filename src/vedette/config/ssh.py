"""Decoding of what is particular to resources that speak SSH."""

from __future__ import annotations

import re

from vedette.config import places
from vedette.config.settings import AuthoritySettings, LoginSettings, Upstream
from vedette.identity.ssh_ca import BadPublicKey, read_public_key
from vedette.policy.strict import Node

UPSTREAM_KEYS = ("host", "port", "host_key")
LOGIN_KEYS = ("user", "password", "key", "authority")
AUTHORITY_KEYS = ("key", "valid", "principals")
PORT = 22
MAX_HOST_KEYS = 8
#: How long a certificate for a host may be good for, in seconds: it only has to last until it is logged in.
MIN_VALID, MAX_VALID, VALID = 60.0, 3600.0, 300.0
MAX_PRINCIPALS = 16

# What no host's login name needs, and what would change the meaning of ours: login%resource.
_PRINCIPAL = re.compile(r"[A-Za-z0-9._-][A-Za-z0-9._@:/+-]{0,127}", re.ASCII)
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
    """``user``, and a ``password``, a ``key`` or an ``authority``, each from where secrets are kept."""
    fields = node.fields(LOGIN_KEYS, required=("user",))
    user = fields["user"].text() if "user" in fields else ""
    if user and not _USER.fullmatch(user):
        fields["user"].problem(f'"{user}" is no login name', "letters, digits, dot, dash, underscore")
    if not {"password", "key", "authority"} & fields.keys() and isinstance(node.value, dict):
        fix = f"add key: {places.WAYS[6:]}"
        node.problem("login: a key, a password or an authority is needed", fix)
    if {"key", "authority"} <= fields.keys():
        fields["key"].problem("login: a key and an authority are two ways for one", "remove one of them")
    return LoginSettings(
        user,
        password=places.secret(fields["password"]) if "password" in fields else None,
        key=places.secret(fields["key"]) if "key" in fields else None,
        authority=_authority(fields["authority"], user) if "authority" in fields else None,
    )


def _authority(node: Node, user: str) -> AuthoritySettings:
    """``key`` (without it, the gateway's own authority), ``valid`` and ``principals``."""
    fields = node.fields(AUTHORITY_KEYS)
    names = fields["principals"].texts() if "principals" in fields else (user,)
    if not 0 < len(names) <= MAX_PRINCIPALS or not all(map(_PRINCIPAL.fullmatch, names)):
        fix = "names as the host's AuthorizedPrincipalsFile has them, or its accounts"
        fields.get("principals", node).problem(f"principals: 1 to {MAX_PRINCIPALS} plain names", fix)
    valid = fields["valid"].duration(MIN_VALID, MAX_VALID) if "valid" in fields else VALID
    return AuthoritySettings(
        names, key=places.secret(fields["key"]) if "key" in fields else None, seconds=int(valid)
    )
