"""``vedette whoami`` and ``vedette resources``: who the gateway takes us for, and what that opens."""

from __future__ import annotations

import typer

from vedette.cli import held, screen
from vedette.cli.held import As
from vedette.cli.options import Config, Json, Url


def add(app: typer.Typer) -> None:
    app.command()(whoami)
    app.command()(resources)


def whoami(config: Config = None, url: Url = None, name: As = None, as_json: Json = False) -> None:
    """Say who the gateway takes you for."""
    there = held.client(config, url, name)
    said = there.gateway.whoami()
    if as_json:
        return screen.emit(said | {"gateway": there.url})
    screen.fields(
        [
            ("gateway", there.url),
            ("principal", said["principal"]),
            ("kind", said["kind"]),
            ("groups", ", ".join(said["groups"])),
            ("on behalf of", said["actor"]),
            ("e-mail", said["email"]),
            ("role", said["role"]),
            ("until", screen.when(said["expires"])),
        ]
    )


def resources(config: Config = None, url: Url = None, name: As = None, as_json: Json = False) -> None:
    """List what you may reach, and what you may do there."""
    found = held.client(config, url, name).resources()
    if as_json:
        return screen.emit([dict(each.said or {}) for each in found])
    rows = [(each.name, each.protocol, _may(each.may), each.about) for each in found]
    screen.table(("name", "protocol", "may", "about"), rows, empty="nothing that you may reach")


def _may(may: object) -> str:
    """What may be done, in words: ``{"allowed": [...], "held": [...], "denied": [...]}``."""
    if not isinstance(may, dict):
        return ""
    parts = [
        f"{word}: {', '.join(map(str, may[word]))}"
        for word in ("allowed", "held", "denied", "masked")
        if isinstance(may.get(word), list) and may[word]
    ]
    return "; ".join(parts)
