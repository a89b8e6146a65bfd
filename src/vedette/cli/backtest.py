"""``vedette policy backtest`` and ``suggest``: policies held against what is on record."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vedette.cli import screen
from vedette.cli.options import Config, Json, Url
from vedette.cli.outcome import Failure
from vedette.cli.reach import reach, settings_at

if TYPE_CHECKING:
    from rich.text import Text

    from vedette.backtest import Flip, Line, Report, Suggestion
    from vedette.cli.reach import Api

PAGE = 1000
MAX_EXAMPLE = 90
NOTHING = "size(action.objects) == 0"

Since = Annotated[str, typer.Option("--since", help="How far back: 7d, 12h.")]
Of = Annotated[str | None, typer.Option("--principal", "-p", help="Only of this principal (issuer#subject).")]


def register(app: typer.Typer) -> None:
    """Add the two commands to ``vedette policy``."""
    app.command()(backtest)
    app.command()(suggest)


def backtest(
    file: Annotated[Path, typer.Argument(help="Another vedette.yaml, whose policies are held against it.")],
    since: Since = "7d",
    principal: Of = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Say what the policies in FILE would have said of recorded actions, where that is something else.

    The configuration at hand judges the same actions beside it, so that what differs is due to the rules.
    """
    from vedette.backtest import backtest as judge
    from vedette.config import load

    now, then = settings_at(config), load(file)
    with reach(config, url) as api:
        report = judge(_judged(api, _seconds(since), principal), now, then)
    if as_json:
        return screen.emit(_report(report))
    _print(report)


def suggest(
    principal: Annotated[str, typer.Option("--principal", "-p", help="Whose (issuer#subject).")],
    since: Since = "7d",
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Print the least rules that would have allowed what a principal did or tried, and what each rests on.

    A suggestion to read, not to paste: what was tried is not what should be permitted.
    """
    from vedette.backtest import suggest as look

    with reach(config, url) as api:
        found = look(_judged(api, _seconds(since), principal))
    if as_json:
        lines = [
            {"resource": line.resource, "rule": _rule(line), "count": line.count, "examples": line.examples}
            for line in found.lines
        ]
        return screen.emit({"seen": found.seen, "unread": found.unread, "lines": lines})
    _suggested(principal, found)


def _seconds(text: str) -> float:
    from vedette.policy.units import duration

    found = duration(text)
    if found is None:
        raise Failure(f"{text} is no time", "say how far back: 7d, 12h, 1d12h")
    return found


def _judged(api: Api, seconds: float, principal: str | None) -> Iterator[Mapping[str, Any]]:
    """The bodies of ``action.judged`` since then, in order."""
    began = time.time() - seconds
    after: int | None = _before(api, began)
    while after is not None:
        page = api.get("/audit", after=after, kind="action.judged", limit=PAGE)
        for record in page["items"]:
            body = record["body"]
            if body["at"] >= began and principal in (None, body["who"]["principal"]):
                yield body
        after = page["next"]


def _before(api: Api, began: float) -> int:
    """A record before all of that time: found by halving, for records are in order."""
    newest = api.get("/audit", last=1, limit=1)["items"]
    low, high = 0, newest[0]["seq"] if newest else 0
    while high - low > PAGE:
        middle = (low + high) // 2
        found = api.get("/audit", after=middle, limit=1)["items"]
        if found and found[0]["time"] < began:
            low = middle
        else:
            high = middle
    return low


def _report(report: Report) -> dict[str, Any]:
    return {
        "judged": report.judged, "odd": report.odd, "left": report.left,
        "flips": [
            {
                "principal": flip.principal, "resource": flip.resource, "count": flip.count,
                "before": flip.before.word, "before_rule": flip.before.rule,
                "after": flip.after.word, "after_rule": flip.after.rule, "examples": flip.examples,
            }
            for flip in report.flips
        ],
    }  # fmt: skip


def _print(report: Report) -> None:
    screen.say(f"{report.judged} recorded actions judged again", style="bold")
    screen.table(
        ("who", "where", "times", "was", "would be", "by", "for example"),
        [_row(flip) for flip in report.flips],
        empty="none of them would come out otherwise",
    )
    if report.odd:
        screen.note(
            f"of {report.odd}, the policies in force no longer say what is on record: names may have been "
            "looked up then that cannot be now"
        )
    for why, count in sorted(report.left.items()):
        screen.note(f"{count} not judged again: {why}")


def _row(flip: Flip) -> tuple[str | Text, ...]:
    example = screen.one_line(flip.examples[0])[:MAX_EXAMPLE] if flip.examples else ""
    return (
        flip.principal, flip.resource, str(flip.count), screen.verdict(flip.before.word),
        screen.verdict(flip.after.word), flip.after.rule, example,
    )  # fmt: skip


def _rule(line: Line) -> str:
    """The rule in the form that people write it in."""
    from vedette.cli.yaml_words import flow

    about = f"objects: {flow(line.objects)}" if line.objects != ("",) else f"when: '{NOTHING}'"
    return f"allow: {{effects: {flow(line.effects)}, {about}}}"


def _suggested(principal: str, found: Suggestion) -> None:
    from vedette.cli.yaml_words import flow

    subject = principal.rpartition("#")[2]
    screen.say(f"# {found.seen} actions of {principal}; to be read, not pasted")
    for resource in dict.fromkeys(line.resource for line in found.lines):
        screen.say(f"+ - name: {flow((f'{subject}-on-{resource}',))[1:-1]}")
        screen.say(f"+   who: {{subjects: {flow((subject,))}}}")
        screen.say(f"+   where: {{resources: {flow((resource,))}}}")
        screen.say("+   rules:")
        for line in found.lines:
            if line.resource == resource:
                screen.say(f"+     - {_rule(line)}", style="green")
                for example in line.examples:
                    screen.say(f"        # {screen.one_line(example)[:MAX_EXAMPLE]}", style="dim")
    if found.unread:
        screen.note(
            f"{found.unread} were not read to the end, or name what is not known: no rule allows them"
        )
