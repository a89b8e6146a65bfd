"""Promise 5: the upstream password, tokens and API keys appear nowhere, whichever way a login or a session fails."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import psycopg
import pytest

from tests.conformance.talk_postgres import Talk
from tests.testbed import gateway as gateways
from tests.testbed.gateway import LOOPBACK, Gateway, Upstream
from vedette.journal.read import read
from vedette.protocols.postgres import messages as m

pytestmark = pytest.mark.live
WRONG = "wr0ng-Upstream-Pa55-canary"


def _children(pid: int) -> list[Path]:
    found = [Path(f"/proc/{pid}")]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += _children(int(child))
    return found


def _fail_in_every_way(port: int, token: str, key: str, key_name: str) -> None:
    """Logins that go wrong, and one that goes right."""

    def login(user: str, secret: str, resource: str) -> None:
        dsn = f"postgresql://{user}:{secret}@{LOOPBACK}:{port}/{resource}?sslmode=disable"
        with contextlib.suppress(psycopg.Error), psycopg.connect(dsn, autocommit=True) as connection:
            for text in (
                "SELECT 1",
                "SELECT * FROM nowhere",
                "DROP TABLE orders",
                "SELECT 1/0",
                "SET ROLE nobody",
            ):
                with contextlib.suppress(psycopg.Error):
                    connection.execute(text)

    for resource in ("appdb", "wrong", "gone", "nowhere"):
        login("agent", token, resource)
        login(key_name, key, resource)
        login("agent", token[:-6] + "AAAAAA", resource)
        login(key_name, key[:-2] + "xx", resource)
        login("stranger", key, resource)


async def _damage(port: int, token: str) -> None:
    for data in (
        b"\x01\xff\xff\xff\xff",
        m.message(b"v"),
        m.message(b"p", b"SELECT"),
        m.query("SELECT 1")[:-2] + b"xx",
    ):
        talk = await Talk.login(port, token)
        talk.say(data)
        await talk.rest()
        await talk.close()
    early = await Talk.dial(port)
    early.say(
        m.startup({"user": "agent", "database": "appdb"}), m.message(b"p", m.cstring(token) + b"x" * 60_000)
    )
    await early.rest()
    await early.close()


def test_canaries_are_found_nowhere(pg16, database, tmp_path, tap, gateway, monkeypatch, caplog):
    good = pg16.roles["by_scram"].password
    monkeypatch.setenv("WRONG_PASSWORD", WRONG)
    wrong = {"login": {"user": "by_scram", "password": {"env": "WRONG_PASSWORD"}}}
    running: Gateway = gateway(
        Upstream(pg16, database, "by_scram"),
        Upstream(pg16, database, "by_scram", name="wrong", more=wrong),
        Upstream(pg16, database, "by_scram", name="gone", port=1),
        policies=gateways.OPEN,
    )
    token, key = running.token(), running.key("key-1")
    (listed,) = json.loads(running.command("key", "list", "--json").stdout)
    user = listed["id"]
    downstream = tap(LOOPBACK, running.port)
    _fail_in_every_way(downstream.port, token, key, user)
    asyncio.run(_damage(downstream.port, token))
    for child in _children(running.child.pid):
        for name in ("cmdline", "environ"):
            seen = (child / name).read_bytes()
            for secret in (good, token, key):
                assert secret.encode() not in seen, f"{child}/{name}"
            if child.name != str(running.child.pid):
                assert WRONG.encode() not in seen, "a child inherits no credential"
    said = [
        running.command(*words, check=False)
        for words in (("check",), ("sessions", "list", "--json"), ("audit", "tail", "--json"))
    ]
    running.stop()
    places = {str(path): path.read_bytes() for path in running.data.rglob("*") if path.is_file()}
    places["log"] = running.log.read_bytes()
    places["downstream"] = downstream.down
    places |= {str(done.args): (done.stdout + done.stderr).encode() for done in said}
    opened = [
        entry.body["who"]["credential"]
        for entry in read(running.data / "journal")
        if entry.kind == "session.opened"
    ]
    assert len(set(opened)) == 2, "by the token and by the key"
    for secret in (good, WRONG, token, key):
        holding = [place for place, data in places.items() if secret.encode() in data]
        assert holding == [], secret[:4]


def test_no_core_file_would_hold_them(gateway, pg16, database):
    running: Gateway = gateway(Upstream(pg16, database, "by_scram"))
    limits = Path(f"/proc/{running.child.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"]
