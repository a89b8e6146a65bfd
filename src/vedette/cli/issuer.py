"""``vedette issuer``: the keys that sign the gateway's tokens."""

from __future__ import annotations

import typer

from vedette.cli import screen
from vedette.cli.options import Config, Json, Url
from vedette.cli.reach import reach

app = typer.Typer(help="The gateway's own issuer.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command()
def rotate(config: Config = None, url: Url = None, as_json: Json = False) -> None:
    """Sign tokens with a new key. Old keys verify until the last token they signed is over."""
    with reach(config, url) as api:
        done = api.post("/issuer/rotate")
    if as_json:
        return screen.emit(done)
    screen.say(f"{done['signs']} signs; {len(done['verifies']) - 1} older verify")
