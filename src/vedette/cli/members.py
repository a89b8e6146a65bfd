"""What ``vedette people`` and ``vedette accounts`` have alike: groups, and shutting out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from vedette.cli import screen
from vedette.cli.options import Config, Groups, Json, Reason, Url, groups
from vedette.cli.reach import reach

Member = Annotated[str, typer.Argument(help="The name: a-z 0-9 . _ @ -")]


@dataclass(frozen=True, slots=True)
class Words:
    """What each command does, for its help."""

    groups: str
    disable: str
    enable: str


def add(app: typer.Typer, path: str, words: Words) -> None:
    """Add the commands ``groups``, ``disable`` and ``enable`` for what the API has at *path*."""

    @app.command("groups", help=words.groups)
    def regroup(
        name: Member, group: Groups = None, config: Config = None, url: Url = None, as_json: Json = False
    ) -> None:
        done = _post(config, url, path, name, "groups", {"groups": groups(group)})
        _say(done, f"{done['name']} is in {', '.join(done['groups']) or 'no group'}", as_json)

    @app.command(help=words.disable)
    def disable(
        name: Member, reason: Reason = "", config: Config = None, url: Url = None, as_json: Json = False
    ) -> None:
        done = _post(config, url, path, name, "disable", {"reason": reason})
        _say(done, f"disabled {done['name']}", as_json)

    @app.command(help=words.enable)
    def enable(name: Member, config: Config = None, url: Url = None, as_json: Json = False) -> None:
        done = _post(config, url, path, name, "enable", None)
        _say(done, f"enabled {done['name']}", as_json)


def _post(config: Any, url: str | None, path: str, name: str, verb: str, body: Any) -> dict[str, Any]:
    with reach(config, url) as api:
        done: dict[str, Any] = api.post(f"/{path}/{screen.part(name)}/{verb}", body)
    return done


def _say(done: dict[str, Any], words: str, as_json: bool) -> None:
    if as_json:
        return screen.emit(done)
    screen.say(words)
