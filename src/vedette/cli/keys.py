"""``vedette key``: long-lived API keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vedette.cli import screen
from vedette.cli.options import Config, Groups, Json, Limit, Reason, Url, groups, seconds
from vedette.cli.outcome import Failure
from vedette.cli.people import password
from vedette.cli.reach import reach
from vedette.model import Kind

app = typer.Typer(
    help="API keys: long-lived, of which the gateway keeps a verifier only.", no_args_is_help=True
)


@app.command()
def create(
    subject: Annotated[str, typer.Option("--subject", "-s", help="Who it is for.")],
    name: Annotated[str | None, typer.Option("--name", help="Its name. [default: the subject]")] = None,
    group: Groups = None,
    kind: Annotated[Kind, typer.Option("--kind", "-k", help="What sort of caller.")] = Kind.AGENT,
    ttl: Annotated[str | None, typer.Option("--ttl", help="How long it lives; else until revoked.")] = None,
    owner: Annotated[str, typer.Option("--owner", help="The person who answers for it.")] = "",
    ssh: Annotated[
        Path | None,
        typer.Option("--ssh", help="A public SSH key (.pub) that proves it, in place of a secret."),
    ] = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make an API key. It is printed this once, and kept nowhere."""
    wish = {
        "name": name or subject, "subject": subject, "kind": kind.value, "groups": groups(group),
        "ttl": None if ttl is None else seconds(ttl, "--ttl"), "owner": owner,
    }  # fmt: skip
    if ssh is not None:
        wish["public_key"] = _public(ssh)
    with reach(config, url) as api:
        made = api.post("/keys", wish)
    if as_json:
        return screen.emit(made)
    until = f"until {screen.when(made['expires'])}" if made["expires"] else "until revoked"
    screen.note(f"{made['kind']} {made['subject']}, {until}; id {made['id']}, log in as {made['name']}")
    typer.echo(made["key"] or made["ssh"])


@app.command()
def register(
    file: Annotated[Path, typer.Argument(help="Your public SSH key, such as ~/.ssh/id_ed25519.pub.")],
    name: Annotated[str, typer.Option("--name", help="Its name.")],
    ttl: Annotated[str | None, typer.Option("--ttl", help="How long it lives; else until revoked.")] = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Register your own public SSH key: whoever has its private half is you, over SSH."""
    wish: dict[str, object] = {"name": name, "public_key": _public(file)}
    wish["ttl"] = None if ttl is None else seconds(ttl, "--ttl")
    wish["password"] = password("your password", again=False)
    with reach(config, url) as api:
        made = api.post("/keys/own", wish)
    if as_json:
        return screen.emit(made)
    screen.say(f"{made['ssh']} speaks for {made['subject']}; id {made['id']}")


def _public(file: Path) -> str:
    """One line; what it says is for the gateway to judge. A private key never leaves this machine."""
    try:
        text = file.read_text("ascii").strip()
    except (OSError, UnicodeError):
        raise Failure(f"{file} cannot be read as a public key") from None
    if "PRIVATE KEY" in text or "\n" in text:
        raise Failure(f"{file} is no public key", "name the .pub file")
    return text


@app.command("list")
def list_keys(limit: Limit = 200, config: Config = None, url: Url = None, as_json: Json = False) -> None:
    """List API keys, newest first."""
    with reach(config, url) as api:
        found = api.get("/keys", limit=min(limit, 1000))["items"]
    if as_json:
        return screen.emit(found)
    rows = [
        (
            each["id"], each["name"], each["subject"], each["kind"], ", ".join(each["groups"]), each["owner"],
            screen.when(each["expires"]) or "never", screen.when(each["used"]),
            screen.verdict("revoked") if each["revoked"] else "",
        )
        for each in found
    ]  # fmt: skip
    columns = ("id", "name", "subject", "kind", "groups", "owner", "expires", "last used", "")
    screen.table(columns, rows, empty="no API keys")


@app.command("groups")
def change_groups(
    key: Annotated[str, typer.Argument(help="The key's id: vdt_ and eight characters.")],
    group: Groups = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Put an API key into these groups and no others; sessions that lose one end."""
    with reach(config, url) as api:
        done = api.post(f"/keys/{screen.part(key)}/groups", {"groups": groups(group)})
    if as_json:
        return screen.emit(done)
    screen.say(f"{done['id']} is in {', '.join(done['groups']) or 'no group'}")


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The key's id: vdt_ and eight characters.")],
    reason: Reason = "",
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make an API key void, and end the sessions that it opened."""
    with reach(config, url) as api:
        done = api.post(f"/keys/{screen.part(key)}/revoke", {"reason": reason})
    if as_json:
        return screen.emit(done)
    screen.say(f"revoked {done['id']}")
