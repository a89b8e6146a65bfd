"""``vedette version``."""

from __future__ import annotations

import platform

import typer

from vedette import __version__, native
from vedette.cli import screen
from vedette.cli.options import Json


def add(app: typer.Typer) -> None:
    app.command()(version)


def version(as_json: Json = False) -> None:
    """Print the version."""
    if as_json:
        return screen.emit(
            {"version": __version__, "python": platform.python_version(), "twin": native.described}
        )
    typer.echo(f"vedette {__version__} on Python {platform.python_version()}, {native.described}")
