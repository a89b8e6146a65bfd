"""``vedette connect`` and ``vedette env``: a way to one resource for programs of this machine."""

from __future__ import annotations

import os
import shlex
import signal
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vedette.cli import held, screen
from vedette.cli.held import As
from vedette.cli.options import Config, Json, Url
from vedette.cli.outcome import USAGE, Failure

if TYPE_CHECKING:
    from vedette.client import Client
    from vedette.client.porter import Porter

Name = Annotated[str, typer.Argument(help="The resource.")]


def add(app: typer.Typer) -> None:
    app.command()(connect)
    app.command()(env)


def connect(
    resource: Name,
    command: Annotated[
        list[str] | None, typer.Argument(help="With --exec, after --: what to run. [default: psql]")
    ] = None,
    execute: Annotated[bool, typer.Option("--exec", help="Run a program there, then end.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The local port. [default: a free one]")] = 0,
    name: As = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Open a port of this machine that leads to a database, and print a ready DSN for it.

    The port adds a token that is always good; the password in the DSN opens nothing but this port, and is
    void when this command ends.
    """
    from vedette.client.porter import Porter

    if command and not execute:
        raise Failure("a program is run with --exec", f"vedette connect {resource} --exec -- ...", code=USAGE)
    there = held.client(config, url, name)
    _is_database(there, resource)
    with Porter(
        there.door(_user(there), "vedette connect"), resource, there.credential.token, port=port
    ) as porter:
        if execute:
            raise typer.Exit(_run(porter, resource, command or ["psql"]))
        over = _end()
        _say(porter, resource, as_json=as_json)
        over.wait()


def _user(there: Client) -> str:
    return str(there.gateway.whoami()["subject"])


def _is_database(there: Client, resource: str) -> None:
    for each in there.resources():
        if each.name == resource:
            if each.protocol == "postgres":
                return
            raise Failure(f"{resource} speaks {each.protocol}", "see: vedette ssh-config, vedette kubeconfig")
    raise Failure(f"no resource {resource!r} that you may reach", "see: vedette resources")


def _run(porter: Porter, resource: str, command: list[str]) -> int:
    from vedette.client import places
    from vedette.client.child import Child
    from vedette.client.postgres import STRAY
    from vedette.client.run import PRIVATE

    with tempfile.TemporaryDirectory(prefix="vedette-") as folder:
        passwords = Path(folder) / "pgpass"
        places.write(passwords, porter.door.password_file(porter.password))
        environment = {key: value for key, value in os.environ.items() if key not in STRAY | PRIVATE}
        return Child(command, environment | porter.door.environment(resource, passwords)).run()


def _say(porter: Porter, resource: str, *, as_json: bool) -> None:
    door = porter.door
    if as_json:
        return screen.emit_line(
            {
                "resource": resource, "host": door.where.host, "port": door.where.port, "user": door.user,
                "password": porter.password, "dsn": door.dsn(resource, porter.password),
            }
        )  # fmt: skip
    print(door.dsn(resource, porter.password), flush=True)
    screen.note(f"this leads to {resource} until Ctrl-C")


def _end() -> threading.Event:
    """Set by Ctrl-C or SIGTERM, from now on."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: over.set())
    return over


def env(
    resource: Name, name: As = None, config: Config = None, url: Url = None, as_json: Json = False
) -> None:
    """Print variables that lead psql and drivers to a database: eval "$(vedette env NAME)".

    The token stands in a private file that PGPASSFILE names, not in a variable. It is not renewed: ask
    again when it is over, or use `vedette run` or `vedette connect`.
    """
    from vedette.client import places
    from vedette.client.keep import Keep

    there = held.client(config, url, name)
    _is_database(there, resource)
    door = there.door(_user(there))
    folder = places.folder(Keep().folder / "env")
    passwords = folder / f"{screen.part(door.where.host)}-{door.where.port}-{door.user}.pgpass"
    places.write(passwords, door.password_file(there.credential.token()))
    found = door.environment(resource, passwords)
    if as_json:
        return screen.emit(found)
    for key, value in found.items():
        typer.echo(f"export {key}={shlex.quote(value)}")
