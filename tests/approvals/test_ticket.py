"""Mode ticket: refused for now, and exactly the same passes later, once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.approvals.conftest import ASK, BOB, CAROL, HOLD, POLICY
from vedette.approvals import digest
from vedette.model import Allow, Deny, Effect, Kind, Principal, Resource, Touch

TICKET = replace(HOLD, mode="ticket")


async def opened(desk, ask=ASK, hold=TICKET, policy=POLICY):
    verdict = await desk.ticket(ask, hold, policy)
    assert isinstance(verdict, Deny)
    assert verdict.code == "approval.required"
    (name,) = [row.id for row in await desk.pending() if row.id in verdict.reason]
    return name


async def test_the_same_action_passes_once_it_is_approved(office):
    desk = office.desk()
    name = await opened(desk)
    await desk.decide(name, BOB, True)
    assert await desk.ticket(replace(ASK, session="s2"), TICKET, POLICY) == Allow("ask-first", approval=name)
    again = await desk.ticket(ASK, TICKET, POLICY)
    assert again.code == "approval.required"
    assert name not in again.reason
    assert office.said == ["hold.opened", "hold.decided", "hold.used", "hold.opened"]


async def test_asking_again_meanwhile_is_the_same_ticket(office):
    desk, other = office.desk("one"), office.desk("two")
    first = await opened(desk)
    assert await opened(desk) == first
    assert await opened(other) == first
    assert office.said == ["hold.opened"]


async def test_many_asking_at_once_open_one_ticket(office):
    desks = [office.desk(str(number)) for number in range(4)]
    answers = await asyncio.gather(*(desk.ticket(ASK, TICKET, POLICY) for desk in desks for _ in range(5)))
    assert {answer.code for answer in answers} == {"approval.required"}
    assert len(await desks[0].pending()) == 1


async def test_a_refusal_stands_for_the_hold_s_patience(office):
    desk = office.desk()
    await desk.decide(await opened(desk), BOB, False, "no")
    assert (await desk.ticket(ASK, TICKET, POLICY)).code == "approval.denied"
    office.time.tick(61)
    assert (await desk.ticket(ASK, TICKET, POLICY)).code == "approval.required"


async def test_an_approval_that_nobody_uses_expires(office):
    desk = office.desk()
    name = await opened(desk)
    office.time.tick(50)
    await desk.decide(name, BOB, True)
    office.time.tick(59)
    await desk.sweep()
    assert (await desk.get(name)).status == "approved"
    office.time.tick(2)
    assert (await desk.ticket(ASK, TICKET, POLICY)).code == "approval.required"
    assert (await desk.get(name)).status == "expired"


async def test_an_approval_expires_on_the_monotonic_clock(office):
    desk = office.desk()
    name = await opened(desk)
    await desk.decide(name, BOB, True)
    office.time.wall -= 10_000
    office.time.mono += 61
    assert (await desk.ticket(ASK, TICKET, POLICY)).code == "approval.required"


async def test_a_ticket_survives_a_restart_but_no_clock_set_back(office):
    old = office.desk("one")
    name = await opened(old)
    await old.decide(name, BOB, True)
    office.time.wall -= 10_000
    new = office.desk("one")
    await new.start()
    office.time.mono += 61
    assert (await new.ticket(ASK, TICKET, POLICY)).code == "approval.required"

    third = office.desk("one")
    fresh = await opened(third)
    await third.decide(fresh, BOB, True)
    last = office.desk("one")
    await last.start()
    assert await last.ticket(ASK, TICKET, POLICY) == Allow("ask-first", approval=fresh)


async def test_as_often_as_the_rule_says(office):
    desk = office.desk()
    hold = replace(TICKET, uses=3)
    name = await opened(desk, hold=hold)
    await desk.decide(name, BOB, True)
    verdicts = [await desk.ticket(ASK, hold, POLICY) for _ in range(4)]
    assert [isinstance(verdict, Allow) for verdict in verdicts] == [True, True, True, False]


async def test_a_caller_who_would_wait_uses_an_approved_ticket(office):
    """Held inside a transaction as a ticket, sent again outside of one."""
    desk = office.desk()
    name = await opened(desk, hold=HOLD)
    await desk.decide(name, BOB, True)
    verdict = await desk.wait(ASK, HOLD, POLICY, told=lambda name: pytest.fail("nobody need be asked"))
    assert verdict == Allow("ask-first", approval=name)


ACTION = ASK.action
CHANGES = {
    "the text": replace(ASK, action=replace(ACTION, text=ACTION.text + " ")),
    "a parameter": replace(ASK, action=replace(ACTION, parameters=("8",))),
    "a parameter that is null": replace(ASK, action=replace(ACTION, parameters=(None,))),
    "the role": replace(ASK, action=replace(ACTION, state=(("role", "admin"),))),
    "more state": replace(ASK, action=replace(ACTION, state=(*ACTION.state, ("search_path", "x")))),
    "what it touches": replace(ASK, action=replace(ACTION, touches=(Touch(Effect.WRITE, "other.people"),))),
    "the kind of action": replace(ASK, action=replace(ACTION, kind="copy")),
    "the resource": replace(ASK, resource=Resource("other", "postgres")),
    "the principal": replace(ASK, principal=replace(ASK.principal, subject="bot2")),
    "the issuer": replace(ASK, principal=replace(ASK.principal, issuer="elsewhere")),
    "on whose behalf": replace(ASK, principal=replace(ASK.principal, actor="mallory")),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_an_approval_is_void_for_anything_else(office, change):
    desk = office.desk()
    name = await opened(desk)
    await desk.decide(name, BOB, True)
    assert (await desk.ticket(CHANGES[change], TICKET, POLICY)).code == "approval.required"
    assert (await desk.get(name)).status == "approved"


async def test_an_approval_is_void_under_another_policy(office):
    desk = office.desk()
    await desk.decide(await opened(desk), BOB, True)
    assert (await desk.ticket(ASK, TICKET, "q" * 64)).code == "approval.required"


@pytest.mark.parametrize(
    "stricter",
    [
        replace(TICKET, rule="other"),
        replace(TICKET, approvers=frozenset({"security"})),
        replace(TICKET, count=2),
        replace(TICKET, uses=2),
    ],
)
async def test_an_approval_is_void_for_a_hold_with_other_terms(office, stricter):
    """The same action may meet another rule at another hour."""
    desk = office.desk()
    await desk.decide(await opened(desk), BOB, True)
    assert (await desk.ticket(ASK, stricter, POLICY)).code == "approval.required"


async def race(office, tries: int) -> None:
    desks = [office.desk(str(number)) for number in range(4)]
    name = await opened(desks[0])
    await desks[0].decide(name, BOB, True)
    row = await desks[0].get(name)
    holds = office.store.holds

    async def one(number: int) -> bool:
        left = await holds.consume(
            name, digest=row.digest, terms=row.terms, session=f"s{number}", now=office.time.now()
        )
        return left is not None

    results = await asyncio.gather(*(one(number) for number in range(tries)))
    assert sum(results) == 1
    assert len(await holds.uses(name)) == 1


async def test_of_a_thousand_at_once_exactly_one_passes(office):
    await race(office, 1000)


@pytest.mark.slow
async def test_of_ten_thousand_at_once_exactly_one_passes(office):
    await race(office, 10_000)


async def test_of_many_callers_at_once_exactly_one_passes(office):
    desks = [office.desk(str(number)) for number in range(4)]
    name = await opened(desks[0])
    await desks[0].decide(name, BOB, True)
    answers = await asyncio.gather(*(desks[number % 4].ticket(ASK, TICKET, POLICY) for number in range(100)))
    assert sum(isinstance(answer, Allow) for answer in answers) == 1
    assert office.said.count("hold.used") == 1


async def test_of_two_deciding_at_once_both_count(office):
    desks = [office.desk("one"), office.desk("two")]
    hold = replace(TICKET, count=2)
    name = await opened(desks[0], hold=hold)
    await asyncio.gather(desks[0].decide(name, BOB, True), desks[1].decide(name, CAROL, True))
    assert (await desks[0].get(name)).status == "approved"
    assert len((await desks[0].get(name)).decisions) == 2


def test_a_digest_is_over_structure_not_over_text():
    one = replace(ASK, action=replace(ACTION, parameters=("a", "b")))
    two = replace(ASK, action=replace(ACTION, parameters=('a","b',)))
    assert digest(one, POLICY) != digest(two, POLICY)
    assert digest(replace(ASK, session="x"), POLICY) == digest(ASK, POLICY)
    assert len(digest(replace(ASK, action=replace(ACTION, text="\udcff\x00")), POLICY)) == 64


def test_the_order_of_touches_does_not_matter():
    touches = (Touch(Effect.READ, "a"), Touch(Effect.WRITE, "b"))
    one = replace(ASK, action=replace(ACTION, touches=touches))
    two = replace(ASK, action=replace(ACTION, touches=touches[::-1]))
    assert digest(one, POLICY) == digest(two, POLICY)


def test_issuer_and_subject_do_not_run_together():
    one = replace(ASK, principal=Principal("b#c", Kind.AGENT, issuer="a"))
    two = replace(ASK, principal=Principal("c", Kind.AGENT, issuer="a#b"))
    assert digest(one, POLICY) != digest(two, POLICY)
