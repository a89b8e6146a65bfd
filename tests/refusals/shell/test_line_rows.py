"""Every row of lines that found its way past a guard, or could have."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.policy.asks import ruled
from vedette.model import Action, Allow, Ask, Deny, Kind, Principal, Resource
from vedette.protocols.ssh.actions import line, state
from vedette.shell.lines import Lines
from vedette.terminal.guard import Line

ROWS: list[list[str]] = yaml.safe_load((Path(__file__).parent / "lines_must_stop.yaml").read_text())
AGENT, HOST = Principal("bot", Kind.AGENT), Resource("bastion", "ssh")
RULES = ruled('[{allow: {effects: ["*"]}}, {deny: {pack: destructive-shell}}, {shell: guarded}]')


def judged(action: Action) -> Allow | Deny:
    verdict = RULES.for_session(AGENT, HOST).decide(Ask(AGENT, HOST, action)).verdict
    assert isinstance(verdict, Allow | Deny)
    return verdict


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " | ".join(row))
def test_it_stops(row: list[str]) -> None:
    shell, known = Lines(), state("app", {}, "xterm")
    *before, last = row
    for text in before:
        line(Line(text), shell, known)
        shell.ran(text)
    assert isinstance(judged(line(Line(last), shell, known)), Deny)


def test_there_are_rows_and_rules_that_let_something_through() -> None:
    assert len(ROWS) >= 29
    assert isinstance(judged(line(Line("rm /srv/app/x"), Lines(), state("app", {}))), Allow)
