"""``vedette token``: short-lived tokens that the gateway issues."""

from __future__ import annotations

from typing import Annotated

import typer

from vedette.cli import screen
from vedette.cli.failures import ById
from vedette.cli.options import Config, Groups, Json, Limit, Reason, Url, groups, seconds
from vedette.cli.reach import reach
from vedette.model import Kind

app = typer.Typer(help="Tokens that the gateway issues.", no_args_is_help=True)


@app.command()
def issue(
    subject: Annotated[str, typer.Option("--subject", "-s", help="Who it is for.")],
    group: Groups = None,
    kind: Annotated[Kind, typer.Option("--kind", "-k", help="What sort of caller.")] = Kind.AGENT,
    ttl: Annotated[str, typer.Option("--ttl", help="How long it lives: 10m, 1h, 7d.")] = "1h",
    actor: Annotated[str | None, typer.Option("--actor", help="On whose behalf.")] = None,
    email: Annotated[str | None, typer.Option("--email", help="Its owner's e-mail address.")] = None,
    note: Annotated[str, typer.Option("--note", help="For the record.")] = "",
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Issue a token. It is printed this once, and kept nowhere."""
    wish = {
        "subject": subject, "kind": kind.value, "groups": groups(group), "ttl": seconds(ttl, "--ttl"),
        "actor": actor, "email": email, "note": note,
    }  # fmt: skip
    with reach(config, url) as api:
        made = api.post("/tokens", wish)
    if as_json:
        return screen.emit(made)
    screen.note(f"{made['kind']} {made['subject']}, until {screen.when(made['expires'])}; id {made['id']}")
    typer.echo(made["token"])


@app.command("list")
def list_tokens(
    expired: Annotated[bool, typer.Option("--expired", help="Those that have expired, too.")] = False,
    limit: Limit = 200,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List issued tokens, newest first."""
    with reach(config, url) as api:
        found = api.get("/tokens", expired=expired, limit=min(limit, 1000))["items"]
    if as_json:
        return screen.emit(found)
    rows = [
        (
            each["id"], each["subject"], each["kind"], ", ".join(each["groups"]),
            screen.when(each["expires"]),
            screen.verdict("revoked") if each["revoked"] else "", each["note"],
        )
        for each in found
    ]  # fmt: skip
    screen.table(("id", "subject", "kind", "groups", "expires", "", "note"), rows, empty="no tokens")


@app.command(cls=ById)
def revoke(
    token: Annotated[str, typer.Argument(help="The token's id.")],
    reason: Reason = "",
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a token void, and end the sessions that it opened."""
    with reach(config, url) as api:
        done = api.post(f"/tokens/{screen.part(token)}/revoke", {"reason": reason})
    if as_json:
        return screen.emit(done)
    screen.say(f"revoked {done['id']}")
