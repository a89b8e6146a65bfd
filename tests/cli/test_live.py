"""The commands against a gateway that runs, as a process of its own. Nothing upstream is needed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import Shell
from tests.testbed.gateway import Gateway, serving
from vedette.cli.outcome import NO, NOT_PERMITTED, USAGE
from vedette.journal import read

pytestmark = pytest.mark.live


@pytest.fixture
def gateway(shell: Shell) -> Iterator[Gateway]:
    text = shell.config.read_text().replace("{sealed: appdb}", "{env: APPDB_PASSWORD}")
    text = text.replace("postgres: ", "postgres: 127.0.0.1:").replace("web: ", "web: 127.0.0.1:")
    text = text.replace("protocol: 127.0.0.1:", "protocol: ")
    shell.config.write_text(text.replace("./vedette-data", str(shell.folder / "vedette-data")))
    with serving(shell.config) as running:
        yield running


@contextlib.contextmanager
def following(shell: Shell, *words: str) -> Iterator[Iterator[Any]]:
    """A command that goes on, as its lines of JSON."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    child = subprocess.Popen(
        [sys.executable, "-m", "vedette", *words, "--json"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
        cwd=shell.folder, env=env, text=True,
    )  # fmt: skip
    try:
        assert child.stdout is not None
        yield (json.loads(line) for line in child.stdout)
        child.send_signal(signal.SIGINT)
        assert child.wait(20) in (0, 130)
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def test_tokens_by_the_api(shell: Shell, gateway: Gateway) -> None:
    made = shell.json("token", "issue", "--subject", "bot")
    assert [each["id"] for each in shell.json("token", "list")] == [made["id"]]
    shell.run("token", "revoke", made["id"])
    result = shell.run("token", "list", VEDETTE_TOKEN=made["token"], code=NOT_PERMITTED)
    assert "identity.revoked" in result.stderr
    recorded = [(each.kind, each.body.get("by")) for each in read(gateway.data / "journal")]
    assert [kind for kind, by in recorded if by and by.startswith("vedette#local:")] == [
        *("token.issued", "config.changed", "token.revoked", "config.changed"),
    ]


def test_following_the_audit_trail(shell: Shell, gateway: Gateway) -> None:
    with following(shell, "audit", "tail", "--follow", "--kind", "token.") as lines:
        shell.run("token", "issue", "--subject", "bot-1")
        assert next(lines)["body"]["subject"] == "bot-1"
        shell.run("token", "issue", "--subject", "bot-2")
        assert next(lines)["body"]["subject"] == "bot-2"


def test_watching_approvals(shell: Shell, gateway: Gateway) -> None:
    """A ticket that another process opened in the same store is seen, decided, and seen again."""
    gateway.stop()
    hold = shell.hold()
    with serving(shell.config), following(shell, "approvals", "watch") as lines:
        seen = next(lines)
        assert (seen["id"], seen["status"], seen["yours"]) == (hold, "pending", False)
        token = shell.token("person", "dba")
        shell.run("approvals", "deny", hold, "--reason", "no", VEDETTE_TOKEN=token)
        assert next(lines)["status"] == "denied"


def test_blocks_and_the_way_back(shell: Shell, gateway: Gateway) -> None:
    token = shell.token("person", "ops", subject="dana")
    made = shell.json("block", "vedette#dana", "--for", "8h", "--reason", "lost her laptop")
    assert made["until"] - made["created"] == 8 * 3600
    result = shell.run("whoami", VEDETTE_TOKEN=token, code=NOT_PERMITTED)
    assert "identity.blocked" in result.stderr
    assert shell.json("blocks", "list") == [made]
    assert "lost her laptop" in shell.run("blocks", "list").stdout
    assert shell.json("sessions", "kill", "--all") == {"sessions": []}
    assert shell.json("sessions", "kill", "--principal", "vedette#dana") == {"sessions": []}
    shell.run("sessions", "kill", code=USAGE)
    shell.run("sessions", "kill", "s-1", "--all", code=USAGE)
    assert gateway.stop() == 0
    # The folder answers by itself now, and the operator is never locked out.
    shell.run("sessions", "list", VEDETTE_TOKEN=token, code=NOT_PERMITTED)
    shell.run("block", "vedette#local:somebody", code=USAGE)
    shell.run("unblock", "vedette#dana")
    assert shell.json("blocks", "list") == []
    shell.run("sessions", "list", VEDETTE_TOKEN=token)


def test_reloading_and_ending(shell: Shell, gateway: Gateway) -> None:
    before = shell.json("policy", "show")["hash"]
    whole = shell.config.read_text()
    shell.config.write_text(whole.replace("effects: [read]", "effects: [read, create]"))
    assert shell.json("policy", "reload")["hash"] != before
    shell.config.write_text(whole + "nonsense: 1\n")
    result = gateway.command("policy", "reload", check=False)
    assert result.returncode == NO
    shell.config.write_text(whole)
    assert gateway.stop() == 0
    report = shell.json("verify", "--closed")
    assert (report["ok"], report["closed"]) == (True, True)


def test_two_gateways_on_one_folder(shell: Shell, gateway: Gateway) -> None:
    result = gateway.command("serve", check=False)
    assert result.returncode == NO
    assert "two gateways on one data folder" in result.stderr
