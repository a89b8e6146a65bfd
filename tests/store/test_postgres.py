"""The same store on a PostgreSQL server."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from vedette.approvals import Desk
from vedette.journal import Journal, JournalKeys
from vedette.model import Action, Allow, Ask, Effect, Hold, Kind, Principal, Resource, Touch
from vedette.store import Store
from vedette.store.follow import Follower
from vedette.trail import events, judgements

pytestmark = pytest.mark.live

BOT = Principal("bot", Kind.AGENT)
BOB = Principal("bob", Kind.PERSON, frozenset({"dba"}))
HOLD = Hold("ask", "why", frozenset({"dba"}), mode="ticket")
ASK = Ask(
    BOT, Resource("appdb", "postgres"),
    Action("postgres", "statement", "delete from a", (Touch(Effect.DELETE, "public.a"),)), "s1",
)  # fmt: skip


@pytest.fixture
async def server(pg16, database):
    store = await Store.open(pg16.dsn(database).replace("postgres://", "postgresql://"))
    yield store
    await store.close()


async def test_of_many_at_once_exactly_one_passes(server):
    desks = [Desk(server.holds, lambda event: None, worker=str(number)) for number in range(3)]
    answers = await asyncio.gather(*(desk.ticket(ASK, HOLD, "p") for desk in desks for _ in range(4)))
    assert {answer.code for answer in answers} == {"approval.required"}
    (pending,) = await desks[0].pending()
    await desks[1].decide(pending.id, BOB, True)
    answers = await asyncio.gather(*(desk.ticket(ASK, HOLD, "p") for desk in desks for _ in range(20)))
    assert sum(isinstance(answer, Allow) for answer in answers) == 1


async def test_two_who_decide_at_once_both_count(server):
    desks = [Desk(server.holds, lambda event: None, worker=str(number)) for number in range(2)]
    hold = replace(HOLD, count=2)
    await desks[0].ticket(ASK, hold, "p")
    (pending,) = await desks[0].pending()
    carol = replace(BOB, subject="carol")
    await asyncio.gather(desks[0].decide(pending.id, BOB, True), desks[1].decide(pending.id, carol, True))
    assert (await desks[0].get(pending.id)).status == "approved"


async def test_the_index(server, tmp_path):
    journal = Journal.open(tmp_path / "journal", JournalKeys.generate())
    who = events.caller(BOT)
    journal.record(events.SessionOpened(at=1e9, session="s1", who=who, resource="appdb", protocol="postgres"))
    journal.record(
        judgements.judged(ASK, Allow("all"), who=who, number=1, policy="p", digest="d" * 64, at=1e9 + 1)
    )
    follower = Follower(server, journal.folder)
    await follower.catch_up()
    journal.record(events.ActionOutcome(at=1e9 + 2, session="s1", action="s1.1", rows=3, tag="DELETE 3"))
    journal.record(events.SessionClosed(at=1e9 + 3, session="s1", reason="caller"))
    await follower.catch_up()
    (row,) = await server.sessions.find()
    assert (row.actions, row.rows, row.closed) == (1, 3, 1e9 + 3)
    assert (await server.actions.get("s1.1")).tag == "DELETE 3"
    follower.close()
    journal.close()
