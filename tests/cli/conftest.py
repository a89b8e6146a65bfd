"""The command line in a folder of its own, as somebody would type it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.testbed.processes import free_port
from vedette.cli import app
from vedette.cli.offline import OfflineGateway
from vedette.config import Settings, load
from vedette.model import Action, Ask, Effect, Hold, Kind, Principal, Resource, Touch
from vedette.store.follow import Follower
from vedette.trail import events

# What an agent could send to paint over a terminal, move about in it, or speak in another's name.
HOSTILE = "\x1b[2J\x1b]0;owned\x07[bold red]APPROVED[/]\r\n\u202eoops\x9b31m[link=http://evil]x[/link]\x7f"

CONFIG = """\
gateway:
  listen: {{postgres: {port}, web: {web}}}
  data: ./vedette-data
  admins: {{groups: [admins]}}
resources:
  appdb:
    protocol: postgres
    upstream: {{host: 127.0.0.1, port: 5, database: app, tls: disable}}
    login: {{user: app_rw, password: {{sealed: appdb}}}}
    labels: {{env: prod}}
policies:
  - name: agents
    who: {{kinds: [agent]}}
    rules:
      - allow: {{effects: [read]}}
      - deny: {{pack: destructive-sql}}
      - hold: {{effects: [write], objects: ["public.payments"]}}
        approvers: {{groups: [dba]}}
"""


@dataclass
class Shell:
    """Runs commands in *folder*."""

    folder: Path
    runner: CliRunner

    @property
    def config(self) -> Path:
        return self.folder / "vedette.yaml"

    @property
    def settings(self) -> Settings:
        return load(self.config, {})

    def run(self, *words: str, code: int = 0, stdin: str | bytes = "", **env: str) -> Result:
        """One command; its exit code must be *code*."""
        result = self.runner.invoke(app, list(words), input=stdin, env=env)
        assert result.exit_code == code, (words, result.output, result.exception)
        return result

    def json(self, *words: str, **more: Any) -> Any:
        return json.loads(self.run(*words, "--json", **more).stdout)

    def token(self, kind: str, *groups: str, subject: str = "dana") -> str:
        words = ["--subject", subject, "--kind", kind, "--groups", ",".join(groups)]
        return str(self.json("token", "issue", *words)["token"])

    def record(self, write: Callable[[OfflineGateway], Any]) -> Any:
        """Let *write* put something into the folder, as a gateway would."""

        async def work() -> Any:
            gateway = await OfflineGateway.open(self.settings)
            try:
                found = write(gateway)
                if asyncio.iscoroutine(found):
                    found = await found
                await Follower(gateway.store, gateway.journal.folder).catch_up()
                return found
            finally:
                await gateway.close()

        return asyncio.run(work())

    def session(self, name: str = "s-1", text: str = "SELECT 1") -> None:
        """A session of which every free text is *text*."""
        who = events.caller(Principal("bot", Kind.AGENT, frozenset({"ai-agents"})))
        at = time.time()
        touches = (Touch(Effect.READ, f"public.{text}"),)
        opened = events.SessionOpened(
            at=at, session=name, who=who, resource="appdb", protocol="postgres", application=text
        )
        judged = events.ActionJudged(
            at=at, session=name, action=f"{name}.1", who=who, resource="appdb", protocol="postgres",
            form="query", digest="0" * 64, verdict="deny", rule="agents/deny-2", policy="p", text=text,
            touches=touches, reason=text, parameters=(text, None),
        )  # fmt: skip
        came = events.ActionOutcome(
            at=at, session=name, action=f"{name}.1", status="error", sqlstate="42501", message=text,
            columns=(text,), sample=((text,),), masks={"email": 2}, rows=3,
        )  # fmt: skip
        closed = events.SessionClosed(at=at + 1, session=name, reason=text, actions=1, denied=1)
        self.record(lambda gateway: [gateway.journal.record(each) for each in (opened, judged, came, closed)])

    def hold(self, text: str = "UPDATE payments SET a = 1", session: str = "s-1") -> str:
        """A ticket that waits for the group dba."""
        action = Action("postgres", "query", text, (Touch(Effect.WRITE, "public.payments"),), (text, None))
        who = Principal("bot", Kind.AGENT, frozenset({"ai-agents"}), actor="alice")
        rule = Hold("agents/hold-3", "needs a person", frozenset({"dba"}), mode="ticket")
        ask = Ask(who, Resource("appdb", "postgres"), action, session)

        async def work(gateway: OfflineGateway) -> str:
            await gateway.desk.ticket(ask, rule, "policy")
            return (await gateway.desk.pending())[0].id

        return str(self.record(work))


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in list(os.environ):
        if name.startswith("VEDETTE"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    config = CONFIG.format(port=free_port(), web=free_port())
    (tmp_path / "vedette.yaml").write_text(config)
    return Shell(tmp_path, CliRunner())
