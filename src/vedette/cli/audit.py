"""``vedette audit``: the journal as it stands, and as it grows."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from vedette.cli import screen
from vedette.cli.options import Config, Json, Url
from vedette.cli.outcome import Failure
from vedette.cli.reach import reach

app = typer.Typer(help="The audit trail.", no_args_is_help=True)

LIMIT = 1000


@app.callback()
def _audit() -> None:
    """The audit trail."""


@app.command()
def tail(
    last: Annotated[
        int, typer.Option("--lines", "-n", min=1, max=LIMIT, help="Only the newest so many.")
    ] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as it grows. Ctrl-C ends it.")
    ] = False,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only these: `action.judged`; `hold.` for all of them.")
    ] = None,
    session: Annotated[str | None, typer.Option("--session", help="Only of this session.")] = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Print the newest records."""
    with reach(config, url) as api:
        page = api.get("/audit", last=last, limit=LIMIT, kind=kind, session=session)
        seen = 0
        for record in page["items"]:
            seen = record["seq"]
            _print(record, as_json)
        if not follow:
            return
        for what, data in api.events(topics="audit", after=seen or None, kind=kind):
            if what == "end":
                raise Failure(f"the gateway ended this: {data.get('code', '')}", "run it again")
            if session is None or data["body"].get("session") == session:
                _print(data, as_json)


def _print(record: Any, as_json: bool) -> None:
    if as_json:
        return screen.emit_line(record)
    from vedette.recording.account import account

    said, quoted = account(record["kind"], record["body"])
    words = screen.plain(screen.one_line(" ".join(quoted)), "italic")
    screen.console().print(
        Text.assemble(
            (f"{record['seq']:>7}", "dim"), "  ", (screen.clock(record["time"]), "dim"), "  ",
            (record["kind"].ljust(15), "cyan"), " ", screen.plain(said if said != record["kind"] else ""),
            "  " if said else "", words,
        )
    )  # fmt: skip
