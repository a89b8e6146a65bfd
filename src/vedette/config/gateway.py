"""Decoding of ``gateway:``."""

from __future__ import annotations

from pathlib import Path

from vedette.config import places
from vedette.config.addresses import origin
from vedette.config.settings import KIB, MIB, Gateway, JournalSettings, Limits, Listen, Tls
from vedette.policy.strict import Node

ROLES = ("admins", "auditors", "approvers")
KEYS = ("url", "listen", "data", "tls", "downstream_tls", "journal", "limits", *ROLES)
LISTENERS = ("postgres", "web", "ssh", "kubernetes")
TLS_KEYS = ("certificate", "key", "ca")
JOURNAL_KEYS = ("durability", "checkpoint_every", "anchor")
LIMIT_KEYS = ("statement", "value", "sessions", "per_principal", "login_timeout", "idle")
DATA = "vedette-data"


def decode(node: Node | None, base: Path) -> Gateway:
    """*base* is the folder of the file."""
    if node is None:
        return Gateway(base / DATA)
    fields = node.fields(KEYS)
    secure = (
        fields["downstream_tls"].choice(("required", "allowed")) if "downstream_tls" in fields else "required"
    )
    return Gateway(
        data=places.path(fields["data"], base) if "data" in fields else base / DATA,
        listen=_listen(fields["listen"]) if "listen" in fields else Listen(),
        tls=_tls(fields["tls"], base) if "tls" in fields else Tls(),
        downstream_tls="allowed" if secure == "allowed" else "required",
        journal=_journal(fields["journal"], base) if "journal" in fields else JournalSettings(),
        limits=_limits(fields["limits"]) if "limits" in fields else Limits(),
        admins=groups(fields.get("admins")),
        auditors=groups(fields.get("auditors")),
        approvers=groups(fields.get("approvers")),
        url=_url(fields.get("url")),
    )


def _url(node: Node | None) -> str | None:
    text = None if node is None else node.text()
    if node is None or not text:
        return None
    if origin(text) != text:
        node.problem(
            f"{node.name}: an https address without path is needed here (http for this machine only)",
            "write https://vedette.example.com, in small letters and without a slash at the end",
        )
        return None
    return text


def groups(node: Node | None) -> frozenset[str]:
    """``{groups: [...]}``."""
    if node is None:
        return frozenset()
    fields = node.fields(("groups",), required=("groups",))
    return frozenset(fields["groups"].texts()) if "groups" in fields else frozenset()


def _listen(node: Node) -> Listen:
    fields = node.fields(LISTENERS)
    found = {name: places.listener(each) for name, each in fields.items()}
    taken: dict[object, str] = {}
    for name, where in found.items():
        if where.port and where in taken:
            fields[name].problem(f"{name} and {taken[where]} both listen on {where}", "choose another port")
        taken[where] = name
    return Listen(**found)


def _tls(node: Node, base: Path) -> Tls:
    fields = node.fields(TLS_KEYS)
    if ("certificate" in fields) != ("key" in fields):
        node.problem("tls: certificate and key go together", "name both, or neither for a generated one")
    found = {name: places.path(each, base) for name, each in fields.items()}
    return Tls(**found)


def _journal(node: Node, base: Path) -> JournalSettings:
    fields = node.fields(JOURNAL_KEYS)
    default = JournalSettings()
    durability = (
        fields["durability"].choice(("os", "fsync")) if "durability" in fields else default.durability
    )
    every = fields.get("checkpoint_every")
    return JournalSettings(
        durability="fsync" if durability == "fsync" else "os",
        checkpoint_every=every.integer(1, 1_000_000) if every else default.checkpoint_every,
        anchor=places.path(fields["anchor"], base) if "anchor" in fields else None,
    )


def _limits(node: Node) -> Limits:
    fields = node.fields(LIMIT_KEYS)
    default = Limits()

    def given(name: str) -> Node | None:
        return fields.get(name)

    statement, value, wait = given("statement"), given("value"), given("login_timeout")
    sessions, each, idle = given("sessions"), given("per_principal"), given("idle")
    return Limits(
        statement=statement.size(KIB, 1024 * MIB) if statement else default.statement,
        value=value.size(64 * KIB, 1024 * MIB) if value else default.value,
        sessions=sessions.integer(1, 100_000) if sessions else default.sessions,
        per_principal=each.integer(1, 100_000) if each else default.per_principal,
        login_timeout=wait.duration(1, 600) if wait else default.login_timeout,
        idle=None if idle is None or idle.value == "none" else idle.duration(1, 30 * 86400),
    )
