"""``vedette sessions``: what is on record of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vedette.cli import screen, timeline
from vedette.cli.options import Config, Json, Limit, Reason, Url
from vedette.cli.outcome import USAGE, Failure
from vedette.cli.reach import Api, reach

if TYPE_CHECKING:
    from vedette.recording import Moment
    from vedette.recording.cast import Cast

app = typer.Typer(help="Sessions: live ones and recorded ones.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The session's id; `last` is the newest one.")]
Recording = Annotated[
    str | None, typer.Option("--recording", help="Which one, by its number: where a session has several.")
]
PAGE = 1000


class Format(StrEnum):
    JSON = "json"
    JSONL = "jsonl"
    ASCIICAST = "asciicast"
    HTML = "html"


@app.command("list")
def list_sessions(
    live: Annotated[bool, typer.Option("--live", help="Only those that last.")] = False,
    principal: Annotated[str | None, typer.Option(help="Only this one's: issuer#subject.")] = None,
    resource: Annotated[str | None, typer.Option(help="Only on this resource.")] = None,
    limit: Limit = 50,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List sessions, newest first."""
    with reach(config, url) as api:
        found = api.all("/sessions", limit, live=live or None, principal=principal, resource=resource)
    if as_json:
        return screen.emit(found)
    rows = [
        (
            each["id"], screen.when(each["opened"]), each["principal"], each["resource"],
            screen.verdict("live") if each["live"] else each["reason"],
            each["actions"], each["denied"], each["held"], each["rows"], each["masked"],
        )
        for each in found
    ]  # fmt: skip
    columns = ("id", "opened", "who", "resource", "end", "actions", "denied", "held", "rows", "masked")
    screen.table(columns, rows, empty="no sessions")


@app.command()
def show(
    session: Name,
    everything: Annotated[bool, typer.Option("--all", help="What only prepared a statement, too.")] = False,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show a session as a timeline."""
    with reach(config, url) as api:
        found = _session(api, session)
        records = _records(api, found["id"])
    if as_json:
        return screen.emit({"session": found, "records": records})
    screen.say(f"session {found['id']}", style="bold")
    timeline.show(records, everything=everything)


@app.command("replay")
def replay_session(
    session: Name,
    speed: Annotated[float, typer.Option(min=0.01, help="Twice as fast is 2.")] = 1.0,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="All at once.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="What only prepared a statement, too.")] = False,
    recording: Recording = None,
    records: Annotated[
        bool, typer.Option("--records", help="The records, also where there is a terminal to play.")
    ] = False,
    config: Config = None,
    url: Url = None,
) -> None:
    """Play a session back as it went; no pause is longer than two seconds."""
    from vedette.recording import replay
    from vedette.recording.cast import play

    name, moments = _moments(config, url, session)
    chosen = None if records else _chosen(moments, recording, name)
    if chosen is not None:
        return _show(play(_cast(config, url, name, chosen), speed=speed), no_wait=no_wait)
    if not everything:
        moments = [each for each in moments if not timeline.only_prepares(each.body)]
    # Every character of a frame is printable: what was recorded cannot act on this terminal.
    _show(replay(moments, speed=speed), no_wait=no_wait)


def _show(frames: Iterable[tuple[float, str]], *, no_wait: bool) -> None:
    for delay, frame in frames:
        if not no_wait:
            time.sleep(delay)
        sys.stdout.write(frame)
        sys.stdout.flush()


def _chosen(moments: Sequence[Moment], recording: str | None, session: str) -> str | None:
    """Which recording is meant: the one that is named, or the only one of a terminal; None for none."""
    there = [each.body for each in moments if each.kind == "recording.opened"]
    names = [str(body["recording"]) for body in there]
    if recording is not None:
        found = [name for name in names if recording in (name, name.rpartition(".")[2])]
        if not found:
            known = ", ".join(name.rpartition(".")[2] for name in names) or "none"
            raise Failure(f"session {session} has no recording {recording}", f"there are: {known}")
        return found[0]
    terminals = [str(body["recording"]) for body in there if body["form"] == "terminal"]
    if len(terminals) > 1:
        numbers = ", ".join(name.rpartition(".")[2] for name in terminals)
        raise Failure(
            f"session {session} has {len(terminals)} terminals",
            f"name one: --recording {numbers}",
            code=USAGE,
        )
    return terminals[0] if terminals else None


def _cast(config: Path | None, url: str | None, session: str, recording: str) -> Cast:
    from vedette.recording.cast import parse

    parts: list[str] = []
    offset: int | None = 0
    with reach(config, url) as api:
        while offset is not None:
            page = api.get(
                f"/sessions/{screen.part(session)}/recordings/{screen.part(recording)}", offset=offset
            )
            parts.append(page["data"])
            offset = page["next"]
    try:
        return parse("".join(parts).encode("ascii", "replace"))
    except ValueError as error:
        raise Failure(f"recording {recording} cannot be read: {error}") from None


@app.command("export")
def export_session(
    session: Name,
    form: Annotated[Format, typer.Option("--format", "-f", help="As what.")] = Format.JSON,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Into this file.")] = None,
    recording: Recording = None,
    config: Config = None,
    url: Url = None,
) -> None:
    """Write a session as a file for others."""
    from vedette.recording import export
    from vedette.recording.cast import export as export_cast

    name, moments = _moments(config, url, session)
    chosen = _chosen(moments, recording, name) if form is Format.ASCIICAST else None
    if chosen is None:
        text = export(moments, form.value, session=name)
    else:
        text = export_cast(_cast(config, url, name, chosen))
    if output is None:
        sys.stdout.write(text)
        return
    # Recordings tell of people and data: for the owner only.
    output.touch(0o600)
    output.write_text(text, encoding="utf-8")
    screen.say(f"wrote {output}")


@app.command()
def kill(
    session: Annotated[str | None, typer.Argument(help="The session's id.")] = None,
    principal: Annotated[
        str | None, typer.Option(help="All of this one's (issuer#subject, or a credential's id).")
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Everybody's.")] = False,
    reason: Reason = "",
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """End live sessions now, and what they run upstream. To keep somebody out: vedette block."""
    if (session is not None) + (principal is not None) + everybody != 1:
        raise Failure("name a session, or --principal, or --all: one of them", code=USAGE)
    with reach(config, url) as api:
        if session is None:
            many = api.post("/sessions/kill", {"principal": principal, "all": everybody, "reason": reason})
            if as_json:
                return screen.emit(many)
            return screen.say(f"killed {', '.join(many['sessions']) or 'none: no such session is live'}")
        done = api.post(f"/sessions/{screen.part(session)}/kill", {"reason": reason})
    if as_json:
        return screen.emit(done)
    screen.say(f"killed {done['session']}")


def _session(api: Api, name: str) -> Any:
    if name == "last":
        found = api.all("/sessions", 1)
        if found:
            return found[0]
    return api.get(f"/sessions/{screen.part(name)}")


def _records(api: Api, session: str) -> list[Any]:
    found: list[Any] = []
    after: int | None = 0
    while after is not None:
        page = api.get(f"/sessions/{screen.part(session)}/records", after=after, limit=PAGE)
        found += page["items"]
        after = page["next"]
    return found


def _moments(config: Path | None, url: str | None, session: str) -> tuple[str, Sequence[Moment]]:
    with reach(config, url) as api:
        name = str(_session(api, session)["id"])
        records = _records(api, name)
    return name, [_moment(each) for each in records]


def _moment(record: Any) -> Moment:
    from vedette.recording import Moment
    from vedette.recording.account import account

    said, quoted = account(record["kind"], record["body"])
    return Moment(record["seq"], record["time"], record["kind"], said, quoted, record["body"])
