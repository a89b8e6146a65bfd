"""``vedette block``, ``unblock`` and ``blocks``: who is shut out, whatever it can prove."""

from __future__ import annotations

from typing import Annotated

import typer

from vedette.cli import screen
from vedette.cli.failures import ById
from vedette.cli.options import Config, Json, Reason, Url, seconds
from vedette.cli.reach import reach

app = typer.Typer(help="Who is shut out, whatever it can prove.", no_args_is_help=True)

Whom = Annotated[
    str, typer.Argument(metavar="ID", help="A principal (issuer#subject), or a credential's id (x509:...).")
]


def add(root: typer.Typer) -> None:
    root.command(cls=ById)(block)
    root.command(cls=ById)(unblock)


def block(
    whom: Whom,
    long: Annotated[str | None, typer.Option("--for", help="How long: 30m, 8h, 7d; else for good.")] = None,
    reason: Reason = "",
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Shut out a principal and whoever acts for it, or a credential. Its sessions end now."""
    wish = {"id": whom, "seconds": None if long is None else seconds(long, "--for"), "reason": reason}
    with reach(config, url) as api:
        done = api.post("/blocks", wish)
    if as_json:
        return screen.emit(done)
    screen.say(f"blocked {done['id']}, {_until(done['until'])}")


def unblock(
    whom: Whom, reason: Reason = "", config: Config = None, url: Url = None, as_json: Json = False
) -> None:
    """Take a block back. The operator can always do this."""
    with reach(config, url) as api:
        done = api.delete("/blocks", id=whom, reason=reason)
    if as_json:
        return screen.emit(done)
    screen.say(f"unblocked {done['id']}")


@app.command("list")
def list_blocks(config: Config = None, url: Url = None, as_json: Json = False) -> None:
    """List the blocks in force, newest first."""
    with reach(config, url) as api:
        found = api.get("/blocks")["items"]
    if as_json:
        return screen.emit(found)
    rows = [
        (each["id"], screen.when(each["created"]), _until(each["until"]), each["by"], each["reason"])
        for each in found
    ]
    screen.table(("who", "since", "until", "by", "reason"), rows, empty="no blocks")


def _until(until: float | None) -> str:
    return "for good" if until is None else f"until {screen.when(until)}"
