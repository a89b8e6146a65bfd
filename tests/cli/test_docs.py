"""docs/cli.md and docs/api.md name all there is. (tests/test_docs.py compares them with the code.)"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from vedette.cli import app
from vedette.cli.outcome import CODES

ROOT = Path(__file__).parents[2]


def commands() -> Iterator[tuple[str, Any]]:
    """Every command for people, by its full name."""

    def below(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        for word, inner in getattr(command, "commands", {}).items():
            if not inner.hidden:
                yield from below(inner, f"{name} {word}".strip())
        if not hasattr(command, "commands"):
            yield name, command

    yield from below(typer.main.get_command(app), "")


def test_every_command_and_code_is_on_it() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    found = [name for name, _ in commands()]
    assert len(found) > 25
    for name in found:
        assert f"### vedette {name}\n" in text, name
    for code, words in CODES.items():
        assert f"| `{code}` | {words} |" in text


def test_the_api_page_has_every_route() -> None:
    from vedette.api.application import build

    text = (ROOT / "docs" / "api.md").read_text()
    for path, methods in build(None).openapi()["paths"].items():  # type: ignore[arg-type]
        for method in methods:
            assert f"### {method.upper()} {path}\n" in text, path
