"""``vedette policy``: what the rules say, before anybody is refused."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from vedette.cli import backtest, screen
from vedette.cli.options import Config, Groups, Json, Url, groups
from vedette.cli.outcome import NO, Failure
from vedette.cli.reach import reach, settings_at
from vedette.model import Action, Kind, Resource

if TYPE_CHECKING:
    from vedette.config import Settings
    from vedette.policy.testing import Reader, Result

app = typer.Typer(help="What the rules say.", no_args_is_help=True)
backtest.register(app)


@app.command()
def explain(
    statement: Annotated[str, typer.Argument(help="The statement; - reads standard input.")],
    resource: Annotated[str, typer.Option("--resource", "-r", help="Where.")],
    subject: Annotated[str, typer.Option("--subject", "-s", help="Who.")] = "somebody",
    group: Groups = None,
    kind: Annotated[Kind, typer.Option("--kind", "-k", help="What sort of caller.")] = Kind.AGENT,
    parameter: Annotated[list[str] | None, typer.Option("--parameter", "-p", help="A bound value.")] = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Say what would be said of a statement, and which rules spoke. Nothing is run."""
    text = sys.stdin.read() if statement == "-" else statement
    question = {
        "text": text, "resource": resource, "subject": subject, "groups": groups(group), "kind": kind.value,
        "parameters": parameter or [],
    }  # fmt: skip
    with reach(config, url) as api:
        found = api.post("/policy/explain", question)
    if as_json:
        return screen.emit(found)
    _explained(found)


@app.command()
def test(
    file: Annotated[Path, typer.Argument(help="A YAML file of cases; docs/policy.md says how.")],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Run a file of cases against the policies. Exit code 1 where one fails."""
    from vedette.config import load_cases
    from vedette.policy.testing import run

    settings = settings_at(config)
    resources = {name: each.resource for name, each in settings.resources.items()}
    results = run(load_cases(file), settings.policies, resources, _reader(settings))
    failed = [each for each in results if not each.passed]
    if as_json:
        screen.emit([_row(each) for each in results])
    else:
        for each in results:
            mark = ("pass", "green") if each.passed else ("FAIL", "bold red")
            screen.say(Text(*mark), f"  {each.case.name}")
            if each.wrong:
                screen.say(f"      line {each.case.line}: {each.wrong}")
        screen.say(f"{len(results) - len(failed)} passed, {len(failed)} failed", style="bold")
    if failed:
        raise typer.Exit(NO)


@app.command()
def show(config: Config = None, url: Url = None, as_json: Json = False) -> None:
    """Show the policy in force."""
    with reach(config, url) as api:
        found = api.get("/policy")
    if as_json:
        return screen.emit(found)
    screen.say(f"policy {found['hash']} of {found['file']}", style="bold")
    for each in found["policies"]:
        mode = Text(f" ({each['mode']})", "bold yellow" if each["mode"] == "observe" else "dim")
        screen.say(screen.plain(each["name"], "bold"), mode, f" for {each['who']}")
        for rule in each["rules"]:
            screen.say(f"  {rule['name']}: {rule['says']}")


@app.command()
def reload(config: Config = None, url: Url = None, as_json: Json = False) -> None:
    """Load vedette.yaml anew in the running gateway; a file that does not load changes nothing."""
    with reach(config, url) as api:
        if not api.live:
            raise Failure("no gateway runs here; it reads its file when it starts", "vedette check checks it")
        found = api.post("/policy/reload")
    if as_json:
        return screen.emit(found)
    screen.say(f"policy {found['hash']} is in force")
    for words in found["later"]:
        screen.note(f"after a restart: {words}")


def _reader(settings: Settings) -> Reader:
    from vedette.explain import supposed

    def read(text: str, parameters: tuple[str | None, ...], resource: Resource) -> Action:
        return supposed(text, parameters, settings.resources[resource.name])

    return read


def _row(result: Result) -> dict[str, Any]:
    from vedette.policy.testing import word

    case = result.case
    return {
        "name": case.name, "line": case.line, "passed": result.passed, "expect": case.expect,
        "got": word(result.verdict) if result.verdict else None,
        "rule": result.verdict.rule if result.verdict else None, "wrong": result.wrong,
        "who": {"subject": case.who.subject, "kind": case.who.kind.value, "groups": sorted(case.who.groups)},
        "touches": [asdict(touch) for touch in case.action.touches] if case.action else None,
    }  # fmt: skip


def _explained(found: Any) -> None:
    screen.fields(
        [
            ("verdict", screen.verdict(found["verdict"])),
            ("rule", found["rule"]),
            ("reason", found["reason"]),
            ("hint", found["hint"]),
            ("approvers", ", ".join(found["approvers"])),
            ("observed", found["observed"]),
            ("effects", ", ".join(found["touches"])),
            ("unread", found["unread"]),
            ("masks", ", ".join(found["masks"])),
            ("limits", ", ".join(found["limits"])),
        ]
    )
    if found["observing"]:
        screen.say("a policy that applies here only observes", style="bold yellow")
    screen.table(
        ("rule", "says", "about"),
        [(each["rule"], screen.verdict(each["says"]), each["about"]) for each in found["opinions"]],
        empty="no rule has an opinion",
    )
    for each in found["passed_over"]:
        screen.say(f"not asked: {each['policy']}: {each['why']}", style="dim")
    if not found["catalogue"]:
        screen.note(
            "the database's catalogue is not at hand: names that are not qualified count as public tables"
        )
