"""``vedette check`` and ``vedette init``: the settings file."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from vedette.cli import screen
from vedette.cli.options import DEFAULT_CONFIG, Config, Json
from vedette.cli.outcome import NO, Failure


def add(app: typer.Typer) -> None:
    app.command()(check)
    app.command()(init)


def check(
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as problems.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Say what the settings mean, or what is wrong with them and on which line."""
    from vedette.config import ConfigError, load, render, summary, unready

    file = config or DEFAULT_CONFIG
    try:
        settings = load(file)
    except ConfigError as error:
        if as_json:
            screen.emit({"ok": False, "problems": [asdict(each) for each in error.problems]})
            raise typer.Exit(NO) from None
        raise
    found = summary(settings)
    missing = unready(settings, os.environ)
    if as_json:
        screen.emit({"ok": True, "summary": asdict(found), "missing": [asdict(each) for each in missing]})
    else:
        lines = render(found).splitlines()
        sys.stdout.write("".join(f"{screen.inert(line)}\n" for line in lines))
        for each in missing:
            screen.say(f"not here: {each.message}; {each.fix}", style="yellow")
    if strict and (found.warnings or missing):
        raise typer.Exit(NO)


def init(
    config: Config = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented vedette.yaml to start from."""
    from vedette.config import starter

    file = config or DEFAULT_CONFIG
    if file.exists() and not force:
        raise Failure(f"{file} exists", "name another with --config, or replace it with --force")
    file.write_text(starter(), encoding="utf-8")
    screen.say(f"wrote {file}; next: edit it, then vedette check, then vedette serve")
