"""The demo's use of the command line: the very commands that people type."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vedette.demo.children import DemoFailed, bound, environment

SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Vedette:
    """``vedette`` with this configuration. *token* is None for the folder's owner."""

    config: Path
    width: int = 120

    async def text(self, *words: str, token: str | None = None, typed: str = "") -> str:
        """What the command prints, given *typed* on its standard input. Raises DemoFailed where it fails."""
        more = {"VEDETTE_TOKEN": token} if token else {}
        if sys.stdout.isatty():
            more["FORCE_COLOR"] = "1"
        env = environment(self.config.parent, COLUMNS=str(self.width), **more)
        child = await asyncio.create_subprocess_exec(
            *bound([sys.executable, "-m", "vedette", *words, "--config", str(self.config)]),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=env, cwd=self.config.parent,
        )  # fmt: skip
        try:
            async with asyncio.timeout(SECONDS):
                output, errors = await child.communicate(typed.encode())
        except TimeoutError:
            raise DemoFailed(f"vedette {' '.join(words)} did not end") from None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode:
            said = (errors or output).decode("utf-8", "replace").strip()
            raise DemoFailed(f"vedette {' '.join(words)} ended with {child.returncode}: {said}")
        return output.decode("utf-8", "replace")

    async def json(self, *words: str, token: str | None = None) -> Any:
        return json.loads(await self.text(*words, "--json", token=token))
