"""A password that nobody but the gateway can read: sealed by the command line, used at the next login upstream."""

from __future__ import annotations

import base64
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.testbed.gateway import Gateway, Upstream, serving, write
from tests.testbed.processes import PATIENCE_SECONDS
from vedette.journal.read import read

pytestmark = pytest.mark.live

NAMED = {"login": {"user": "by_scram", "password": {"sealed": "appdb"}}}
DAMAGE = {
    "a damaged value": "UPDATE sealed SET box = substr(box, 1, 5) || zeroblob(4) || substr(box, 10)",
    "text for bytes": "UPDATE sealed SET box = 'text', nonce = 'text'",
    "a short nonce": "UPDATE sealed SET nonce = x'00'",
    "nothing in it": "UPDATE sealed SET box = x''",
    "no such row": "DELETE FROM sealed",
    "no such table": "DROP TABLE sealed",
    "another's row": "UPDATE sealed SET name = 'appdb' WHERE name = 'other'",
}


def _key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def _vedette(file: Path, *words: str, given: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    path = {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "-m", "vedette", *words, "--config", str(file)],
        input=given, capture_output=True, text=True, timeout=60, check=False, env=path | env,
    )  # fmt: skip


def _asked(running: Gateway, token: str) -> str:
    """What a query answers, or the refusal."""
    try:
        with psycopg.connect(running.dsn(token, sslmode="disable")) as connection:
            row = connection.execute("SELECT current_user").fetchone()
    except psycopg.OperationalError as no:
        return str(no)
    return str(row[0]) if row else ""


def _changes(running: Gateway) -> list[dict[str, Any]]:
    """What the gateway noticed of its folder, once it has."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = [e.body for e in read(running.data / "journal") if e.body.get("what") == "credential"]
        if found:
            return found
    raise TimeoutError("nothing was noticed")


@pytest.fixture
def file(pg16, database, tmp_path) -> Path:
    return write(tmp_path, [Upstream(pg16, database, more=NAMED)])


@pytest.fixture
def password(pg16) -> str:
    return str(pg16.roles["by_scram"].password)


def test_a_sealed_password_logs_in_upstream_and_stands_nowhere(file, password):
    with serving(file) as running:
        token = running.token()
        assert "upstream.credential" in _asked(running, token)
        assert "nothing is sealed as appdb" in running.log.read_text()
        done = _vedette(file, "seal", "put", "appdb", given=password + "\n")
        assert done.returncode == 0, done.stderr
        assert _asked(running, token) == "by_scram"
        assert password not in done.stdout + done.stderr + running.log.read_text()
        shown = _vedette(file, "seal", "list", "--json").stdout
        assert "appdb" in shown
        assert password not in shown
        (change,) = _changes(running)
        assert (change["by"], change["name"], "before" in change) == ("folder", "appdb", False)
        running.stop()
        for path in running.data.rglob("*"):
            if path.is_file():
                assert password.encode() not in path.read_bytes(), path
        assert (running.data / "keys" / "seal.key").stat().st_mode & 0o077 == 0


def test_another_key_opens_nothing_until_the_old_one_is_named_and_can_go_after_rotation(file, password):
    old, new = _key(), _key()
    assert _vedette(file, "seal", "put", "appdb", given=password, VEDETTE_SEAL_KEY=old).returncode == 0
    with serving(file, env={"VEDETTE_SEAL_KEY": new}) as running:
        token = running.token()
        refusal = _asked(running, token)
        assert "upstream.credential" in refusal
        assert "under key" in running.log.read_text()
        assert "under key" not in refusal, "the caller is not told how the gateway keeps its secrets"
    failed = _vedette(file, "seal", "rotate", VEDETTE_SEAL_KEY=new)
    assert failed.returncode != 0
    assert "not at hand" in failed.stderr
    assert "Traceback" not in failed.stderr
    keys = {"VEDETTE_SEAL_KEY": new, "VEDETTE_SEAL_KEY_OLD": old}
    with serving(file, env=keys) as running:
        assert _asked(running, token) == "by_scram"
    assert "1 anew" in _vedette(file, "seal", "rotate", **keys).stdout
    with serving(file, env={"VEDETTE_SEAL_KEY": new}) as running:
        assert _asked(running, token) == "by_scram"


def test_a_key_that_is_none_stops_the_start_and_says_so(file):
    done = _vedette(file, "serve", VEDETTE_SEAL_KEY="short")
    assert done.returncode != 0
    assert "VEDETTE_SEAL_KEY must hold 32 bytes" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_store_opens_no_door_and_ends_nothing_else(file, password, damage):
    for name, secret in (("appdb", password), ("other", "another")):
        assert _vedette(file, "seal", "put", name, given=secret).returncode == 0
    with serving(file) as running:
        token = running.token()
        assert _asked(running, token) == "by_scram"
        with sqlite3.connect(running.data / "vedette.db") as store:
            if "'other'" in damage:
                store.execute("DELETE FROM sealed WHERE name = 'appdb'")
            store.execute(damage)
        store.close()
        assert "upstream.credential" in _asked(running, token)
        log = running.log.read_text()
        assert "Traceback" not in log
        assert password not in log
        running.command("seal", "remove", "appdb", check=False)
        assert running.stop() == 0
