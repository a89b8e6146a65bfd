"""What is void stays void while the store is being asked."""

from __future__ import annotations

import asyncio

from vedette.store.tokens import Revocations


class SlowStore:
    """Answers what was so when it was asked, once it is let go."""

    def __init__(self) -> None:
        self.void: frozenset[str] = frozenset()
        self.go = asyncio.Event()
        self.asked = asyncio.Event()

    async def revoked(self, now: float) -> frozenset[str]:
        then = self.void
        self.asked.set()
        await self.go.wait()
        return then

    async def void_keys(self) -> frozenset[str]:
        return frozenset()


async def test_an_answer_from_before_does_not_bring_a_token_back() -> None:
    store, now, told = SlowStore(), [100.0], list[frozenset[str]]()
    found = Revocations(store, now=lambda: 0.0, clock=lambda: now[0], told=told.append)  # type: ignore[arg-type]
    asking = asyncio.create_task(found.refresh())
    await store.asked.wait()
    now[0] += 0.1
    store.void = frozenset({"t"})
    found.add("t")
    store.go.set()
    await asking
    assert found.is_revoked("t")
    now[0] += 0.1
    await found.refresh()
    assert found.is_revoked("t")
    assert told == [frozenset({"t"})]
