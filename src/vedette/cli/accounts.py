"""``vedette accounts``: programs that get tokens with an id and a secret."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from vedette.cli import members, screen
from vedette.cli.members import Member, Words
from vedette.cli.options import Config, Groups, Json, Url, groups
from vedette.cli.reach import reach
from vedette.model import Kind

app = typer.Typer(help="Service accounts of the built-in issuer.", no_args_is_help=True)


@app.command()
def create(
    name: Member,
    group: Groups = None,
    kind: Annotated[Kind, typer.Option("--kind", "-k", help="agent or service.")] = Kind.AGENT,
    owner: Annotated[str, typer.Option("--owner", help="The person who may lend it out.")] = "",
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make an account. Its secret is printed this once, and kept nowhere."""
    wish = {"name": name, "kind": kind.value, "groups": groups(group), "owner": owner}
    with reach(config, url) as api:
        made = api.post("/accounts", wish)
    _show(made, as_json)


@app.command("list")
def list_accounts(config: Config = None, url: Url = None, as_json: Json = False) -> None:
    """List accounts."""
    with reach(config, url) as api:
        found = api.get("/accounts")["items"]
    if as_json:
        return screen.emit(found)
    rows = [
        (
            each["name"], each["kind"], ", ".join(each["groups"]), each["owner"], screen.when(each["used"]),
            screen.verdict("disabled") if each["disabled"] else "",
        )
        for each in found
    ]  # fmt: skip
    screen.table(("name", "kind", "groups", "owner", "last used", ""), rows, empty="no accounts")


@app.command()
def rotate(name: Member, config: Config = None, url: Url = None, as_json: Json = False) -> None:
    """Give an account another secret, printed this once. The old one and its tokens are void."""
    with reach(config, url) as api:
        made = api.post(f"/accounts/{screen.part(name)}/rotate")
    _show(made, as_json)


members.add(
    app,
    "accounts",
    Words(
        groups="Give an account exactly these groups. What it had by a lost one ends.",
        disable="Shut an account out: its tokens are void, its sessions end.",
        enable="Let an account in again, with the secret it had.",
    ),
)


def _show(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return screen.emit(made)
    screen.note(f"{made['kind']} account; client id {made['name']}, and its secret:")
    typer.echo(made["secret"])
