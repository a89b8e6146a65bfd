"""``vedette delegate``: a token for an agent, narrower and shorter than one's own."""

from __future__ import annotations

from typing import Annotated

import typer

from vedette.cli import held, screen
from vedette.cli.options import Config, Groups, Json, Url, groups, seconds


def add(app: typer.Typer) -> None:
    app.command()(delegate)


def delegate(
    agent: Annotated[str, typer.Option("--agent", "-a", help="The agent's name.")],
    resources: Annotated[
        list[str] | None, typer.Option("--resources", "-r", help="What it may reach. [default: all of yours]")
    ] = None,
    group: Groups = None,
    ttl: Annotated[str, typer.Option("--ttl", help="How long it lives: 10m, 1h.")] = "1h",
    name: held.As = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Lend an agent a token of less than you may do. It is printed this once; both names go on record.

    `vedette run --as NAME` lends and takes back by itself.
    """
    from vedette.cli.agent import lender
    from vedette.client.lend import Wish

    there = held.client(config, url, name)
    wish = Wish(agent, tuple(groups(group)), tuple(groups(resources)), seconds(ttl, "--ttl"))
    loan = lender(there, wish, "vedette delegate").lend()
    if as_json:
        return screen.emit({"agent": agent, "id": loan.id, "expires": loan.expires, "token": loan.token})
    named = f"; id {loan.id}" if loan.id else ""
    screen.note(f"agent {agent}, until {screen.when(loan.expires)}{named}")
    typer.echo(loan.token)
