"""The anomaly loop: a scripted session in which one thing fails at its first, second, third ... use."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging

import pytest

from tests.conformance.faults import FailingStore, Fault, full_disk
from tests.conformance.kits import ENGINES, Kit, Stage, staged, until
from vedette.journal import keys as journal_keys
from vedette.journal.verify import verify
from vedette.model import Kind, Principal

DBA = Principal("dora", Kind.PERSON, frozenset({"dba"}))
# The script uses nothing as often as this; a loop that gets here does not end.
MOST = 60


@pytest.fixture(params=ENGINES.values(), ids=lambda kit: kit.name)
def kit(request: pytest.FixtureRequest) -> Kit:
    return request.param


async def _approve(stage: Stage, hold: str) -> None:
    """An approver who tries again when told that it did not work. Raises OSError."""
    try:
        await stage.app.desk.decide(hold, DBA, True)
    except OSError:
        await stage.app.desk.decide(hold, DBA, True)


async def _script(stage: Stage, seen: list[bytes]) -> bool:
    """A session with something of everything; True when it got as far as its unreadable end."""
    caller = await stage.caller()
    try:
        for action in ("read", "refused", "masked"):
            await caller.act(action)
        caller.begin("held")
        if await caller.told():
            # Where nobody can approve it, the caller hangs up in the end.
            await _approve(stage, (await stage.pending()).id)
            await caller.answer()
        await caller.act("read")
        caller.garbage()
        await caller.gone()
        return True
    finally:
        seen.append(bytes(caller.seen))
        caller.hang_up()


async def _check(stage: Stage, seen: list[bytes], digests: set[str], canary, heard: list[bytes]) -> None:
    """Points 1, 4, 5 and 6 (and 2), whatever has failed."""
    kit = stage.kit
    assert await canary.act("read") == "", "another session is well"
    stage.app.journal.flush()
    await until(lambda: len(kit.sessions(stage.app)) == 1, "the session has ended")
    stage.app.journal.flush()
    await until(lambda: sum(not line.over for line in stage.fake.lines) == 1, "its upstream is closed")
    records = stage.journal()
    opened = {r["session"] for r in records if r["kind"] == "session.opened"}
    closed = {r["session"] for r in records if r["kind"] == "session.closed"}
    assert len(opened - closed) == 1, "every end but the canary's is on record"
    digests |= {r["digest"] for r in records if r["kind"] == "action.judged" and r["verdict"] == "allow"}
    for message in heard:
        assert hashlib.sha256(message).hexdigest() in digests, f"{message!r} ran without a record"
    assert kit.marks("refused") not in stage.fake.heard
    journal = b"".join(path.read_bytes() for path in stage.app.journal.folder.glob("*") if path.is_file())
    for place in (*seen, journal):
        assert kit.secret.encode() not in place
        assert kit.masked.encode() not in place


@pytest.mark.parametrize("what", ["journal", "journal for good", "store", "desk", "upstream"])
async def test_whatever_fails_at_whatever_use(kit, tmp_path, monkeypatch, caplog, what):
    caplog.set_level(logging.CRITICAL + 1)  # what the log says is looked at elsewhere; here it is only long
    async with staged(kit, tmp_path) as stage:
        heard: list[bytes] = []
        stage.fake.before = lambda message: heard.append(message) if kit.recorded(message) else None
        canary = await stage.caller("canary")
        assert await canary.act("read") == ""
        set_fault = _breaker(stage, what, monkeypatch)
        seen: list[bytes] = []
        digests: set[str] = set()
        complete = 0
        for at in range(1, MOST):
            fault = Fault(at, on=what.endswith("for good"))
            set_fault(fault)
            before = len(stage.journal("session.closed"))
            finished = False
            with contextlib.suppress(Exception):
                finished = await _script(stage, seen)
            struck = fault.struck or (what == "upstream" and stage.fake.messages >= stage.fake.fail_at)
            set_fault(Fault())
            await _check(stage, seen, digests, canary, heard)
            if finished:
                reasons = [event["reason"] for event in stage.journal("session.closed")[before:]]
                assert any(reason.startswith("protocol:") for reason in reasons), "point 5"
                complete += 1
            if not struck:
                break
        else:
            pytest.fail("the script never ran without the fault")
        assert at > 2, "the fault struck in the midst of it"
        assert complete, "the last run, without a fault, went to its end"
        await asyncio.gather(canary.close())
    keys = journal_keys.load_or_create(tmp_path / "vedette-data" / "keys")
    report = verify(tmp_path / "vedette-data" / "journal", keys.public_bytes, key=keys.mac)
    assert report.ok, report.problems


def _breaker(stage: Stage, what: str, monkeypatch):
    """Gives a function that arms the fault."""
    if what.startswith("journal"):
        return full_disk(monkeypatch, lambda: stage.app.journal._fd)
    if what == "store":
        store = FailingStore(stage.app.desk._holds)
        monkeypatch.setattr(stage.app.desk, "_holds", store)
        return lambda fault: setattr(store, "fault", fault)
    if what == "desk":
        desk = FailingStore(stage.app.desk)
        for name in ("wait", "ticket", "decide"):
            monkeypatch.setattr(stage.app.desk, name, _through(desk, getattr(stage.app.desk, name)))
        return lambda fault: setattr(desk, "fault", fault)

    def arm(fault: Fault) -> None:
        stage.fake.fail_at = stage.fake.messages + fault.at if fault.at else None

    return arm


def _through(desk: FailingStore, method):
    from vedette.store.errors import StoreError

    async def called(*arguments, **named):
        if desk.fault.due():
            raise StoreError("the desk is out of order")
        return await method(*arguments, **named)

    return called
