"""The gateway as operators run it: a process, its command line, a link on the screen, a client with a browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx2

from tests.issuer.conftest import PASSWORD, field, settings
from tests.testbed import processes
from tests.testbed.gateway import Gateway, serving


def vedette(gateway: Gateway, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """A command, with something on standard input."""
    return subprocess.run(
        [sys.executable, "-m", "vedette", *arguments, "--config", str(gateway.file)],
        input=given, capture_output=True, text=True, check=False, timeout=60,
        env=processes.environment({"PYTHONPATH": ":".join(filter(None, sys.path))}),
    )  # fmt: skip


def test_from_the_link_on_the_screen_to_an_agents_token(tmp_path: Path) -> None:
    ports = {"postgres": processes.free_port(), "web": processes.free_port()}
    listen = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    file = settings(tmp_path, gateway={"listen": listen, "data": str(tmp_path / "data")})
    with serving(file) as gateway:
        base = f"http://127.0.0.1:{gateway.web}"
        found = re.search(rf"{re.escape(base)}/setup\?link=\S+", _printed(gateway))
        assert found, gateway.log.read_text()
        with httpx2.Client(trust_env=False, timeout=30) as browser:
            page = browser.get(found[0])
            form = {
                "form": field(page.text, "form"), "link": field(page.text, "link"), "name": "ada",
                "email": "ada@example.com", "password": PASSWORD, "again": PASSWORD,
            }  # fmt: skip
            done = browser.post(f"{base}/setup", data=form, headers={"Origin": base})
            assert done.status_code == 200, done.text
        assert PASSWORD not in gateway.log.read_text()

        added = vedette(
            gateway, "people", "add", "bert", "--groups", "staff", "--json", given=PASSWORD + "\n"
        )
        assert added.returncode == 0, added.stderr
        people = json.loads(vedette(gateway, "people", "list", "--json").stdout)
        assert [(each["name"], each["groups"]) for each in people] == [
            ("ada", ["admins"]),
            ("bert", ["staff"]),
        ]
        made = vedette(gateway, "accounts", "create", "robot", "--groups", "ai", "--owner", "bert", "--json")
        secret = json.loads(made.stdout)["secret"]
        with httpx2.Client(base_url=base, trust_env=False, timeout=30) as http:
            form = {"grant_type": "client_credentials", "client_id": "robot", "client_secret": secret}
            assert http.post("/oauth/token", data=form).status_code == 200
            rotated = vedette(gateway, "issuer", "rotate", "--json")
            assert len(json.loads(rotated.stdout)["verifies"]) == 2
            assert http.post("/oauth/token", data=form).status_code == 200
            assert vedette(gateway, "accounts", "disable", "robot").returncode == 0
            assert http.post("/oauth/token", data=form).status_code == 401
        for words in (("groups", "bert", "--groups", "x"), ("disable", "bert"), ("enable", "bert")):
            assert vedette(gateway, "people", *words).returncode == 0, words
        weak = vedette(gateway, "people", "passwd", "bert", given="short\n")
        assert weak.returncode == 2
        assert "at least 12" in weak.stderr
        assert vedette(gateway, "people", "passwd", "bert", given="").returncode == 2
        listed = vedette(gateway, "people", "list").stdout
        assert "bert" in listed
    # The same commands work on the folder while no gateway runs.
    assert vedette(gateway, "people", "passwd", "bert", given="quite another sentence\n").returncode == 0
    assert vedette(gateway, "accounts", "rotate", "robot", "--json").returncode == 0
    assert vedette(gateway, "issuer", "rotate").returncode == 0
    verified = vedette(gateway, "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def _printed(gateway: Gateway) -> str:
    """What it has said, once it has said that it is ready and where to begin."""
    processes.wait_until(
        lambda: "/setup?link=" in gateway.log.read_text(), gateway.child, gateway.log, "the set-up link"
    )
    return gateway.log.read_text()
