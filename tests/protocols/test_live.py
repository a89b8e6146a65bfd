"""The registry of live sessions: every way for one to end, with a clock that the test turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.conformance.kits import until
from vedette.model import Bound, Kind, Lifetime, Principal, Resource
from vedette.protocols import live as module
from vedette.protocols.lifetime import BLOCKED, PATIENCE_SECONDS, Ending, bounded, lost, overdue
from vedette.protocols.live import Live, Unwelcome

BOT = Principal("bot", Kind.AGENT, frozenset({"agents", "readers"}), credential="key-1")
EVE = Principal("eve", Kind.AGENT, frozenset({"agents"}), credential="key-2")
APPDB = Resource("appdb", "postgres")


class World:
    """What a registry asks: the policy, the credentials, the time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lifetime: Lifetime | None = Lifetime()
        self.void: set[str] = set()
        self.out: set[str] = set()
        self.known: dict[str, Principal | None] = {}
        self.failing = False
        self.asked: list[str] = []
        self.ended: list[tuple[str, str]] = []
        self.live = Live(
            lambda principal, resource: self.lifetime,
            self.recheck,
            lambda principal: principal.credential not in self.void,
            lambda: self.now,
            lambda principal: not self.out.isdisjoint(principal.answers_to),
        )

    async def recheck(self, principal: Principal) -> Principal | None:
        self.asked.append(principal.subject)
        if self.failing:
            raise OSError("the store does not answer")
        return self.known.get(principal.credential, principal)

    def sit(
        self,
        name: str = "s1",
        principal: Principal = BOT,
        activity: Callable[[], int | None] = lambda: 0,
        moment: int | None = None,
    ) -> None:
        def end(ending: Ending) -> None:
            self.ended.append((name, ending.code))
            self.live.forget(name)

        self.live.register(name, principal, APPDB, end, activity, moment=moment)

    async def turn(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.live.turn()
        while self.live._asking:
            await asyncio.gather(*self.live._asking.values())


@pytest.fixture
def world() -> World:
    return World()


async def test_max_ends_a_session_whatever_it_does(world: World) -> None:
    world.lifetime = Lifetime(max=Bound(60, "p/session-1"))
    world.sit(activity=lambda: None)
    await world.turn(59.9)
    assert world.ended == []
    await world.turn(0.1)
    assert world.ended == [("s1", "session.max")]


async def test_idle_ends_a_session_in_which_nothing_is_said(world: World) -> None:
    world.lifetime = Lifetime(idle=Bound(30, "p/session-1"))
    said = [0]
    world.sit("quiet")
    world.sit("talks", activity=lambda: said[0])
    for _ in range(4):
        said[0] += 1
        await world.turn(10)
    assert world.ended == [("quiet", "session.idle")]


async def test_what_runs_or_waits_for_people_is_not_idle(world: World) -> None:
    world.lifetime = Lifetime(idle=Bound(30, "p/session-1"))
    now: list[int | None] = [None]
    world.sit(activity=lambda: now[0])
    for _ in range(10):
        await world.turn(20)
    assert world.ended == []
    now[0] = 5
    await world.turn(1)
    await world.turn(29)
    assert world.ended == []
    await world.turn(1)
    assert world.ended == [("s1", "session.idle")]


async def test_without_bounds_a_session_is_never_asked_about(world: World) -> None:
    world.sit()
    await world.turn(1e9)
    assert (world.ended, world.asked) == ([], [])


async def test_recheck_asks_as_often_as_the_rule_says(world: World) -> None:
    world.lifetime = Lifetime(recheck=Bound(300, "p/session-1"))
    world.sit()
    await world.turn(299)
    assert world.asked == []
    await world.turn(1)
    await world.turn(1)
    assert world.asked == ["bot"]
    world.known["key-1"] = None
    await world.turn(300)
    assert world.ended == [("s1", "session.revoked")]


async def test_all_sessions_of_one_credential_are_one_question(world: World) -> None:
    for number in range(5):
        world.sit(f"s{number}")
    world.sit("other", EVE)
    world.known["key-1"] = None
    world.live.review()
    await world.turn()
    assert sorted(world.asked) == ["bot", "eve"]
    assert world.ended == [(f"s{number}", "session.revoked") for number in range(5)]


async def test_a_group_taken_away_ends_it_and_one_given_does_not(world: World) -> None:
    world.sit()
    world.known["key-1"] = replace(BOT, groups=BOT.groups | {"more"})
    world.live.review()
    await world.turn()
    assert world.ended == []
    world.known["key-1"] = replace(BOT, groups=frozenset({"agents", "more"}))
    world.live.review()
    await world.turn()
    assert world.ended == [("s1", "session.groups")]


async def test_a_revocation_ends_its_sessions_at_once(world: World) -> None:
    world.sit("a")
    world.sit("b", EVE)
    world.live.revoked(frozenset({"key-1", "nobody's"}))
    assert world.ended == [("a", "session.revoked")]


async def test_a_kill_ends_one_session_once(world: World) -> None:
    world.sit("a")
    world.sit("b")
    assert world.live.kill("a", "enough")
    assert not world.live.kill("a", "enough")
    assert not world.live.kill("nobody", "enough")
    assert world.ended == [("a", "session.killed")]
    assert list(world.live.sessions) == ["b"]


async def test_a_reload_ends_who_is_not_let_in_any_more_and_rebinds_the_rest(world: World) -> None:
    world.sit()
    await world.turn(1000)
    world.lifetime = Lifetime(idle=Bound(30, "p/session-1"))
    world.live.reload()
    await world.turn(29)
    assert world.ended == [], "an old session is not idle for what it did under other rules"
    world.lifetime = None
    world.live.reload()
    assert world.ended == [("s1", "session.policy")]


async def test_a_reload_ends_who_is_no_longer_trusted(world: World) -> None:
    world.sit("a")
    world.sit("b", EVE)
    world.void.add("key-2")
    world.live.reload()
    assert world.ended == [("b", "session.revoked")]


async def test_sessions_are_counted_by_caller_and_resource(world: World) -> None:
    for name in "abc":
        world.sit(name)
    world.sit("d", EVE)
    assert (world.live.of(BOT), world.live.of(EVE), world.live.on("appdb")) == (3, 1, 4)
    world.live.forget("a")
    world.live.forget("a")
    world.live.forget("d")
    assert (world.live.of(BOT), world.live.of(EVE), world.live.on("appdb")) == (2, 0, 2)
    assert "appdb" in world.live._on
    assert EVE.id not in world.live._of


async def test_who_cannot_be_confirmed_stays_for_a_while_and_then_does_not(world: World) -> None:
    world.lifetime = Lifetime(recheck=Bound(60, "p/session-1"))
    world.failing = True
    world.sit()
    await world.turn(60)
    await world.turn(PATIENCE_SECONDS - 1)
    assert world.ended == []
    world.failing = False
    await world.turn(0.5)
    world.failing = True
    await world.turn(60)
    await world.turn(PATIENCE_SECONDS - 1)
    assert world.ended == [], "patience begins anew"
    await world.turn(1)
    assert world.ended == [("s1", "session.unconfirmed")]


async def test_what_is_void_or_not_let_in_gets_no_seat(world: World) -> None:
    world.void.add("key-1")
    with pytest.raises(Unwelcome) as no:
        world.sit()
    assert no.value.ending.code == "session.revoked"
    world.lifetime = None
    with pytest.raises(Unwelcome) as no:
        world.sit(principal=EVE)
    assert no.value.ending.code == "session.policy"
    assert not world.live.sessions


async def test_a_session_ended_before_it_began_is_told_at_its_next_step(world: World) -> None:
    with world.live.seat("s1", BOT, APPDB) as seat:
        seat.check()
        world.live.revoked(frozenset({"key-1"}))
        with pytest.raises(Unwelcome):
            seat.check()
    assert not world.live.sessions


async def test_what_changed_during_a_login_is_asked_about_at_once(world: World) -> None:
    moment = world.live.moment
    world.live.review()
    world.known["key-1"] = None
    world.sit(moment=moment)
    await world.turn()
    assert world.ended == [("s1", "session.revoked")]


async def test_a_change_during_a_question_is_asked_about_again(world: World) -> None:
    answers: asyncio.Queue[Principal | None] = asyncio.Queue()
    world.live.recheck = lambda principal: answers.get()
    world.sit()
    world.live.review()
    world.live.turn()
    await asyncio.sleep(0)
    world.live.review()
    answers.put_nowait(BOT)
    await asyncio.gather(*world.live._asking.values())
    answers.put_nowait(None)
    await world.turn()
    assert world.ended == [("s1", "session.revoked")]


async def test_one_session_that_cannot_be_ended_keeps_no_other_alive(world: World) -> None:
    def broken(ending: Ending) -> None:
        raise RuntimeError("broken")

    world.live.register("broken", BOT, APPDB, broken)
    world.sit("whole")
    world.live.revoked(frozenset({"key-1"}))
    assert world.ended == [("whole", "session.revoked")]


async def test_one_session_that_does_not_say_whether_it_is_idle_ends(world: World) -> None:
    world.lifetime = Lifetime(max=Bound(60, "p/session-1"))
    world.sit("broken", activity=lambda: 1 // 0)
    world.sit("whole")
    await world.turn(1)
    assert world.ended == [("broken", "session.killed")]


async def test_it_runs_until_it_is_cancelled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN_SECONDS", 60.0)
    running = asyncio.create_task(world.live.run())
    await asyncio.sleep(0)
    world.known["key-1"] = None
    world.sit()
    world.live.review()  # wakes it, long before its next turn
    await until(lambda: bool(world.ended), "it ends")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_every_ending_says_why_and_what_to_do() -> None:
    long = Lifetime(max=Bound(8 * 3600, "p/a"), idle=Bound(1800, "p/b"))
    over, idle = overdue(long, age=8 * 3600, quiet=0), overdue(long, age=0, quiet=1800)
    assert over is not None
    assert over.word == "max: it lasted 8h, the most that p/a permits"
    assert idle is not None
    assert idle.word == "idle: it was idle for 30m, the most that p/b permits"
    assert over.hint
    assert idle.hint


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (None, "session.revoked"),
        (replace(BOT, subject="eve"), "session.revoked"),
        (replace(BOT, kind=Kind.PERSON), "session.revoked"),
        (replace(BOT, resources=frozenset({"other"})), "session.revoked"),
        (replace(BOT, resources=frozenset({"appdb"})), None),
        (replace(BOT, groups=frozenset()), "session.groups"),
        (replace(BOT, credential="renewed", email="x@y"), None),
    ],
)
def test_what_takes_something_from_a_session_ends_it(now: Principal | None, code: str | None) -> None:
    found = lost(BOT, now, "appdb")
    assert (found.code if found else None) == code


def test_the_gateways_own_limit_is_the_outer_bound() -> None:
    assert bounded(Lifetime(), None) == Lifetime()
    assert bounded(Lifetime(), 60).idle == Bound(60, "gateway.limits.idle")
    assert bounded(Lifetime(idle=Bound(30, "p/a")), 60).idle == Bound(30, "p/a")
    assert bounded(Lifetime(idle=Bound(90, "p/a")), 60).idle == Bound(60, "gateway.limits.idle")


async def test_a_block_ends_sessions_and_lets_none_begin(world: World) -> None:
    world.sit("bot")
    world.sit("helper", replace(EVE, actor="bot"))
    world.sit("eve", EVE)
    world.out.add("vedette#bot")
    world.live.shut_out()
    assert world.ended == [("bot", "session.blocked"), ("helper", "session.blocked")]
    with pytest.raises(Unwelcome) as refused:
        world.sit("bot")
    assert refused.value.ending is BLOCKED
    world.out.clear()
    world.sit("bot")
    assert set(world.live.sessions) == {"eve", "bot"}


async def test_all_sessions_of_a_principal_or_all_that_there_are(world: World) -> None:
    world.sit("bot")
    world.sit("helper", replace(EVE, actor="bot"))
    world.sit("eve", EVE)
    assert world.live.kill_all("enough", "vedette#bot") == ("bot", "helper")
    assert world.live.kill_all("enough", "vedette#bot") == ()
    assert world.live.kill_all("enough", "key-2") == ("eve",)
    world.sit("again")
    assert world.live.kill_all("enough") == ("again",)
    assert {code for _, code in world.ended} == {"session.killed"}
