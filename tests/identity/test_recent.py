"""Answers of the key store are taken again for a moment, and only for a moment."""

from __future__ import annotations

from vedette.identity.recent import SECONDS, RecentKeys


class Counting:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def by_prefix(self, prefix):
        self.asked.append(prefix)

    async def by_name(self, name):
        self.asked.append(name)


async def test_an_answer_is_taken_again_until_it_is_old():
    now = [100.0]
    store = Counting()
    keys = RecentKeys(store, lambda: now[0])
    assert await keys.by_name("etl") is None
    assert await keys.by_name("etl") is None
    assert store.asked == ["etl"]
    now[0] += SECONDS
    await keys.by_name("etl")
    assert store.asked == ["etl", "etl"]


async def test_a_name_and_a_prefix_are_two_questions():
    store = Counting()
    keys = RecentKeys(store, lambda: 0.0)
    await keys.by_name("a")
    await keys.by_prefix("a")
    assert store.asked == ["a", "a"]
