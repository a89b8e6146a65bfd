"""What befalls the whole gateway: a full disk, a bad policy file, a second gateway, kill -9 in mid-session."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.conformance.faults import Fault, full_disk
from tests.conformance.kits import ENGINES, staged, until
from tests.conformance.talk_postgres import LoginFailed
from tests.testbed.gateway import Gateway, Upstream, serving, write
from tests.testbed.processes import PATIENCE_SECONDS
from vedette import reloading
from vedette.config import Settings
from vedette.journal import keys as journal_keys
from vedette.journal.read import read
from vedette.journal.verify import verify

BAD_POLICIES = {
    "an unknown key": lambda text: text.replace("rules:", "rulez:"),
    "no YAML at all": lambda text: "{[",
    "an unknown effect": lambda text: text.replace("- read", "- reed"),
    "a cut-off file": lambda text: text[: len(text) // 2],
    "an empty file": lambda text: "",
    "not even text": lambda text: "\x00\x01",
}


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("damage", BAD_POLICIES.values(), ids=BAD_POLICIES.keys())
async def test_a_bad_policy_on_reload_leaves_the_old_one_in_force(tmp_path, damage):
    async with staged(ENGINES["postgres"], tmp_path) as stage:
        caller = await stage.caller()
        file = stage.app.settings.file
        text, before = file.read_text(), stage.app.settings.policies.hash
        file.write_text(damage(text))
        (rejected,) = await stage.recorded("policy.rejected")
        assert rejected["kept"] == before
        assert rejected["problems"]
        assert await caller.act("read") == ""
        assert "policy.denied" in await caller.act("refused")
        file.write_text(text.replace("conformance", "renamed"))
        (loaded,) = await stage.recorded("policy.loaded")
        assert loaded["before"] == before
        assert await caller.act("read") == ""
        assert stage.journal("action.judged")[-1]["policy"] == loaded["policy"] != before
        await caller.close()


async def test_a_reload_while_the_disk_is_full_happens_once_there_is_room(tmp_path, monkeypatch):
    async with staged(ENGINES["postgres"], tmp_path) as stage:
        file = stage.app.settings.file
        before = stage.app.settings.policies.hash
        tried: list[str] = []
        set_fault = full_disk(monkeypatch, lambda: stage.app.journal._fd)
        load = reloading.reload

        def counted(started: Settings, file: Path) -> object:
            tried.append("")
            return load(started, file)

        monkeypatch.setattr(reloading, "reload", counted)
        set_fault(Fault(1, on=True))
        file.write_text(file.read_text().replace("conformance", "renamed"))
        await until(lambda: bool(tried))
        assert stage.app.settings.policies.hash == before, "what is not on record is not in force"
        set_fault(Fault())
        await until(lambda: stage.app.settings.policies.hash != before)
        assert len(stage.journal("policy.loaded")) == 1


async def test_a_fault_of_our_own_leaves_nobody_waiting(tmp_path, caplog):
    async def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    async with staged(ENGINES["postgres"], tmp_path) as stage, asyncio.timeout(PATIENCE_SECONDS):
        caller = await stage.caller()
        (backend,) = stage.app.engine.backends.values()
        dial, backend.dial = backend.dial, broken
        with pytest.raises(LoginFailed):
            await stage.caller()
        backend.dial = dial
        assert "a fault in the gateway" in caplog.text
        assert await caller.act("read") == "", "it was that caller's alone"
        await caller.close()


@pytest.mark.live
def test_two_gateways_on_one_data_folder(pg16, database, gateway):
    first: Gateway = gateway(Upstream(pg16, database))
    import subprocess

    second = subprocess.run(
        [sys.executable, "-m", "vedette", "serve", "--config", str(first.file)],
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert second.returncode != 0
    assert "two gateways on one data folder" in second.stderr
    assert "Traceback" not in second.stderr
    with psycopg.connect(first.dsn(first.token(), sslmode="disable")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,), "the first goes on"


@pytest.mark.live
def test_a_full_disk_under_a_real_gateway(pg16, database, gateway):
    """The kernel refuses to let any file of the process grow, as a full disk would, and then permits it again."""
    running: Gateway = gateway(Upstream(pg16, database, "chief"))
    token = running.token()
    with psycopg.connect(running.dsn(token, sslmode="disable"), autocommit=True) as connection:
        connection.execute("INSERT INTO audit.log (what) VALUES ('before_full')")
        size = max(path.stat().st_size for path in (running.data / "journal").iterdir())
        _soft, hard = resource.prlimit(running.child.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(running.child.pid, resource.RLIMIT_FSIZE, (size, hard))
        with pytest.raises(psycopg.OperationalError) as refused:
            for _ in range(3):
                connection.execute("INSERT INTO audit.log (what) VALUES ('while_full')")
        assert refused.value.sqlstate == "58030"
        resource.prlimit(running.child.pid, resource.RLIMIT_FSIZE, (hard, hard))
        connection.execute("INSERT INTO audit.log (what) VALUES ('after_full')")
    running.stop()
    ran = pg16.run("SELECT count(*) FROM audit.log WHERE what = 'while_full'", database)
    texts = [
        e.body["text"]
        for e in read(running.data / "journal")
        if e.kind == "action.judged" and e.body["verdict"] == "allow"
    ]
    assert sum("while_full" in text for text in texts) == int(ran)
    assert any("after_full" in text for text in texts)
    _verified(running)


@pytest.mark.live
def test_kill_nine_in_mid_session_and_the_next_start(pg16, database, tmp_path):
    file = write(tmp_path, [Upstream(pg16, database, "chief")])
    with serving(file) as running:
        token = running.token()
        connection = psycopg.connect(running.dsn(token, sslmode="disable"))
        connection.execute("INSERT INTO audit.log (what) VALUES ('never_committed')")
        running.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        connection.close()
    with (running.data / "journal").joinpath(_last_segment(running)).open("ab") as torn:
        torn.write(b"12345 a record that was being written when the pow")
    with serving(file) as again:
        with psycopg.connect(again.dsn(token, sslmode="disable")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        again.stop()
    entries = list(read(again.data / "journal"))
    (recovered,) = [e.body for e in entries if e.kind == "journal.recovered"]
    assert recovered["cut"] == 50
    assert any("never_committed" in e.body.get("text", "") for e in entries)
    _until(
        lambda: pg16.run("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'", database) == "0"
    )
    assert pg16.run("SELECT count(*) FROM audit.log WHERE what = 'never_committed'", database) == "0"
    _verified(again)


def _last_segment(running: Gateway) -> str:
    return max(path.name for path in (running.data / "journal").iterdir() if path.suffix == ".journal")


def _verified(running: Gateway) -> None:
    keys = journal_keys.load_or_create(running.data / "keys")
    report = verify(running.data / "journal", keys.public_bytes, key=keys.mac)
    assert report.ok, report.problems
