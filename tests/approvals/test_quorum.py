from __future__ import annotations

from dataclasses import replace

import pytest

from tests.approvals.conftest import AGENT, ALICE, BOB, DAVE, HOLD
from vedette.approvals import NotAllowed
from vedette.model import Kind, Principal

DBA = frozenset({"dba"})
REFUSED = {
    "the requester": (replace(AGENT, kind=Kind.PERSON, groups=DBA), "approval.requester"),
    "the requester under another issuer": (
        Principal("bot", Kind.PERSON, DBA, issuer="https://id.example"), "approval.requester"),
    "the requester in capitals": (Principal("BOT", Kind.PERSON, DBA), "approval.requester"),
    "the one on whose behalf it is, by e-mail": (ALICE, "approval.requester"),
    "the one on whose behalf it is, by subject": (
        Principal("alice@example.com", Kind.PERSON, DBA), "approval.requester"),
    "somebody of another group": (DAVE, "approval.group"),
    "somebody of no group": (replace(DAVE, groups=frozenset()), "approval.group"),
    "an agent": (replace(BOB, kind=Kind.AGENT), "approval.person"),
    "a service": (replace(BOB, kind=Kind.SERVICE), "approval.person"),
}  # fmt: skip


@pytest.mark.parametrize("who", REFUSED)
@pytest.mark.parametrize("approve", [True, False])
async def test_these_may_not_decide(office, park, who, approve):
    desk = office.desk()
    waiting, name = await park(desk)
    by, code = REFUSED[who]
    with pytest.raises(NotAllowed) as caught:
        await desk.decide(name, by, approve)
    assert caught.value.code == code
    assert office.said == ["hold.opened"]
    assert not waiting.done()


async def test_where_no_group_may_approve_nobody_can(office, park):
    desk = office.desk()
    _, name = await park(desk, hold=replace(HOLD, approvers=frozenset()))
    with pytest.raises(NotAllowed) as caught:
        await desk.decide(name, BOB, True)
    assert caught.value.code == "approval.group"


async def test_an_unknown_hold(office):
    with pytest.raises(NotAllowed) as caught:
        await office.desk().decide("nobody-knows", BOB, True)
    assert caught.value.code == "approval.unknown"


async def test_the_same_person_twice_is_one_person(office, park):
    desk = office.desk()
    _, name = await park(desk, hold=replace(HOLD, count=2))
    await desk.decide(name, BOB, True)
    for again in (replace(BOB, issuer="https://id.example"), replace(BOB, subject="robert")):
        with pytest.raises(NotAllowed) as caught:
            await desk.decide(name, again, True)
        assert caught.value.code == "approval.twice"


async def test_no_count_means_one(office, park):
    desk = office.desk()
    _, name = await park(desk, hold=replace(HOLD, count=0))
    assert (await desk.get(name)).status == "pending"
    assert (await desk.decide(name, BOB, True)).status == "approved"
