"""Who is shut out: what the store keeps, and what is answered from memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from vedette.identity import IdentityError
from vedette.model import Kind, Principal
from vedette.store import StoreError
from vedette.store.blocks import Block, Blocklist

EVE = Principal("eve", Kind.AGENT, issuer="corp", credential="x509:1:2")
BLOCK = Block("corp#eve", "vedette#ada", "stolen laptop", 100.0)


class Time:
    def __init__(self) -> None:
        self.value = 1000.0

    def __call__(self) -> float:
        return self.value


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
async def blocked(store, clock, told) -> Blocklist:
    made = Blocklist(
        store.blocks, now=clock, clock=clock, told=lambda: told.append("somebody"),
        spared=lambda who: who.subject.startswith("local:"),
    )  # fmt: skip
    await made.refresh()
    return made


def code(blocked: Blocklist, who: Principal) -> str:
    try:
        blocked.refuse(who)
    except IdentityError as error:
        assert blocked.bars(who)
        return error.code
    assert not blocked.bars(who)
    return ""


async def test_a_block_is_kept_once_and_dropped_when_it_is_over(store):
    await store.blocks.put(BLOCK)
    later = replace(BLOCK, reason="again", created=200.0, until=300.0)
    await store.blocks.put(later)
    assert await store.blocks.all(299.0) == [later]
    assert await store.blocks.get(BLOCK.id, 299.0) == later
    assert (await store.blocks.all(300.0), await store.blocks.get(BLOCK.id, 300.0)) == ([], None)
    await store.blocks.put(Block("corp#bob", "vedette#ada", "", 300.0))
    assert not await store.blocks.remove(BLOCK.id), "what is over is dropped by the next"
    assert await store.blocks.remove("corp#bob")


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("corp#eve", EVE),
        ("x509:1:2", EVE),
        ("corp#eve", replace(EVE, subject="bot", actor="eve", credential="c")),
        ("corp#eve", replace(EVE, subject="bot", owner="corp#eve", credential="c")),
        ("corp#eve", replace(EVE, subject="bot", actor="corp#eve", issuer="vedette", credential="c")),
    ],
    ids=["principal", "credential", "acts for it", "is its own", "acts for it, by id"],
)
async def test_principal_credential_and_who_acts_for_it(blocked, told, name, who):
    assert code(blocked, who) == ""
    blocked.add(replace(BLOCK, id=name))
    assert code(blocked, who) == "identity.blocked"
    assert told == ["somebody"]
    blocked.remove(name)
    assert code(blocked, who) == ""


@pytest.mark.parametrize(
    "who",
    [
        replace(EVE, issuer="elsewhere", credential="c"),
        replace(EVE, subject="eve2", credential="c"),
        replace(EVE, subject="bot", actor="eve", issuer="elsewhere", credential="c"),
        replace(EVE, subject="bot", credential=""),
    ],
)
async def test_nobody_else_is(blocked, who):
    blocked.add(BLOCK)
    blocked.add(replace(BLOCK, id="x509:9:9"))
    assert code(blocked, who) == ""


async def test_a_block_ends_with_its_time(blocked, clock):
    blocked.add(replace(BLOCK, until=clock.value + 60))
    clock.value += 29
    await blocked.refresh()
    blocked.add(replace(BLOCK, until=1060.0))
    clock.value = 1059.9
    await blocked.refresh()
    blocked.add(replace(BLOCK, until=1060.0))
    assert code(blocked, EVE) == "identity.blocked"
    clock.value = 1060.0
    assert code(blocked, EVE) == ""


async def test_the_operator_is_the_last_way_in(blocked):
    operator = Principal("local:root", Kind.PERSON, credential="jti")
    blocked.add(replace(BLOCK, id="vedette#local:root"))
    assert code(blocked, operator) == ""
    blocked.add(replace(BLOCK, id="jti"))
    assert code(blocked, operator) == "identity.blocked", "one stolen credential is not the operator"
    assert code(blocked, replace(operator, credential="another")) == ""


async def test_what_others_change_is_seen_at_the_next_look(store, blocked, told):
    await store.blocks.put(BLOCK)
    assert code(blocked, EVE) == ""
    await blocked.refresh()
    assert code(blocked, EVE) == "identity.blocked"
    await blocked.refresh()
    assert told == ["somebody"], "once"
    await store.blocks.remove(BLOCK.id)
    await blocked.refresh()
    assert code(blocked, EVE) == ""


async def test_what_changes_during_a_look_is_not_undone_by_it(store, blocked, monkeypatch):
    real = store.blocks.all

    async def slow(now: float) -> list[Block]:
        found = await real(now)
        await store.blocks.put(BLOCK)
        blocked.add(BLOCK)
        return found

    monkeypatch.setattr(store.blocks, "all", slow)
    await blocked.refresh()
    assert code(blocked, EVE) == "identity.blocked"

    async def slow_again(now: float) -> list[Block]:
        found = await real(now)
        await store.blocks.remove(BLOCK.id)
        blocked.remove(BLOCK.id)
        return found

    monkeypatch.setattr(store.blocks, "all", slow_again)
    await blocked.refresh()
    assert code(blocked, EVE) == ""


async def test_without_a_store_everybody_is_out_after_a_while(store, blocked, clock):
    clock.value += 30
    assert code(blocked, EVE) == ""
    clock.value += 0.1
    assert code(blocked, EVE) == "identity.unavailable"
    unread = Blocklist(store.blocks, now=clock, clock=clock)
    assert code(unread, EVE) == "identity.unavailable"


async def test_it_goes_on_asking_where_the_store_fails(store, clock, monkeypatch):
    seen = asyncio.Event()
    blocked = Blocklist(store.blocks, now=clock, clock=clock, pause=0, told=seen.set)
    real, failures = store.blocks.all, [StoreError("gone"), StoreError("gone")]

    async def failing(now: float) -> list[Block]:
        if failures:
            raise failures.pop()
        return await real(now)

    await store.blocks.put(BLOCK)
    monkeypatch.setattr(store.blocks, "all", failing)
    running = asyncio.create_task(blocked.run())
    await seen.wait()
    assert code(blocked, EVE) == "identity.blocked"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
