"""The command line. docs/cli.md is the reference, generated from here."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from vedette import __version__
from vedette.cli import (
    accounts,
    approvals,
    audit,
    blocks,
    check,
    connect,
    delegate,
    demo,
    issuer,
    keys,
    login,
    people,
    policy,
    run,
    seal,
    serve,
    sessions,
    tokens,
    tools,
    verify,
    version,
    whoami,
)
from vedette.cli.failures import Commands

app = typer.Typer(
    name="vedette",
    help="A gateway between AI agents and what they work on: judged, masked, approved, recorded.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    cls=Commands,
    epilog="Exit codes: 0 ok, 1 no, 2 usage, 3 gateway unreachable, 4 not permitted.",
)

login.add(app)
whoami.add(app)
connect.add(app)
run.add(app)
delegate.add(app)
tools.add(app)
check.add(app)
serve.add(app)
demo.add(app)
app.add_typer(tokens.app, name="token")
app.add_typer(keys.app, name="key")
app.add_typer(people.app, name="people")
app.add_typer(accounts.app, name="accounts")
app.add_typer(issuer.app, name="issuer")
app.add_typer(seal.app, name="seal")
app.add_typer(sessions.app, name="sessions")
blocks.add(app)
app.add_typer(blocks.app, name="blocks")
app.add_typer(approvals.app, name="approvals")
app.add_typer(audit.app, name="audit")
app.add_typer(policy.app, name="policy")
verify.add(app)
version.add(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vedette {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> Any:
    """The entry point of ``vedette``."""
    return app(args=sys.argv[1:], prog_name="vedette")
