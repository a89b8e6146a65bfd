"""Mode wait: the caller is parked until people have spoken."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.approvals.conftest import ASK, BOB, CAROL, HOLD, POLICY
from vedette.approvals import NotAllowed
from vedette.model import Allow, Limit, MaskRule
from vedette.store.errors import StoreError


async def test_what_a_person_approves_passes_once_with_its_obligations(office, park):
    desk = office.desk()
    hold = replace(HOLD, masks=(MaskRule("m", entities=frozenset({"email"})),), limits=(Limit("l", rows=5),))
    waiting, name = await park(desk, hold=hold)

    row = await desk.decide(name, BOB, True, "fine")

    assert await waiting == Allow("ask-first", hold.masks, hold.limits, approval=name)
    assert (row.status, row.decisions[0].principal) == ("approved", BOB.id)
    assert office.said == ["hold.opened", "hold.decided", "hold.used"]
    assert (await desk.get(name)).status == "used"
    assert [session for session, _ in await office.store.holds.uses(name)] == ["s1"]


async def test_what_a_person_refuses_is_denied_in_their_words(office, park):
    desk = office.desk()
    waiting, name = await park(desk)
    await desk.decide(name, BOB, False, "not on a friday\x1b[2J")
    verdict = await waiting
    assert verdict.code == "approval.denied"
    assert "not on a friday\\x1b[2J" in verdict.reason


async def test_patience_ends(office, park):
    desk = office.desk()
    waiting, name = await park(desk)
    office.time.tick(59.9)
    await desk.sweep()
    assert not waiting.done()
    office.time.tick(0.2)
    await desk.sweep()
    assert (await waiting).code == "approval.expired"
    assert office.said == ["hold.opened", "hold.expired"]
    with pytest.raises(NotAllowed) as caught:
        await desk.decide(name, BOB, True)
    assert caught.value.code == "approval.over"


async def test_setting_the_wall_clock_back_lengthens_nothing(office, park):
    desk = office.desk()
    waiting, _ = await park(desk)
    office.time.wall -= 3600
    office.time.mono += 61
    await desk.sweep()
    assert (await waiting).code == "approval.expired"


async def test_setting_the_wall_clock_forward_shortens(office, park):
    desk = office.desk()
    waiting, _ = await park(desk)
    office.time.wall += 3600
    await desk.sweep()
    assert (await waiting).code == "approval.expired"


async def test_a_decision_after_its_time_does_not_count_even_before_anybody_looked(office, park):
    desk = office.desk()
    waiting, name = await park(desk)
    office.time.tick(61)
    with pytest.raises(NotAllowed) as caught:
        await desk.decide(name, BOB, True)
    assert caught.value.code == "approval.over"
    assert (await waiting).code == "approval.expired"
    assert office.said == ["hold.opened", "hold.expired"]


async def test_a_caller_who_hangs_up_takes_the_hold_along(office, park):
    desk = office.desk()
    waiting, name = await park(desk)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await desk.close()
    assert (await desk.get(name)).status == "withdrawn"
    assert office.said == ["hold.opened", "hold.withdrawn"]
    with pytest.raises(NotAllowed):
        await desk.decide(name, BOB, True)


async def test_a_hold_can_be_withdrawn(office, park):
    desk = office.desk()
    waiting, name = await park(desk)
    await desk.withdraw(name, "the session was killed")
    assert (await waiting).code == "approval.withdrawn"


async def test_whoever_asks_while_the_gateway_stops_does_not_wait_for_ever(office):
    desk = office.desk()
    await desk.close()
    async with asyncio.timeout(20):
        answer = await desk.wait(ASK, HOLD, POLICY, told=lambda name: None)
    assert answer.code == "approval.withdrawn"
    again = office.desk()
    await again.start()
    assert office.said == ["hold.opened", "hold.withdrawn"]


async def test_telling_the_caller_may_fail(office):
    desk = office.desk()

    def gone(name):
        raise ConnectionResetError("the caller is gone")

    with pytest.raises(ConnectionResetError):
        await desk.wait(ASK, HOLD, POLICY, told=gone)
    await desk.close()
    assert office.said == ["hold.opened", "hold.withdrawn"]


async def test_what_another_process_decides_is_noticed(office, park):
    here, there = office.desk("one"), office.desk("two")
    waiting, name = await park(here)
    await there.decide(name, BOB, True)
    assert not waiting.done()
    await here.sweep()
    assert isinstance(await waiting, Allow)


async def test_the_desk_looks_by_itself(office, park, monkeypatch):
    monkeypatch.setattr("vedette.approvals.desk.POLL", 0.001)
    here, there = office.desk("one"), office.desk("two")
    await here.start()
    waiting, name = await park(here)
    await there.decide(name, BOB, False)
    assert (await waiting).code == "approval.denied"


async def test_nothing_is_shown_that_is_not_on_record(office, park):
    desk = office.desk()
    office.broken = OSError("disk full")
    with pytest.raises(OSError, match="disk full"):
        await desk.wait(ASK, HOLD, POLICY, told=lambda name: None)
    await desk.close()
    assert await desk.pending() == []


async def test_a_decision_that_cannot_be_recorded_has_no_effect(office, park):
    desk = office.desk()
    waiting, name = await park(desk)
    office.broken = OSError("disk full")
    with pytest.raises(OSError, match="disk full"):
        await desk.decide(name, BOB, True)
    assert (await desk.get(name)).status == "pending"
    assert not waiting.done()
    office.broken = None
    await desk.decide(name, BOB, True)
    assert isinstance(await waiting, Allow)


async def test_a_use_that_cannot_be_recorded_does_not_pass(office, park):
    here, there = office.desk("one"), office.desk("two")
    waiting, name = await park(here)
    await there.decide(name, BOB, True)
    office.broken = OSError("disk full")
    await here.sweep()
    with pytest.raises(OSError, match="disk full"):
        await waiting


async def test_time_ends_without_a_store_too(office, park, monkeypatch):
    desk = office.desk()
    waiting, _ = await park(desk)

    async def dead(*_, **__):
        raise StoreError("the store failed")

    monkeypatch.setattr("vedette.approvals.desk.POLL", 0.001)
    monkeypatch.setattr(office.store.holds, "find", dead)
    office.time.tick(61)
    runner = asyncio.create_task(desk._run())
    assert (await waiting).code == "approval.expired"
    runner.cancel()


async def test_a_restart_ends_what_waited_and_keeps_what_others_hold(office, park):
    old, other = office.desk("one"), office.desk("two")
    _, mine = await park(old)
    theirs_waiting, theirs = await park(other)
    new = office.desk("one")
    await new.start()
    assert (await new.get(mine)).status == "withdrawn"
    assert (await new.get(theirs)).status == "pending"
    await new.decide(theirs, BOB, True)
    await other.sweep()
    assert isinstance(await theirs_waiting, Allow)


async def test_text_that_cannot_be_written_down_is_not_put_before_people(office):
    desk = office.desk()

    def strict(event):
        from vedette.trail.events import encode

        encode(event)

    desk._record = strict
    ask = replace(ASK, action=replace(ASK.action, text="select '\udcff'"))
    verdict = await desk.wait(ask, HOLD, POLICY, told=lambda name: None)
    assert verdict.code == "approval.unavailable"
    assert (await desk.ticket(ask, HOLD, POLICY)).code == "approval.unavailable"


async def test_stopping_the_gateway_answers_everybody(office, park):
    desk = office.desk()
    await desk.start()
    waiting, name = await park(desk)
    await desk.close()
    assert (await waiting).code == "approval.withdrawn"
    assert (await desk.get(name)).status == "withdrawn"


async def test_two_approvals_needed(office, park):
    desk = office.desk()
    waiting, name = await park(desk, hold=replace(HOLD, count=2))
    assert (await desk.decide(name, BOB, True)).status == "pending"
    with pytest.raises(NotAllowed) as caught:
        await desk.decide(name, BOB, True)
    assert caught.value.code == "approval.twice"
    assert not waiting.done()
    await desk.decide(name, CAROL, True)
    assert isinstance(await waiting, Allow)


async def test_one_refusal_ends_it_whatever_was_approved(office, park):
    desk = office.desk()
    waiting, name = await park(desk, hold=replace(HOLD, count=2))
    await desk.decide(name, BOB, True)
    await desk.decide(name, CAROL, False)
    assert (await waiting).code == "approval.denied"


async def test_changes_are_told_once_each(office, park):
    here, there = office.desk("one"), office.desk("two")
    with there.subscribe() as changes:
        waiting, name = await park(here)
        await there.sweep()
        await there.sweep()
        await here.decide(name, BOB, True)
        await waiting
        await there.sweep()
        changes.close()
        seen = [(row.id, row.status) async for row in changes]
    assert seen == [(name, "pending"), (name, "used")]


async def test_approvers_see_what_the_gateway_lets_them_see(office, park):
    desk = office.desk(shown=lambda ask: ("update people …", (None,)))
    _, name = await park(desk)
    row = await desk.get(name)
    assert (row.text, row.parameters) == ("update people …", (None,))
    assert office.records[0].text == "update people …"


async def test_whenever_a_caller_goes_nothing_is_left_waiting(office):
    """Hanging up at each step of being put before people."""
    desk = office.desk()
    for steps in range(0, 60, 3):
        task = asyncio.create_task(desk.wait(ASK, HOLD, POLICY, told=lambda name: None))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await desk.close()
    assert await desk.pending() == []
    opened = [event.hold for event in office.records if event.kind == "hold.opened"]
    for name in opened:
        row = await desk.get(name)
        assert row is None or row.status == "withdrawn"
    assert set(opened) == {event.hold for event in office.records if event.kind == "hold.withdrawn"}
