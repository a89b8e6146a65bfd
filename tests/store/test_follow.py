from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import vedette
from vedette.approvals import Desk, NotAllowed
from vedette.journal import Journal, JournalKeys
from vedette.journal.errors import JournalDamaged
from vedette.journal.segments import segments
from vedette.model import Action, Allow, Ask, Deny, Effect, Hold, Kind, Principal, Resource, Touch
from vedette.store import Store, follow
from vedette.store.actions import Wanted
from vedette.store.follow import Follower
from vedette.store.restore import restore_holds
from vedette.trail import events, judgements

KEYS = JournalKeys.generate()
BOT = Principal("bot", Kind.AGENT, frozenset({"agents"}), actor="alice")
BOB = Principal("bob", Kind.PERSON, frozenset({"dba"}))
WHO = events.caller(BOT)
READ = Action("postgres", "statement", "select 1", (Touch(Effect.READ, "public.people"),))
APPDB = Resource("appdb", "postgres")


@pytest.fixture
def journal(tmp_path):
    ticks = iter(range(10**9))
    journal = Journal.open(tmp_path / "journal", KEYS, now=lambda: 1e9 + next(ticks), segment_bytes=20_000)
    yield journal
    journal.close()


@pytest.fixture
def following(store, journal):
    follower = Follower(store, journal.folder)
    yield follower
    follower.close()


def session(journal, name="s1", *, actions=3, close=True, at=1e9):
    journal.record(
        events.SessionOpened(at=at, session=name, who=WHO, resource="appdb", protocol="postgres", run="r1")
    )
    for number in range(1, actions + 1):
        verdict = (
            Deny("no", "not here") if number == 2 else Allow("reads", approval="h" if number == 3 else "")
        )
        ask = Ask(BOT, APPDB, READ, name)
        journal.record(
            judgements.judged(
                ask, verdict, who=WHO, number=number, policy="p", digest="d" * 64, at=at + number
            )
        )
        outcome = events.ActionOutcome(
            at=at,
            session=name,
            action=f"{name}.{number}",
            rows=10,
            bytes=100,
            tag="SELECT 10",
            masks={"email": 4},
        )
        journal.defer(*events.encode(outcome))
    if close:
        journal.record(events.SessionClosed(at=at + 99, session=name, reason="caller"))


async def test_sessions_and_actions_are_indexed(store, journal, following):
    session(journal)
    assert await following.catch_up() == 9
    (row,) = await store.sessions.find()
    assert (row.id, row.principal, row.actor, row.resource, row.run) == ("s1", BOT.id, "alice", "appdb", "r1")
    assert (row.actions, row.denied, row.held, row.rows, row.bytes, row.masked) == (3, 1, 1, 30, 300, 12)
    assert (row.closed, row.reason, row.first_seq, row.last_seq) == (1e9 + 99, "caller", 2, 9)
    found = await store.actions.of_session("s1")
    assert [action.verdict for action in found] == ["allow", "deny", "allow"]
    assert (found[0].effects, found[0].objects, found[0].tag, found[0].masked) == (
        "read", "public.people", "SELECT 10", 4,
    )  # fmt: skip
    assert found[1].reason == "not here"
    assert await store.actions.get("s1.2") == found[1]


async def test_it_does_not_matter_how_the_journal_is_cut(store, journal, tmp_path):
    whole = await Store.open(tmp_path / "other.db")
    for number in range(4):
        session(journal, f"s{number}")
    await Follower(whole, journal.folder).catch_up()
    follower = Follower(store, journal.folder, batch=1)
    await follower.catch_up()
    follower.close()
    assert await store.sessions.find() == await whole.sessions.find()
    assert (await store.actions.find()).rows == (await whole.actions.find()).rows
    await whole.close()


async def test_a_restarted_follower_goes_on_where_it_was(store, journal, following):
    session(journal, "s1")
    await following.catch_up()
    session(journal, "s2")
    again = Follower(store, journal.folder)
    assert await again.catch_up() == 8
    assert await again.catch_up() == 0
    assert [row.actions for row in await store.sessions.find()] == [3, 3]
    again.close()


async def test_two_followers_index_nothing_twice(store, journal):
    following, other = (Follower(store, journal.folder, batch=2) for _ in range(2))
    for number in range(5):
        session(journal, f"s{number}")
    counts = await asyncio.gather(following.catch_up(), other.catch_up())
    assert sum(counts) == journal.head[0]
    assert {row.actions for row in await store.sessions.find()} == {3}
    following.close()
    other.close()


async def test_the_index_can_be_made_anew(store, journal, following):
    session(journal)
    await following.catch_up()
    before = await store.sessions.find(), (await store.actions.find()).rows
    assert await following.rebuild() == journal.head[0]
    assert (await store.sessions.find(), (await store.actions.find()).rows) == before


async def test_a_cursor_that_was_lost_indexes_nothing_twice(store, journal, following):
    session(journal)
    await following.catch_up()
    async with store.writing() as connection:
        await connection.exec_driver_sql("DELETE FROM follower")
    again = Follower(store, journal.folder)
    await again.catch_up()
    assert len((await store.actions.find()).rows) == 3
    again.close()


async def test_an_index_ahead_of_its_journal_is_made_anew(store, journal, following, tmp_path):
    session(journal, "old")
    await following.catch_up()
    fresh = Journal.open(tmp_path / "fresh", KEYS)
    session(fresh, "new", actions=1)
    again = Follower(store, fresh.folder)
    await again.catch_up()
    assert [row.id for row in await store.sessions.find()] == ["new"]
    again.close()
    fresh.close()


async def test_sessions_of_a_gateway_that_was_killed_are_lost(store, journal, following):
    session(journal, "s1", close=False)
    await following.catch_up()
    assert [row.id for row in await store.sessions.find(live=True)] == ["s1"]
    session(journal, "s2", close=False)
    journal.record(events.GatewayStarted(at=1e9 + 500, version="1", worker="main", policy="p"))
    session(journal, "s3", close=False)
    await following.catch_up()
    assert [row.id for row in await store.sessions.find(live=True)] == ["s3"]
    assert (await store.sessions.get("s1")).reason == "lost: the gateway ended"


async def test_who_was_refused_can_be_found(store, journal, following):
    journal.record(
        events.SessionRefused(at=1e9, session="s9", protocol="postgres", code="identity.expired",
                              reason="too old", claimed="bot", address="127.0.0.1")
    )  # fmt: skip
    await following.catch_up()
    (row,) = await store.sessions.find()
    assert (row.principal, row.closed, row.reason) == ("bot", 1e9, "refused: identity.expired: too old")


async def test_finding(store, journal, following):
    for number in range(3):
        session(journal, f"s{number}", at=1e9 + 1000 * number, close=number != 1)
    await following.catch_up()
    find = store.sessions.find
    assert [row.id for row in await find(limit=2)] == ["s2", "s1"]
    assert [row.id for row in await find(before=1e9 + 1000)] == ["s0"]
    assert [row.id for row in await find(since=1e9 + 1000, live=True)] == ["s1"]
    assert await find(principal="nobody") == []
    assert len(await find(resource="appdb", live=False)) == 2
    actions = store.actions.find
    assert len((await actions(Wanted(verdict="deny"))).rows) == 3
    assert len((await actions(Wanted(holding="people", until=1e9 + 1000))).rows) == 3
    assert (await actions(Wanted(holding="peopl_"))).rows == []
    assert len((await actions(Wanted(since=1e9 + 2000), limit=2)).rows) == 2


async def test_damage_stops_the_index_and_says_so(store, journal, following):
    session(journal)
    path = segments(journal.folder)[0].path
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"nonsense\n", *lines[4:]]))
    with pytest.raises(JournalDamaged):
        await following.catch_up()


async def test_following_by_itself(store, journal):
    follower = Follower(store, journal.folder, pause=0.001)
    running = asyncio.create_task(follower.run())
    session(journal)
    async with asyncio.timeout(60):
        while not await store.sessions.find(live=False):  # noqa: ASYNC110 - another's work, seen from outside
            await asyncio.sleep(0)
    running.cancel()


async def test_a_process_beside_the_gateway_follows_until_it_ends(store, journal, tmp_path):
    session(journal)
    source = str(Path(vedette.__file__).parents[1])
    beside = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vedette.store.follow", str(journal.folder), str(tmp_path / "vedette.db"),
        stdin=subprocess.PIPE, env={"PYTHONPATH": source},
    )  # fmt: skip
    await beside.communicate(b"")
    assert beside.returncode == 0
    assert (await store.sessions.get("s1")).actions == 3


def test_the_process_says_how_it_is_called(capsys):
    assert follow.main([]) == 2
    assert "usage" in capsys.readouterr().err


async def test_holds_come_back_from_the_journal(store, journal, tmp_path):
    hold = Hold("ask", "why", frozenset({"dba"}), mode="ticket", uses=2)
    ask = Ask(BOT, APPDB, READ, "s1")
    desk = Desk(store.holds, journal.record)
    await desk.ticket(ask, hold, "p")
    (pending,) = await desk.pending()
    await desk.decide(pending.id, BOB, True, "fine")
    await desk.ticket(ask, hold, "p")
    told = asyncio.get_running_loop().create_future()
    other = Ask(BOT, APPDB, Action("postgres", "statement", "select 2", READ.touches), "s1")
    waiting = asyncio.create_task(desk.wait(other, hold, "p", told=told.set_result))
    parked = await told

    empty = await Store.open(tmp_path / "empty.db")
    assert await restore_holds(empty.holds, journal.folder) == 2
    assert await restore_holds(empty.holds, journal.folder) == 0
    mine = await empty.holds.get(pending.id)
    theirs = await store.holds.get(pending.id)
    assert (mine.status, mine.uses_left, mine.digest) == ("approved", 1, theirs.digest)
    assert mine.decisions == theirs.decisions
    assert (await empty.holds.get(parked)).status == "withdrawn"

    await desk.close()
    assert (await waiting).code == "approval.withdrawn"
    again = await Store.open(tmp_path / "again.db")
    await restore_holds(again.holds, journal.folder)
    assert isinstance(await Desk(again.holds, journal.record).ticket(ask, hold, "p"), Allow)
    await again.close()
    await empty.close()


async def test_who_answers_for_a_key_is_made_anew_as_well(store, journal, tmp_path):
    """Nobody approves what their own key asked for, restored or not."""
    desk = Desk(store.holds, journal.record)
    hold = Hold("ask-first", "why", frozenset({"dba"}), count=2, mode="ticket")
    asker = Principal("dog", Kind.AGENT, owner="vedette#dora")
    await desk.ticket(Ask(asker, APPDB, READ, "s1"), hold, "p")
    (row,) = await desk.pending()
    await desk.decide(row.id, Principal("cat", Kind.PERSON, frozenset({"dba"}), owner="vedette#bob"), True)
    await desk.close()
    again = await Store.open(tmp_path / "again.db")
    assert await restore_holds(again.holds, journal.folder) == 1
    assert await again.holds.get(row.id) == replace(await store.holds.get(row.id), boot="restored")
    later = Desk(again.holds, journal.record)
    for by, code in (("dora", "approval.requester"), ("bob", "approval.twice")):
        with pytest.raises(NotAllowed) as caught:
            await later.decide(row.id, Principal(by, Kind.PERSON, frozenset({"dba"})), True)
        assert caught.value.code == code
    await later.close()
    await again.close()
