"""Tokens, keys and sealed credentials."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from vedette.credentials.sealed import Sealed
from vedette.identity.errors import IdentityError
from vedette.identity.keys import create
from vedette.identity.signing import SigningKeys
from vedette.identity.tokens import TokenRecord, Tokens
from vedette.model import Kind
from vedette.store import StoreError
from vedette.store.tokens import Revocations

NOW = 1_763_835_000.0
TOKEN = TokenRecord(
    "jti-1",
    "vedette",
    "bot",
    Kind.AGENT,
    frozenset({"a", "b"}),
    "alice",
    None,
    int(NOW),
    int(NOW) + 600,
    "k1",
)


class Time:
    def __init__(self):
        self.value = 100.0

    def __call__(self):
        return self.value


async def test_a_token_s_record_is_kept_and_found(store):
    await store.tokens.add(TOKEN, "for the demo")
    row = await store.tokens.get("jti-1")
    assert (row.record, row.note, row.revoked) == (TOKEN, "for the demo", None)
    assert await store.tokens.get("other") is None
    assert [row.record.id for row in await store.tokens.find(now=NOW)] == ["jti-1"]
    assert await store.tokens.find(now=NOW + 600) == []


async def test_a_token_is_revoked_once(store):
    await store.tokens.add(TOKEN)
    assert await store.tokens.revoke("jti-1", NOW)
    assert not await store.tokens.revoke("jti-1", NOW + 1)
    assert not await store.tokens.revoke("other", NOW)
    assert (await store.tokens.get("jti-1")).revoked == NOW
    assert await store.tokens.revoked(NOW) == {"jti-1"}
    # A token counts for a little longer than it says, and its sessions for much longer: it stays void.
    for later in (600, 601, 629, 30 * 86400):
        assert await store.tokens.revoked(NOW + later) == {"jti-1"}


@pytest.mark.parametrize("later", [10, 58, 60, 61, 75, 89])
async def test_a_revoked_token_never_counts_again_though_clocks_may_differ(store, later):
    at = [NOW]
    void = Revocations(store.tokens, now=lambda: at[0], clock=Time())
    await void.refresh()
    tokens = Tokens(SigningKeys.generate(NOW), is_revoked=void.is_revoked)
    issued = tokens.issue("bot", Kind.AGENT, ["a"], 60, now=NOW)
    await store.tokens.add(issued.record)
    await store.tokens.revoke(issued.record.id, NOW + 5)
    at[0] = NOW + later
    await void.refresh()
    with pytest.raises(IdentityError) as no:
        tokens.verify(issued.text, NOW + later)
    assert no.value.code == "identity.revoked"


async def test_old_records_can_be_forgotten(store):
    await store.tokens.add(TOKEN)
    await store.tokens.add(replace(TOKEN, id="jti-2", expires=int(NOW) + 1200))
    assert await store.tokens.forget(NOW + 900) == 1
    assert [row.record.id for row in await store.tokens.find()] == ["jti-2"]


async def test_revocations_are_answered_from_memory(store):
    told = []
    clock = Time()
    void = Revocations(store.tokens, now=lambda: NOW, clock=clock, told=told.append)
    assert void.is_revoked("jti-1")  # nothing is known yet
    await store.tokens.add(TOKEN)
    await void.refresh()
    assert not void.is_revoked("jti-1")
    await store.tokens.revoke("jti-1", NOW)
    await void.refresh()
    await void.refresh()
    assert void.is_revoked("jti-1")
    assert told == [frozenset({"jti-1"})]


async def test_what_this_process_revokes_is_void_at_once(store):
    void = Revocations(store.tokens, now=lambda: NOW, clock=Time())
    await void.refresh()
    void.add("jti-9")
    assert void.is_revoked("jti-9")
    assert not void.is_revoked("jti-8")


async def test_without_a_store_every_token_is_void_after_a_while(store, monkeypatch):
    clock = Time()
    void = Revocations(store.tokens, now=lambda: NOW, clock=clock, patience=30.0)
    await void.refresh()
    clock.value += 29
    assert not void.is_revoked("jti-1")
    clock.value += 2
    assert void.is_revoked("jti-1")


async def test_revocations_follow_by_themselves(store):
    seen = asyncio.Event()
    void = Revocations(
        store.tokens, now=lambda: NOW, clock=Time(), pause=3600, told=lambda tokens: seen.set()
    )
    running = asyncio.create_task(void.run())
    await store.tokens.add(TOKEN)
    await store.tokens.revoke("jti-1", NOW)
    void.look()
    await seen.wait()
    assert void.is_revoked("jti-1")
    running.cancel()


async def test_keys_are_found_by_prefix_and_by_name(store):
    _, record = create("ci", "builder", Kind.SERVICE, {"ci"}, NOW + 60, now=NOW)
    await store.keys.add(record)
    assert await store.keys.by_prefix(record.prefix) == record
    assert await store.keys.by_name("ci") == record
    assert await store.keys.by_name("other") is None
    assert await store.keys.by_prefix("ci") is None


async def test_a_key_s_name_is_taken_once(store):
    _, record = create("ci", "builder", Kind.SERVICE, (), None, now=NOW)
    await store.keys.add(record)
    _, other = create("ci", "other", Kind.SERVICE, (), None, now=NOW)
    with pytest.raises(StoreError, match="named ci already"):
        await store.keys.add(other)


async def test_a_key_is_revoked_and_its_use_noted(store):
    _, record = create("ci", "builder", Kind.SERVICE, (), None, now=NOW)
    await store.keys.add(record)
    await store.keys.used(record.prefix, NOW)
    await store.keys.used(record.prefix, NOW + 30)
    assert (await store.keys.all())[0].used == NOW
    await store.keys.used(record.prefix, NOW + 61)
    assert (await store.keys.all())[0].used == NOW + 61
    assert await store.keys.revoke(record.prefix, NOW)
    assert not await store.keys.revoke(record.prefix, NOW)
    assert (await store.keys.by_name("ci")).revoked


async def test_sealed_credentials_are_replaced_and_removed(store):
    first, second = Sealed("appdb", "k1", b"n" * 12, b"box"), Sealed("appdb", "k2", b"m" * 12, b"other")
    await store.sealed.put(first)
    await store.sealed.put(second)
    assert await store.sealed.get("appdb") == second
    assert await store.sealed.all() == [second]
    assert await store.sealed.remove("appdb")
    assert not await store.sealed.remove("appdb")
    assert await store.sealed.get("appdb") is None
