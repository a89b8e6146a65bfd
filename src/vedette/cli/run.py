"""``vedette run``: a program whose resources are behind the gateway, and which need not know it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vedette.cli import held, screen
from vedette.cli.options import Config, Groups, Url, groups, seconds
from vedette.cli.outcome import USAGE, Failure

if TYPE_CHECKING:
    from vedette.client import Client, Resource
    from vedette.client.lend import Wish

PASSED = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def add(app: typer.Typer) -> None:
    app.command(context_settings=PASSED)(run)


def run(
    command: Annotated[list[str], typer.Argument(help="The program and its arguments, after --.")],
    name: Annotated[
        str | None,
        typer.Option("--as", envvar="VEDETTE_AS", help="The agent to be: a held login's name, or a loan's."),
    ] = None,
    resource: Annotated[
        str | None,
        typer.Option("--resource", "-r", help="The database of PGDATABASE. [default: if there is only one]"),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--resources", help="A loan's resources. [default: all of yours]")
    ] = None,
    group: Groups = None,
    ttl: Annotated[str, typer.Option(help="How long a loan lives; it is renewed while it runs.")] = "1h",
    config: Config = None,
    url: Url = None,
) -> None:
    """Run a program that reaches its resources through the gateway: psql, drivers, kubectl and ssh find
    their way by what is in its environment. Its exit status is this command's.

    With --as NAME it is that agent: by the login of that name, or on a token that you lend it, narrower
    than yours and void when the program ends.
    """
    from vedette.cli.agent import acting
    from vedette.client.child import Child
    from vedette.client.lend import Wish
    from vedette.client.tools import prepared

    wish = None
    if name is not None:
        wish = Wish(name, tuple(groups(group)), tuple(groups(only)), seconds(ttl, "--ttl"))
    # Whatever ends us before the program runs, nothing is left behind and no loan stays good.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    there, wish = _caller(config, url, wish)
    with acting(there, wish, f"vedette run --as {name}" if name else "") as credential:
        mine = there.acting(credential, name or "")
        found = mine.resources()
        database = _database(found, resource)
        again = [sys.executable, "-m", "vedette"]
        more, files = prepared(found, again, os.environ.get("PATH", os.defpath), mine.ca)
        with mine.run(name or "", database, more=more, files=files) as made:
            status = Child(command, made.environment()).run()
    raise typer.Exit(status)


def _caller(config: Path | None, url: str | None, wish: Wish | None) -> tuple[Client, Wish | None]:
    """The agent's own login, where it has one; else ours, and what it is to be lent."""
    from vedette.cli.reach import settings_if_any
    from vedette.client.keep import Keep

    given = os.environ.get("VEDETTE_TOKEN") or os.environ.get("VEDETTE_TOKEN_FILE")
    if wish is not None and not given and (url is not None or settings_if_any(config) is None):
        own = Keep().find(url.rstrip("/") if url else None, wish.agent)
        if own is not None:
            return held.client(None, own.gateway, own.name), None
    return held.client(config, url), wish


def _database(found: list[Resource], wanted: str | None) -> str | None:
    """The resource that a driver reaches without being told. Raises Failure."""
    names = [each.name for each in found if each.protocol == "postgres"]
    if wanted is not None:
        if wanted not in names:
            raise Failure(f"no database {wanted!r} that it may reach", "see: vedette resources", code=USAGE)
        return wanted
    if len(names) > 1:
        screen.note(f"several databases ({', '.join(names)}): none is PGDATABASE; --resource names one")
    return names[0] if len(names) == 1 else None
