"""``vedette approvals``: what waits for people, and what they say."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text

from vedette.cli import screen
from vedette.cli.options import Config, Json, Limit, Reason, Url
from vedette.cli.outcome import Failure
from vedette.cli.reach import reach

app = typer.Typer(help="What waits for people, and what they say.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The hold's id, as hodil-bakum.")]


class Which(StrEnum):
    PENDING = "pending"
    OPEN = "open"
    ALL = "all"


@app.command("list")
def list_approvals(
    which: Annotated[Which, typer.Option("--status", help="Open: pending, or approved and not used up.")] = (
        Which.PENDING
    ),
    limit: Limit = 50,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List holds that you may decide (auditors and admins: all), newest first."""
    with reach(config, url) as api:
        found = api.all("/approvals", limit, status=which.value)
    if as_json:
        return screen.emit(found)
    rows = [
        (
            each["id"], screen.verdict(each["status"]), _left(each), each["requester"]["principal"],
            each["resource"], ", ".join(each["effects"]), ", ".join(each["objects"]),
            f"{each['given']} of {each['count']}", ", ".join(each["approvers"]), each["rule"],
        )
        for each in found
    ]  # fmt: skip
    columns = ("id", "status", "left", "who", "resource", "effects", "objects", "given", "approvers", "rule")
    screen.table(columns, rows, empty="nothing waits")


@app.command()
def show(hold: Name, config: Config = None, url: Url = None, as_json: Json = False) -> None:
    """Show a hold: what it would do first, the caller's own words last."""
    with reach(config, url) as api:
        found = api.get(f"/approvals/{screen.part(hold)}")
    if as_json:
        return screen.emit(found)
    _describe(found)


@app.command()
def approve(
    hold: Name, reason: Reason = "", config: Config = None, url: Url = None, as_json: Json = False
) -> None:
    """Approve a hold: exactly this action, for this caller, once."""
    with reach(config, url) as api:
        found = api.post(f"/approvals/{screen.part(hold)}/approve", {"reason": reason})
    if as_json:
        return screen.emit(found)
    more = found["count"] - found["given"]
    wanting = f"; {more} more needed" if found["status"] == "pending" else ""
    screen.say(f"{found['id']} is ", screen.verdict(found["status"]), wanting)


@app.command()
def deny(
    hold: Name, reason: Reason = "", config: Config = None, url: Url = None, as_json: Json = False
) -> None:
    """Refuse a hold, for good. The caller reads the reason."""
    with reach(config, url) as api:
        found = api.post(f"/approvals/{screen.part(hold)}/deny", {"reason": reason})
    if as_json:
        return screen.emit(found)
    screen.say(f"{found['id']} is ", screen.verdict(found["status"]))


@app.command()
def watch(config: Config = None, url: Url = None, as_json: Json = False) -> None:
    """Say what waits, and every change, as it happens. Ctrl-C ends it."""
    with reach(config, url) as api:
        if not as_json:
            screen.note("watching approvals; Ctrl-C ends it")
        for kind, data in api.events(topics="approvals"):
            if kind == "end":
                raise Failure(f"the gateway ended this: {data.get('code', '')}", "run it again")
            if as_json:
                screen.emit_line(data)
            else:
                _announce(data)


def _announce(found: Any) -> None:
    head = Text.assemble(
        (screen.clock(time.time()), "dim"), "  ", screen.plain(found["id"], "bold"), "  ",
        screen.verdict(found["status"].ljust(9)), " ", screen.plain(_would(found)), " on ",
        screen.plain(found["resource"]), " by ", screen.plain(found["requester"]["principal"]),
    )  # fmt: skip
    screen.console().print(head)
    if found["status"] == "pending" and found["yours"]:
        screen.note(
            f"          vedette approvals show {found['id']}; vedette approvals approve {found['id']}"
        )


def _would(found: Any) -> str:
    seen = dict.fromkeys(f"{t['effect']} {t['object']}".strip() for t in found["touches"] if not t["implied"])
    return ", ".join(seen)


def _left(found: Any) -> str:
    from vedette.policy.units import spoken

    left = found["expires"] - time.time()
    return spoken(float(int(left))) if found["status"] in ("pending", "approved") and left > 0 else ""


def _describe(found: Any) -> None:
    """Effects and objects first; what the caller wrote last, behind a bar on every line."""
    from vedette.approvals.render import block

    who = found["requester"]
    decisions = [
        (
            f"{'approved' if each['approve'] else 'refused'} by",
            f"{each['principal']} {each['reason']}".strip(),
        )
        for each in found["decisions"]
    ]
    state = ", ".join(f"{name}={value}" for name, value in found["state"].items())
    screen.fields(
        [
            ("hold", Text(found["id"], "bold")),
            ("status", screen.verdict(found["status"])),
            ("would", Text(screen.plain(_would(found)).plain, "bold")),
            ("effects", ", ".join(found["effects"])),
            ("objects", ", ".join(found["objects"])),
            ("resource", f"{found['resource']} ({found['protocol']})"),
            ("who", f"{who['principal']} ({who['kind']})"),
            ("groups", ", ".join(who["groups"])),
            ("on behalf of", who["actor"]),
            ("rule", found["rule"]),
            ("why", found["reason"]),
            ("approvers", f"{found['count']} of {', '.join(found['approvers'])}"),
            ("given", f"{found['given']} of {found['count']}"),
            ("left", _left(found)),
            ("mode", f"{found['mode']}, {found['uses_left']} of {found['uses']} uses left"),
            ("session", found["session"]),
            ("state", state),
            *decisions,
        ]
    )
    screen.say("the action, as the caller wrote it:", style="dim")
    screen.console().print(Text(block(found["text"])))
    for number, value in enumerate(found["parameters"], 1):
        screen.say(f"parameter {number}:", style="dim")
        screen.console().print(Text("NULL" if value is None else block(value)))
