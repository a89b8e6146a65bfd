from __future__ import annotations

from dataclasses import replace

import pytest

from tests.approvals.conftest import AGENT, ALICE, ASK, BOB, CAROL, DAVE, HOLD, POLICY
from vedette.approvals import NotAllowed
from vedette.model import Allow, Kind, Principal

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


DOG = Principal("dog", Kind.AGENT, frozenset({"agents"}), owner="vedette#bob")
CAT = Principal("cat", Kind.PERSON, DBA, owner="vedette#bob")


@pytest.mark.parametrize(
    "by", [BOB, replace(BOB, issuer="https://id.example"), CAT, replace(CAT, owner="vedette#BOB")]
)
async def test_nobody_approves_what_their_own_key_or_account_asked_for(office, park, by):
    _, name = await park(office.desk(), replace(ASK, principal=DOG))
    # Another process, that knows of it from the store alone.
    with pytest.raises(NotAllowed) as caught:
        await office.desk("other").decide(name, by, True)
    assert caught.value.code == "approval.requester"
    assert (await office.desk("third").decide(name, CAROL, True)).status == "approved"


async def test_nobody_approves_their_own_by_a_key_of_theirs(office, park):
    asker = Principal("bob", Kind.AGENT, frozenset({"agents"}))
    _, name = await park(office.desk(), replace(ASK, principal=asker))
    for by in (CAT, Principal("cat", Kind.PERSON, DBA, actor="bob")):
        with pytest.raises(NotAllowed) as caught:
            await office.desk("other").decide(name, by, True)
        assert caught.value.code == "approval.requester"


@pytest.mark.parametrize(("first", "second"), [(BOB, CAT), (CAT, BOB), (CAT, replace(CAT, subject="cow"))])
async def test_a_person_and_their_keys_are_one_person(office, park, first, second):
    desk = office.desk()
    _, name = await park(desk, hold=replace(HOLD, count=2))
    await desk.decide(name, first, True)
    with pytest.raises(NotAllowed) as caught:
        await office.desk("other").decide(name, second, True)
    assert caught.value.code == "approval.twice"


async def test_a_ticket_is_for_the_key_of_whoever_asked(office):
    """Two keys of one subject have two owners: what one asked for is not the other's to use."""
    desk = office.desk()
    ask, other = (
        replace(ASK, principal=replace(DOG, owner=owner)) for owner in ("vedette#eve", "vedette#bob")
    )
    refused = await desk.ticket(ask, HOLD, POLICY)
    (row,) = await desk.pending()
    await desk.decide(row.id, BOB, True)
    assert refused.code == (await desk.ticket(other, HOLD, POLICY)).code == "approval.required"
    assert isinstance(await desk.ticket(ask, HOLD, POLICY), Allow)
