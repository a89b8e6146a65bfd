"""``vedette people``: who may sign in at the built-in issuer."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vedette.cli import members, screen
from vedette.cli.members import Member, Words
from vedette.cli.options import Config, Groups, Json, Url, groups
from vedette.cli.outcome import USAGE, Failure
from vedette.cli.reach import reach

app = typer.Typer(help="People who sign in at the built-in issuer.", no_args_is_help=True)

MAX_CHARACTERS = 1024


@app.command()
def add(
    name: Member,
    group: Groups = None,
    email: Annotated[str | None, typer.Option("--email", help="Their e-mail address.")] = None,
    no_password: Annotated[bool, typer.Option("--no-password", help="Set one later: people passwd.")] = False,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Add somebody. The password is asked for, or read from standard input, never from the command line."""
    wish = {
        "name": name, "groups": groups(group), "email": email,
        "password": None if no_password else password(),
    }  # fmt: skip
    with reach(config, url) as api:
        made = api.post("/people", wish)
    if as_json:
        return screen.emit(made)
    screen.say(f"added {made['name']}")


@app.command("list")
def list_people(config: Config = None, url: Url = None, as_json: Json = False) -> None:
    """List people."""
    with reach(config, url) as api:
        found = api.get("/people")["items"]
    if as_json:
        return screen.emit(found)
    rows = [
        (
            each["name"], each["email"] or "", ", ".join(each["groups"]),
            "yes" if each["password"] else "none",
            screen.when(each["used"]), screen.verdict("disabled") if each["disabled"] else "",
        )
        for each in found
    ]  # fmt: skip
    screen.table(("name", "e-mail", "groups", "password", "last sign-in", ""), rows, empty="no people")


@app.command()
def passwd(
    name: Member,
    own: Annotated[bool, typer.Option("--own", help="Your own: the current one is asked for first.")] = False,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Set a password, asked for or read from standard input. It ends every sign-in of theirs."""
    current = password("current password", again=False) if own else None
    body = {"password": password("new password"), "current": current}
    with reach(config, url) as api:
        done = api.post(f"/people/{screen.part(name)}/password", body)
    if as_json:
        return screen.emit(done)
    screen.say(f"the password of {done['name']} is set")


members.add(
    app,
    "people",
    Words(
        groups="Give somebody exactly these groups. What they had by a lost one ends.",
        disable="Shut somebody out: their tokens, loans and keys are void, their sessions end.",
        enable="Let somebody in again.",
    ),
)


def password(what: str = "password", *, again: bool = True) -> str:
    """From the terminal without echo, or one line of standard input. Raises Failure."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, confirmation_prompt=again))
    given = sys.stdin.readline(MAX_CHARACTERS + 2).removesuffix("\n").removesuffix("\r")
    if not given:
        raise Failure("standard input is empty", "pipe the password in, one line each", code=USAGE)
    return given
