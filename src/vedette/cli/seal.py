"""``vedette seal``: secrets for upstream logins, in the gateway's own store. Works on the data folder."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from vedette.cli import screen
from vedette.cli.options import Config, Json
from vedette.cli.outcome import USAGE, Failure
from vedette.cli.reach import settings_at

if TYPE_CHECKING:
    from vedette.config import Settings
    from vedette.credentials import Secret
    from vedette.credentials.changes import SealedChange
    from vedette.store import Store

app = typer.Typer(
    help="Secrets for upstream logins, sealed with AES-256-GCM in the store.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="What {sealed: NAME} in vedette.yaml says.")]
T = TypeVar("T")


@app.command()
def put(name: Name, config: Config = None) -> None:
    """Seal a secret, read from standard input (or asked for), never from the command line."""
    from vedette.folder import Folder

    settings = settings_at(config)
    secret = _secret()
    sealed = Folder(settings.gateway.data).seal(os.environ).seal(name, secret)
    _with_store(settings, lambda store: store.sealed.put(sealed))
    screen.say(f"sealed {name} under key {sealed.key_id}")


@app.command("list")
def list_sealed(config: Config = None, as_json: Json = False) -> None:
    """List what is sealed: names and keys, never values."""
    found = _with_store(settings_at(config), lambda store: store.sealed.all())
    if as_json:
        return screen.emit([{"name": each.name, "key": each.key_id} for each in found])
    screen.table(("name", "key"), [(each.name, each.key_id) for each in found], empty="nothing is sealed")


@app.command()
def remove(name: Name, config: Config = None) -> None:
    """Forget a sealed secret."""
    if not _with_store(settings_at(config), lambda store: store.sealed.remove(name)):
        raise Failure(f"nothing is sealed as {name}", "vedette seal list shows what is")
    screen.say(f"removed {name}")


@app.command()
def rotate(config: Config = None, as_json: Json = False) -> None:
    """Seal everything anew that an old key sealed; nothing, where one of them does not open."""
    from vedette.folder import Folder

    settings = settings_at(config)
    seal = Folder(settings.gateway.data).seal(os.environ)
    count = _with_store(settings, lambda store: seal.rotate(store.sealed))
    if as_json:
        return screen.emit({"sealed": count, "key": seal.key_id})
    screen.say(f"sealed {count} anew under key {seal.key_id}")


def _secret() -> Secret:
    from vedette.credentials import Secret
    from vedette.credentials.source import MAX_SECRET_BYTES

    if sys.stdin.isatty():
        return Secret(typer.prompt("secret", hide_input=True, confirmation_prompt=True))
    given = sys.stdin.buffer.read(MAX_SECRET_BYTES + 2)
    # One line end is the shell's, not the secret's.
    given = given.removesuffix(b"\n").removesuffix(b"\r")
    if not given:
        raise Failure(
            "standard input is empty", "pipe the secret in: vedette seal put NAME < file", code=USAGE
        )
    return Secret(given)


def _with_store(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    from vedette.credentials.changes import SealedChanges
    from vedette.folder import Folder
    from vedette.store import Store

    async def run() -> T:
        home = Folder(settings.gateway.data)
        home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = await Store.open(home.store)
        try:
            if home.in_use:
                return await work(store)  # the gateway looks, and puts it on record
            changes = SealedChanges(store.sealed)
            await changes.look()
            done = await work(store)
            _record(settings, await changes.look())
            return done
        finally:
            await store.close()

    return asyncio.run(run())


def _record(settings: Settings, changes: list[SealedChange]) -> None:
    from vedette.cli.offline import LazyJournal
    from vedette.cli.operator import operator
    from vedette.trail.events import ConfigChanged

    journal = LazyJournal(settings)
    try:
        for each in changes:
            journal.record(
                ConfigChanged(
                    at=time.time(), by=operator(settings), what="credential", name=each.name,
                    before=each.before, after=each.after,
                )
            )  # fmt: skip
    finally:
        journal.close()
