"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vedette.cli.outcome import USAGE, Failure

DEFAULT_CONFIG = Path("vedette.yaml")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar="VEDETTE_CONFIG", help="The settings. [default: ./vedette.yaml]",
        show_envvar=True, show_default=False,
    ),
]  # fmt: skip
Url = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="VEDETTE_URL", help="The gateway's API, where it is not this machine's own."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why, for the record.")]
Groups = Annotated[list[str] | None, typer.Option("--groups", "-g", help="Groups, with commas or repeated.")]


def groups(given: list[str] | None) -> list[str]:
    """``--groups a,b --groups c`` as three."""
    return [part.strip() for text in given or () for part in text.split(",") if part.strip()]


def seconds(text: str, option: str) -> float:
    """A duration as people write it. Raises Failure."""
    from vedette.policy.units import duration

    found = duration(text)
    if found is None:
        raise Failure(f"{option}: {text!r} is no duration", "write 10m, 1h or 7d", code=USAGE)
    return found
