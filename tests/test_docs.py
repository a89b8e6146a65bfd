"""Docs that tests read: what they say about the project must be so."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import typer

from vedette import native
from vedette.cli import app as cli
from vedette.config import ConfigError, load

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))

_NAME = re.compile(r"^[A-Za-z0-9._-]+")
_LOCKED = re.compile(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _name(requirement: str) -> str:
    found = _NAME.match(requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def _table(page: str, heading: str) -> dict[str, list[str]]:
    """The rows of the first table below *heading*, by first cell."""
    section = page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows if row[0] != "Package"}


def _licence(package: str) -> str:
    """What the installed package says of itself, wherever it says it."""
    about = metadata.metadata(package)
    fields = [value for name in ("License-Expression", "License") for value in about.get_all(name) or []]
    classes = [value for value in about.get_all("Classifier") or [] if value.startswith("License")]
    return " ".join(str(value)[:60] for value in [*fields, *classes])


@pytest.mark.parametrize(
    ("heading", "declared"),
    [
        ("At run time", PROJECT["dependencies"]),
        ("For the demo only", PROJECT["optional-dependencies"]["demo"]),
        ("For SSH", PROJECT["optional-dependencies"]["ssh"]),
        ("For speed", PROJECT["optional-dependencies"]["fast"]),
    ],
)
def test_every_dependency_has_its_reason(heading: str, declared: list[str]) -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    table = _table(page, heading)
    assert set(table) == {_name(requirement) for requirement in declared}
    assert all(len(cells) == 2 and len(cells[1]) > 20 for cells in table.values())


def test_every_crate_has_its_reason_and_is_pinned() -> None:
    crates = tomllib.loads((ROOT / "native" / "Cargo.toml").read_text())["dependencies"]
    page = (ROOT / "docs" / "dependencies.md").read_text()
    section = page.split("| Crate |", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows] == sorted(crates)
    assert all(len(row) == 3 and len(row[2]) > 20 for row in rows)
    versions = [value if isinstance(value, str) else value["version"] for value in crates.values()]
    assert all(version.startswith("=") for version in versions)
    assert (
        not (ROOT / "native" / "Cargo.lock").exists()
        or "native/Cargo.lock" in (ROOT / ".gitignore").read_text()
    )


def test_the_twin_is_the_one_that_the_gateway_goes_with() -> None:
    crate = tomllib.loads((ROOT / "native" / "Cargo.toml").read_text())["package"]["version"]
    assert crate == native.WANTED
    assert PROJECT["optional-dependencies"]["fast"] == [f"vedette-native=={crate}"]


@pytest.mark.parametrize("package", [_name(requirement) for requirement in PROJECT["dependencies"]])
def test_the_licences_are_what_the_page_says(package: str) -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    stated = _table(page, "At run time")[package][0]
    said = _licence(package).lower()
    words = {"Apache-2.0": "apache", "MIT": "mit", "BSD-3-Clause": "bsd", "BSD-2-Clause": "bsd"}
    assert all(words[licence] in said for licence in stated.split(" OR ")), said


def test_nothing_at_run_time_is_under_the_gpl() -> None:
    """Not even through somebody else: the whole closure, as locked."""
    locked = _LOCKED.findall((ROOT / "requirements" / "core.txt").read_text())
    assert len(locked) > len(PROJECT["dependencies"])
    installed = [name for name in locked if _installed(name)]
    assert [name for name in installed if re.search(r"\bA?L?GPL|General Public", _licence(name))] == []


def _installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False  # for another platform
    return True


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locks_name_no_host_and_no_path_and_hash_everything(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"(^|[\s\"'])/", text, re.MULTILINE)
    for entry in re.split(r"\n(?=[a-z])", text):
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_the_locks_hold_what_the_project_declares() -> None:
    declared = {_name(requirement) for requirement in PROJECT["dependencies"]}
    demo = {_name(requirement) for requirement in PROJECT["optional-dependencies"]["demo"]}
    for name, wanted in [("core", declared), ("demo", declared | demo), ("test", declared | demo)]:
        locked = set(_LOCKED.findall((ROOT / "requirements" / f"{name}.txt").read_text()))
        assert wanted <= locked, f"run make lock: requirements/{name}.txt lacks {wanted - locked}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [link for link in _LINK.findall(page.read_text()) if not re.match(r"[a-z]+:|#", link)]
    missing = [link for link in targets if not (page.parent / link.partition("#")[0]).exists()]
    assert missing == []


def test_each_decision_says_what_would_change_our_mind() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    index = (ROOT / "docs" / "adr" / "README.md").read_text()
    for page in pages:
        parts = re.findall(r"^## (.*)$", page.read_text(), re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences", "What would change our mind"], page.name
        title = page.read_text().splitlines()[0].removeprefix("# ")
        assert f"[{title}]({page.name})" in index


def test_the_commands_are_the_makefiles() -> None:
    makefile = (ROOT / "Makefile").read_text()
    made = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE)) - {"help"}
    named = set(re.findall(r"^\| `make ([a-z]+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    assert named == made


@pytest.mark.parametrize("page", ["cli.md", "api.md"])
def test_generated_pages_are_what_the_code_would_write(page: str) -> None:
    """Run make docs. Every command, option, route and field has its line there."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert (ROOT / "docs" / page).read_text() == generate.PAGES[page]()


_FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _examples(language: str) -> list[tuple[str, str]]:
    """(page, text) of every fenced block in *language*."""
    return [
        (str(page.relative_to(ROOT)), text)
        for page in PAGES
        for found, text in _FENCED.findall(page.read_text())
        if found == language
    ]


@pytest.mark.parametrize(
    ("page", "line"),
    [
        (page, line.removeprefix("$ "))
        for page, text in _examples("console")
        for line in text.splitlines()
        if line.startswith("$ vedette ")
    ],
)
def test_commands_in_the_pages_exist(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    if "--" in words:
        del words[words.index("--") :]  # another program's
    command: Any = typer.main.get_command(cli)
    while words and not words[0].startswith("-") and hasattr(command, "commands"):
        assert words[0] in command.commands, f"{page}: {line}"
        command = command.commands[words.pop(0)]
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {word for word in words if word.startswith("-")} - {"--help"} <= known, f"{page}: {line}"


def test_complete_settings_in_the_pages_load(tmp_path: Path) -> None:
    whole = [(page, text) for page, text in _examples("yaml") if "resources:" in text and "policies:" in text]
    assert whole
    for page, text in whole:
        file = tmp_path / "vedette.yaml"
        file.write_text(text)
        try:
            load(file, {"APPDB_PASSWORD": "x"})
        except ConfigError as error:
            raise AssertionError(f"{page}: {error.problems}") from error


def test_python_in_the_pages_is_python() -> None:
    for page, text in _examples("python"):
        compile(text, page, "exec")


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in text
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert kinds <= {"Security", "Added", "Changed", "Deprecated", "Removed", "Fixed"}


def test_nothing_committed_names_this_machine() -> None:
    """No registry's host and no folder of whoever built it in what people get."""
    if shutil.which("git") is None:
        pytest.skip("no git here")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    pattern = re.compile(
        rb"py" + rb"thonhosted|py" + rb"pi\.org|\.py" + rb"env/|/wo" + rb"rk/(main|shared)|/tm" + rb"p/x/"
    )
    guilty = []
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        if path.is_file() and pattern.search(path.read_bytes()):
            guilty.append(name)
    assert guilty == []
