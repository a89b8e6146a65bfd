"""Decoding of addresses, paths and references to secrets."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from vedette.config.settings import HostPort
from vedette.credentials.source import Reference
from vedette.policy.strict import Node

MAX_PORT = 65535
LOOPBACK = "127.0.0.1"
SOURCES = ("env", "file", "sealed")
WAYS = "write {env: NAME}, {file: PATH} or {sealed: NAME}"

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def listener(node: Node) -> HostPort:
    """``6432`` (on loopback) or ``host:port``; an IPv6 address in brackets."""
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return HostPort(LOOPBACK, node.integer(0, MAX_PORT))
    found = parse_listener(node.value) if isinstance(node.value, str) else None
    if found is None:
        node.problem(f"{node.name}: a port or host:port is needed here", 'write 6432, or "0.0.0.0:6432"')
        return HostPort(LOOPBACK, 0)
    return found


def parse_listener(text: str) -> HostPort | None:
    """None where *text* is neither a port nor ``host:port``."""
    host, colon, port = text.rpartition(":")
    if not (port.isascii() and port.isdecimal() and int(port) <= MAX_PORT):
        return None
    if not colon:
        return HostPort(LOOPBACK, int(port))
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        return HostPort(host, int(port)) if _address(host) == 6 else None
    return HostPort(host, int(port)) if is_host(host) else None


def is_host(text: str) -> bool:
    """A host name or an IPv4 address. (Names may hold underscores: container networks use them.)"""
    if _address(text) == 4:
        return True
    labels = text.removesuffix(".").split(".")
    return 0 < len(text) <= 253 and all(map(_NAME.fullmatch, labels)) and not labels[-1].isdecimal()


def _address(text: str) -> int:
    try:
        return ipaddress.ip_address(text).version
    except ValueError:
        return 0


def host(node: Node) -> str:
    """A host name or address, or the folder of a Unix socket."""
    text = node.text()
    if text and not text.startswith("/") and not is_host(text) and _address(text) != 6:
        node.problem(f'"{text}" is no host name, address or socket folder', "the port stands in port:")
    return text


def path(node: Node, base: Path) -> Path:
    """A path, relative ones from *base*."""
    text = node.text()
    if "\0" in text:
        node.problem(f"{node.name}: a path cannot hold a null character")
        return base
    if text.startswith("~"):
        node.problem(
            f'{node.name}: "~" is not resolved', "write the whole path, or one relative to this file"
        )
    return base / text


def secret(node: Node) -> Reference:
    """Where a secret is kept. The secret itself is refused, and quoted nowhere."""
    node.secret = True
    nowhere = Reference("env", "")
    if not isinstance(node.value, dict):
        node.problem(f"{node.name}: a secret is not written into the settings", WAYS)
        return nowhere
    fields = node.fields((*SOURCES, "shared"))
    sources = [source for source in SOURCES if source in fields]
    if len(sources) != 1:
        node.problem(f"{node.name}: exactly one source is needed", WAYS)
        return nowhere
    (source,) = sources
    name = fields[source].text()
    if source == "env" and name and not _VARIABLE.fullmatch(name):
        # Not quoted: people do paste the secret here.
        fields[source].problem(
            f"{node.name}: this is no name of an environment variable", "name the variable"
        )
    shared = fields["shared"].boolean() if "shared" in fields else False
    if shared and source != "file":
        fields["shared"].problem("shared is about files", "remove it")
    return Reference(source, name, shared)
