"""The whole demo, with an agent that needs no AutoGen: the same tool, the same statements, the same words."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import httpx2
import pytest

from tests.demo.test_parts import statements
from vedette.demo import Options, agent_run, play, run

pytestmark = [pytest.mark.live, pytest.mark.slow]

AGENT = """
import asyncio, asyncpg, json, os, sys

def tell(event, text, error=False):
    print(json.dumps({{"event": event, "text": text, "error": error}}), flush=True)

async def main():
    token = sys.stdin.readline().strip()
    connection = await asyncpg.connect(os.environ["VEDETTE_DEMO_DSN"], password=token)
    connection.add_log_listener(lambda _, message: tell("notice", str(message.message)))
    for statement in {statements!r}:
        tell("call", statement)
        try:
            rows = await connection.fetch(statement)
            tell("saw", "\\n".join(str(tuple(row.values())) for row in rows))
        except asyncpg.PostgresError as error:
            tell("saw", str(error), error=True)
    tell("done", {last!r})
    await connection.close()

asyncio.run(main())
"""


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "agent.py"
    script.write_text(AGENT.format(statements=statements(), last="That is all."))
    monkeypatch.setattr(agent_run, "SCRIPT", script)
    monkeypatch.setenv("PYTHONPATH", ":".join(path for path in sys.path if path))
    monkeypatch.setenv("COLUMNS", "160")


@pytest.mark.usefixtures("agent")
def test_from_an_empty_folder_to_a_verified_journal(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(Options(Path(sys.executable)))
    out, err = capsys.readouterr()
    assert code == 0, err
    assert "100,000 rows" in out
    shown = out.split("\n3  ")[0]
    # Masked in columns and in prose; nothing whole comes through.
    assert re.search(r"f\*+@", shown)
    assert not re.search(r"\d{3}-\d{2}-\d{4}|4111 11|555 01", out)
    # The refusals reach the model in words it can act on.
    assert "agents do not drop or empty tables" in out
    assert "narrow it down with a WHERE" in out
    assert "policy.denied" in out
    # A person decides, by the command line; then it runs.
    hold = re.search(r"vedette approvals approve ([a-z]{5}-[a-z]{5})", out)
    assert hold
    assert f"{hold[1]} is approved" in out
    assert "(4711, 'refunded'" in out
    assert "APPROVED" in out
    assert "intact" in out
    assert re.search(r"http://127\.0\.0\.1:\d+/console/", out)
    assert not list(Path(tempfile.gettempdir()).glob(f"vedette-demo-{os.getpid()}-*"))


@pytest.mark.usefixtures("agent")
def test_whoever_keeps_it_signs_in_at_its_console(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    async def look(scene: play.Scene) -> None:
        people = await scene.vedette.json("people", "list")
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.get(scene.console)
        seen.extend(
            (people[0]["name"], people[0]["groups"], people[0]["password"], answer.status_code in (200, 503))
        )
        assert scene.password in capsys.readouterr().out

    monkeypatch.setattr(play, "_stay", look)
    assert run(Options(Path(sys.executable), keep=True)) == 0, capsys.readouterr().err
    assert seen == ["you", ["dba"], True, True]


@pytest.mark.usefixtures("agent")
def test_what_fails_is_told_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import sys; sys.exit('the agent has no hands')")
    monkeypatch.setattr(agent_run, "SCRIPT", broken)
    code = run(Options(Path(sys.executable)))
    _, err = capsys.readouterr()
    assert code == 1
    assert "the agent ended with 1" in err
    assert "no hands" in err
