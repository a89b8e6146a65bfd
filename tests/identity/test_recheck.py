"""Asked again while a session lasts: does its credential still stand, and who is it by now?"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.identity.forge import NOW
from tests.identity.test_source import RECORD, SECRET, World
from vedette.identity import IdentityError
from vedette.identity.recent import RecentKeys
from vedette.model import Kind, Principal


async def test_a_key_is_who_its_record_says_by_now():
    world = World(RECORD)
    who = await world.identity.by_token(SECRET.reveal())
    assert await world.identity.recheck(who) == who
    world.shelf.records = (replace(RECORD, groups=frozenset()),)
    now = await world.identity.recheck(who)
    assert now is not None
    assert now.groups == frozenset()
    assert who.groups == {"deploy"}


@pytest.mark.parametrize("records", [(), (replace(RECORD, revoked=True),)], ids=["gone", "revoked"])
async def test_a_key_that_no_longer_stands_is_nobody(records):
    world = World(RECORD)
    who = await world.identity.by_token(SECRET.reveal())
    world.shelf.records = records
    assert await world.identity.recheck(who) is None


async def test_what_was_revoked_is_nobody():
    world = World()
    text = world.tokens.issue("bot", Kind.AGENT, [], 60, now=NOW).text
    who = await world.identity.by_token(text)
    assert await world.identity.recheck(who) is who
    world.revoked.add(who.credential)
    assert await world.identity.recheck(who) is None


async def test_expiry_alone_takes_nothing_away():
    world = World(RECORD)
    own = await world.identity.by_token(world.tokens.issue("bot", Kind.AGENT, [], 60, now=NOW).text)
    key = await world.identity.by_token(SECRET.reveal())
    world.now += 10_000
    assert await world.identity.recheck(own) == own
    assert await world.identity.recheck(key) == key


async def test_another_issuers_word_holds_while_it_is_trusted():
    world = World()
    assert await world.identity.recheck(Principal("x", Kind.AGENT, issuer="https://nobody.example")) is None


async def test_a_store_that_fails_is_neither_yes_nor_no():
    world = World(RECORD)
    who = await world.identity.by_token(SECRET.reveal())

    async def broken(prefix):
        raise OSError("the disk")

    world.shelf.by_prefix = broken
    with pytest.raises(IdentityError) as caught:
        await world.identity.recheck(who)
    assert caught.value.code == "identity.unavailable"


async def test_what_changes_while_a_key_is_looked_up_is_looked_up_again():
    answers: asyncio.Queue[object] = asyncio.Queue()

    class Slow:
        async def by_prefix(self, prefix):
            return await answers.get()

        by_name = by_prefix

    keys = RecentKeys(Slow(), lambda: 0.0)
    asking = asyncio.create_task(keys.by_prefix("vdt_a"))
    await asyncio.sleep(0)
    keys.forget()
    answers.put_nowait("old")
    answers.put_nowait("new")
    assert await asking == "new"
    answers.put_nowait("newer")
    assert await keys.by_prefix("vdt_a") == "newer", "what may be old was not remembered"
