"""``vedette demo``: an agent at work, from an empty folder to a verified journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    agent_python: Annotated[
        Path, typer.Option("--agent-python", help="A Python with autogen-agentchat and asyncpg.")
    ] = Path(".venv-agent/bin/python"),
    ask: Annotated[bool, typer.Option("--ask", help="You approve, in another terminal.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it up to play with, until Ctrl-C.")] = False,
) -> None:
    """Show an AutoGen agent at work through the gateway. Needs `vedette[demo]`; `make demo` prepares all."""
    from vedette.demo import Options, run

    raise typer.Exit(run(Options(agent_python=agent_python, ask=ask, keep=keep)))
