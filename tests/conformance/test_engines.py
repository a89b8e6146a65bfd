"""What every engine must show: the eight points, each against an upstream that remembers what it heard."""

from __future__ import annotations

import asyncio
import hashlib
import logging

import pytest

from tests.conformance.kits import ENGINES, Kit, staged, until
from vedette.model import Kind, Principal

DBA = Principal("dora", Kind.PERSON, frozenset({"dba"}))


@pytest.fixture(params=ENGINES.values(), ids=lambda kit: kit.name)
def kit(request: pytest.FixtureRequest) -> Kit:
    return request.param


async def test_1_a_refused_action_never_reaches_the_upstream_and_says_why(kit, tmp_path):
    async with staged(kit, tmp_path) as stage:
        caller = await stage.caller()
        words = await caller.act("refused")
        assert "policy.denied" in words
        assert "vedette" in words
        assert await caller.act("read") == "", "the session stays usable"
        assert kit.marks("refused") not in stage.fake.heard
        assert kit.marks("read") in stage.fake.heard
        assert [event["verdict"] for event in stage.journal("action.judged")] == ["deny", "allow"]
        await caller.close()


async def test_2_the_record_exists_before_the_first_forwarded_byte(kit, tmp_path):
    async with staged(kit, tmp_path) as stage:
        unrecorded = []

        def look(message):
            digest = hashlib.sha256(message).hexdigest()
            allowed = {e["digest"] for e in stage.journal("action.judged") if e["verdict"] == "allow"}
            if kit.recorded(message) and digest not in allowed:
                unrecorded.append(message)

        stage.fake.before = look
        caller = await stage.caller()
        for action in ("read", "masked", "refused", "remember", "recall", "read"):
            await caller.act(action)
        await caller.close()
        assert kit.marks("read") in stage.fake.heard
        assert unrecorded == []


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 50, 1000])
async def test_3_a_masked_value_never_reaches_the_caller_however_reads_are_cut(kit, tmp_path, cut):
    async with staged(kit, tmp_path) as stage:
        whole = await stage.caller()
        assert await whole.act("masked") == ""
        stage.fake.cut = cut
        caller = await stage.caller()
        start = len(caller.seen)
        assert await caller.act("masked") == ""
        assert kit.masked.encode() not in caller.seen + whole.seen
        assert caller.seen[start:] == whole.seen[-len(caller.seen[start:]) :], "cuts do not matter"
        await caller.close()
        await whole.close()


async def test_4_the_upstream_secret_appears_nowhere(kit, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    async with staged(kit, tmp_path) as stage:
        caller = await stage.caller()
        for action in ("read", "refused", "masked"):
            await caller.act(action)
        caller.garbage()
        await caller.gone()
        await caller.close()
        stage.fake.lie = True
        with pytest.raises(Exception, match="not accept"):
            await stage.caller()
        seen = caller.seen
    assert kit.secret.encode() in stage.fake.heard, "it was used"
    out, err = capfd.readouterr()
    kept = [path.read_bytes() for path in (tmp_path / "vedette-data").rglob("*") if path.is_file()]
    for place in (seen, caplog.text.encode(), out.encode(), err.encode(), *kept):
        assert kit.secret.encode() not in place


@pytest.mark.parametrize("side", ["caller", "upstream"])
async def test_5_unreadable_bytes_end_the_session_from_both_sides_on_record(kit, tmp_path, side):
    async with staged(kit, tmp_path) as stage:
        canary, caller = await stage.caller("canary"), await stage.caller()
        assert await caller.act("read") == ""
        if side == "caller":
            caller.garbage()
        else:
            kit.garble(stage.fake, "masked")
            caller.begin("masked")
            if not kit.bound:
                assert "upstream.protocol" in await caller.answer()
                await until(lambda: any(line.over for line in stage.fake.lines), "the upstream is closed")
                assert await caller.act("read") == "", "it asks over another connection"
                caller.garbage()
        await caller.gone()
        (closed,) = await stage.recorded("session.closed")
        assert closed["reason"].startswith("protocol:")
        assert await canary.act("read") == "", "the others go on"
        await caller.close()
        await canary.close()


@pytest.mark.parametrize("side", ["caller", "upstream"])
async def test_6_when_either_side_vanishes_the_other_is_closed_on_record(kit, tmp_path, side):
    async with staged(kit, tmp_path) as stage:
        caller = await stage.caller()
        assert await caller.act("read") == ""
        if side == "caller":
            caller.hang_up()
        else:
            stage.fake.vanish()
            if not kit.bound:
                assert await caller.act("read") == "", "it asks over another connection"
                await caller.close()
                await stage.recorded("session.closed")
                return
            await caller.gone()
        (closed,) = await stage.recorded("session.closed")
        assert closed["reason"].startswith(side)
        await until(lambda: all(line.over for line in stage.fake.lines), "the upstream is closed")
        assert not kit.sessions(stage.app)
        await caller.close()


async def test_7_while_a_person_is_asked_the_caller_is_not_read_and_then_goes_on(kit, tmp_path):
    async with staged(kit, tmp_path) as stage:
        caller = await stage.caller()
        caller.begin("held")
        assert "waiting for approval" in await caller.told()
        hold = await stage.pending()
        assert await caller.flood(256 << 20) < 256 << 20, "the gateway stops reading"
        assert kit.marks("held") not in stage.fake.heard
        await stage.app.desk.decide(hold.id, DBA, True)
        assert await caller.answer() == ""
        assert kit.marks("held") in stage.fake.heard
        caller.hang_up()
        await stage.recorded("session.closed")


async def test_7_nothing_times_out_silently(kit, tmp_path, monkeypatch):
    short = [dict(rule) | ({"within": "1s"} if "hold" in rule else {}) for rule in kit.rules]
    monkeypatch.setattr(type(kit), "rules", short)
    async with staged(kit, tmp_path) as stage:
        caller = await stage.caller()
        words = await caller.act("held")
        assert "approval.expired" in words
        assert await caller.act("read") == ""
        assert kit.marks("held") not in stage.fake.heard
        assert len(await stage.recorded("hold.expired")) == 1
        await caller.close()


async def test_8_two_sessions_never_see_each_others_state(kit, tmp_path):
    async with staged(kit, tmp_path) as stage:
        one, other = await stage.caller("agent-1"), await stage.caller("agent-2")
        assert await one.act("remember") == ""
        assert await other.act("recall") != ""
        assert await one.act("recall") == ""
        one.begin("held")
        assert "waiting" in await one.told()
        assert await other.act("masked") == "", "one session's wait is not another's"
        assert kit.masked.encode() not in other.seen
        await asyncio.gather(one.close(), other.close())
        names = {event["session"] for event in stage.journal("action.judged")}
        assert len(names) == 2
        subjects = {(e["session"], e["who"]["principal"]) for e in stage.journal("action.judged")}
        assert len(subjects) == 2
