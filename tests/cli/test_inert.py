"""Recordings are written by whoever is watched: nothing in them acts on the terminal of who looks."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from rich.console import Console

from tests.cli.conftest import HOSTILE, Shell
from vedette.cli import screen


def assert_inert(text: str) -> None:
    """Line ends, printable characters, and rich's own colours (SGR) when asked for: nothing else."""
    for char in text:
        category = unicodedata.category(char)
        assert char == "\n" or category not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"), (repr(char), text)


COMMANDS = [
    ("sessions", "list"),
    ("sessions", "show", "s-1"),
    ("sessions", "show", "s-1", "--all"),
    ("sessions", "replay", "s-1", "--no-wait"),
    ("audit", "tail", "-n", "100"),
    ("approvals", "list"),
    ("approvals", "show", "HOLD"),
    ("token", "list"),
    ("policy", "explain", HOSTILE, "--resource", "appdb", "--subject", HOSTILE),
    ("policy", "explain", f'SELECT "{HOSTILE}" FROM "{HOSTILE}"', "--resource", "appdb"),
]


@pytest.fixture
def hostile(shell: Shell) -> str:
    shell.session(text=HOSTILE)
    return shell.hold(text=HOSTILE)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
@pytest.mark.parametrize("as_json", [False, True])
def test_hostile_text_is_shown_and_does_nothing(
    shell: Shell, hostile: str, words: tuple[str, ...], as_json: bool
) -> None:
    if as_json and words[1] == "replay":
        return
    given = [hostile if word == "HOLD" else word for word in words] + (["--json"] if as_json else [])
    result = shell.run(*given)
    assert_inert(result.stdout)
    assert_inert(result.stderr)
    if as_json and words[0] != "audit":
        json.loads(result.stdout)


def test_markup_in_recordings_is_text(shell: Shell, hostile: str) -> None:
    shown = shell.run("sessions", "show", "s-1").stdout
    assert "[bold red]APPROVED[/]" in shown
    assert "[link=http://evil]x[/link]" in shown
    assert "\\x1b[2J" in shown
    assert "\\u202e" in shown


def test_no_line_of_a_caller_stands_where_ours_stand(shell: Shell) -> None:
    hold = shell.hold(text="SELECT 1\nstatus   approved\ngiven    1 of 1")
    lines = shell.run("approvals", "show", hold).stdout.splitlines()
    assert [line for line in lines if line.startswith("status")] == ["status        pending"]
    assert "| status   approved" in lines


def test_errors_are_inert_too(shell: Shell) -> None:
    result = shell.run("sessions", "show", HOSTILE, code=1)
    assert_inert(result.stderr)
    result = shell.run("seal", "remove", HOSTILE, code=1)
    assert_inert(result.stderr)


def test_colours_come_from_us_alone() -> None:
    out = io.StringIO()
    terminal = Console(file=out, force_terminal=True, markup=False, color_system="truecolor", width=200)
    terminal.print(screen.plain(HOSTILE, "red"))
    assert out.getvalue().count("\x1b") == 2  # red on, red off
    assert "\x1b[31m" in out.getvalue()


def test_exports_hold_no_control_character(shell: Shell, hostile: str) -> None:
    for form in ("json", "jsonl", "asciicast", "html"):
        assert_inert(shell.run("sessions", "export", "s-1", "--format", form).stdout)
