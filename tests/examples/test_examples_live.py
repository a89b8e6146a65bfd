"""The examples as they stand, in environments of their own, run by `vedette run` before the real gateway."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.gateways import Live, living, policy
from tests.testbed.gateway import RESOURCE
from vedette.model import Kind

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
AGENTS = {
    "autogen": ".venv-agent",
    "agent_framework": ".venv-agent-framework",
    "langgraph": ".venv-agent-langgraph",
}
TABLES = """
DROP TABLE IF EXISTS customers, orders CASCADE;
CREATE TABLE customers (id integer PRIMARY KEY, name text, email text);
CREATE TABLE orders (id integer PRIMARY KEY, status text);
INSERT INTO customers VALUES (1, 'Ada', 'ada.lovelace@mail.example'), (2, 'Emil', 'emil@mail.example');
INSERT INTO orders VALUES (4711, 'paid'), (4712, 'open');
"""
RULES = policy(
    {"allow": {"effects": ["read"]}},
    {"deny": {"effects": ["destroy"]}, "message": "agents do not drop tables"},
    {
        "hold": {"effects": ["write"], "objects": ["public.orders"]}, "approvers": {"groups": ["dba"]},
        "mode": "ticket", "within": "10m",
    },
    {"mask": {"entities": ["email"], "as": "partial"}},
    who={"kinds": ["agent"], "groups": ["ai-agents"]},
)  # fmt: skip


@dataclass
class Stage:
    live: Live
    home: Path

    async def start(self, example: str, script: str = "agent.py") -> asyncio.subprocess.Process:
        """The script below `vedette run`, which is the operator's here and lends a token."""
        python = ROOT / AGENTS[example] / "bin" / "python"
        if not python.exists():
            pytest.skip(f"make agents prepares {AGENTS[example]}")
        config = str(self.live.folder / "vedette.yaml")
        words = ["run", "--config", config, "--as", example.replace("_", "-"), "--groups", "ai-agents", "--"]
        environ = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8", "VEDETTE_KEEP": "file",
            "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1", "LANGSMITH_TRACING": "false",
        }  # fmt: skip
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vedette", *words, str(python), str(ROOT / "examples" / example / script),
            cwd=self.home, env=environ, stdout=-1, stderr=-1,
        )  # fmt: skip


@pytest.fixture
async def stage(pg16, database, tmp_path) -> AsyncIterator[Stage]:
    home = tmp_path / "home"
    home.mkdir()
    pg16.run(TABLES, database)
    async with living(pg16, database, tmp_path, policies=[RULES]) as live:
        yield Stage(live, home)


async def told(child: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(240):
        out, err = await child.communicate()
    assert child.returncode == 0, err.decode() + out.decode()
    return out.decode()


@pytest.mark.parametrize("example", AGENTS)
async def test_an_unmodified_agent_goes_through_the_gateway(stage, example):
    out = await told(await stage.start(example))
    assert "Ada" in out
    assert "ada.lovelace" not in out
    assert "open | 1" in out
    assert "agents do not drop tables" in out
    assert out.rstrip().endswith("Nothing was dropped: the gateway told me not to.")
    assert stage.live.direct("SELECT count(*) FROM orders") == "2"
    (who,) = {event["who"]["principal"] for event in stage.live.journal("session.opened")}
    assert who.endswith("#" + example.replace("_", "-"))
    verdicts = [event["verdict"] for event in stage.live.journal("action.judged")]
    assert verdicts.count("deny") == 1


async def test_an_agent_waits_for_its_ticket(stage):
    child = await stage.start("autogen", "waiting.py")
    assert child.stdout is not None
    async with asyncio.timeout(240):
        line = (await child.stdout.readline()).decode()
        assert line.startswith("waits for "), line + (await child.stderr.read()).decode()
    ticket = line.split()[-1]
    person = stage.live.token("dana", kind=Kind.PERSON, groups=("dba",))
    approve = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vedette", "approvals", "approve", ticket,
        "--url", f"http://127.0.0.1:{stage.live.app.ports['web']}",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "VEDETTE_TOKEN": person,
             "HOME": str(stage.home)},
        cwd=stage.home, stdout=-1, stderr=-1,
    )  # fmt: skip
    await told(approve)
    assert "UPDATE 1" in await told(child)
    assert stage.live.direct("SELECT status FROM orders WHERE id = 4711") == "refunded"
    assert RESOURCE in {event["resource"] for event in stage.live.journal("session.opened")}
