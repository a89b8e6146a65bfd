"""The demo's parts: who its people are, what its policy says, and that nothing outlives it."""

from __future__ import annotations

import ast
import asyncio
import re
import sys
import time
from pathlib import Path

import pytest

from vedette.config import load
from vedette.demo import Options, people, run, settings
from vedette.demo.agent_run import SCRIPT
from vedette.demo.children import DemoFailed, call, end, environment, free_port, start, until_listening
from vedette.demo.play import _sweep
from vedette.explain import explain
from vedette.masking.prose import hide
from vedette.masking.tally import Tally
from vedette.model import Kind, MaskRule, Principal
from vedette.policy.testing import word


def statements() -> list[str]:
    """What the scripted model asks for. (The script itself needs AutoGen to be imported.)"""
    for node in ast.parse(SCRIPT.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SCRIPT":
            return [text for _, text in ast.literal_eval(node.value)]
    raise AssertionError("there is no script")


def test_a_hundred_thousand_rows_the_same_each_time() -> None:
    first = {name: list(rows) for name, rows in people.tables()}
    assert sum(map(len, first.values())) == 100_000
    assert {name: list(rows) for name, rows in people.tables()} == first
    assert first["orders"][4710][0] == 4711
    assert first["orders"][4710][3] == "paid"


def test_the_people_are_what_detectors_look_for() -> None:
    rule = MaskRule("m", entities=frozenset({"email", "phone", "us_ssn", "credit_card"}))
    whole = [str(value) for row in list(people.customers())[:50] for value in row[2:5]]
    whole += [str(row[2]) for row in list(people.cards())[:50]]
    assert [text for text in whole if hide(text, [rule], b"k" * 32, Tally()) == text] == []
    for row in list(people.notes())[:200]:
        hidden = hide(str(row[2]), [rule], b"k" * 32, Tally())
        assert not re.search(r"\d{3}-\d\d-\d{4}|4111|@mail|555 01", hidden), hidden


def test_addresses_and_numbers_are_nobodys() -> None:
    for row in list(people.customers())[:1000]:
        assert str(row[2]).endswith("@mail.example")
        assert re.fullmatch(r"\+1 212 555 01\d\d", str(row[3]))


def test_the_policy_says_what_the_story_tells(tmp_path: Path) -> None:
    file = settings.write(tmp_path, port=1, web=2, upstream=3, password=tmp_path / "secret")
    loaded = load(file, {})
    agent = Principal("report-agent", Kind.AGENT, frozenset({"ai-agents"}))
    said = [word(explain(loaded, agent, "appdb", text)[1].decision.verdict) for text in statements()]
    assert said == ["allow", "allow", "allow", "deny", "deny", "hold", "allow"]


def test_the_agent_knows_nothing_of_the_gateway() -> None:
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name) or ""
        for node in ast.walk(ast.parse(SCRIPT.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert not [name for name in imported if name.startswith("vedette")]


def test_without_an_agent_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Options(tmp_path / "none")) == 1
    assert "make demo" in capsys.readouterr().err


async def test_a_child_that_fails_tells_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = "import sys; [print(n) for n in range(100)]; sys.exit(3)"
    with pytest.raises(DemoFailed) as caught:
        await call([sys.executable, "-c", program], env=environment(), cwd=tmp_path, log=log)
    log.unlink()
    assert caught.value.tail == [str(number) for number in range(85, 100)]


async def test_a_child_that_never_listens(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = await start([sys.executable, "-c", "pass"], log, env=environment(), cwd=tmp_path)
    with pytest.raises(DemoFailed, match="ended with 0"):
        await until_listening(child, free_port(), "it", log)


def _wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


async def test_a_stubborn_child_ends_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vedette.demo.children.END_SECONDS", 0.2)
    ready = tmp_path / "ready"
    program = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(99)"
    )
    log = tmp_path / "log"
    child = await start([sys.executable, "-c", program], log, env=environment(), cwd=tmp_path)
    await asyncio.to_thread(_wait_for, ready)
    await end(child)
    assert child.returncode == -9


def test_no_secret_of_ours_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("VEDETTE_TOKEN", "x")
    assert not {"AWS_SECRET_ACCESS_KEY", "VEDETTE_TOKEN"} & set(environment())


def test_what_a_killed_demo_left_is_swept(tmp_path: Path) -> None:
    gone, ours, other = tmp_path / "vedette-demo-999999999-a", tmp_path / "vedette-demo-1-a", tmp_path / "x"
    for folder in (gone, ours, other):
        folder.mkdir()
    _sweep(tmp_path)
    assert [gone.exists(), ours.exists(), other.exists()] == [False, True, True]
