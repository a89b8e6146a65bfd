"""Running the agent in its own environment, and listening to what it tells."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from vedette.demo.children import DemoFailed, bound, end

SCRIPT = Path(__file__).with_name("agent.py")
MAX_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class Said:
    """One thing the agent tells: a thought, a call, what it saw, a notice, or that it is done."""

    event: str
    text: str
    error: bool


async def run_agent(python: Path, dsn: str, token: str, folder: Path) -> AsyncIterator[Said]:
    """The agent's doings as they happen. Raises DemoFailed where it fails.

    It gets the address and the token, and nothing else of this process or its environment.
    """
    log = folder / "agent.log"
    home = folder / "agent"
    home.mkdir()
    with log.open("wb") as errors:
        child = await asyncio.create_subprocess_exec(
            *bound([python, "-I", SCRIPT]),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors, cwd=home,
            env={"VEDETTE_DEMO_DSN": dsn, "HOME": str(home), "PATH": "/usr/bin:/bin"}, limit=MAX_LINE,
            start_new_session=True,
        )  # fmt: skip
    try:
        assert child.stdin is not None and child.stdout is not None  # noqa: S101  (both were asked for)
        child.stdin.write(token.encode() + b"\n")
        child.stdin.close()
        finished = False
        async for line in child.stdout:
            told = json.loads(line)
            finished = finished or told["event"] == "done"
            yield Said(told["event"], told["text"], told["error"])
        if await child.wait() or not finished:
            raise DemoFailed(f"the agent ended with {child.returncode}", log)
    finally:
        await end(child)
