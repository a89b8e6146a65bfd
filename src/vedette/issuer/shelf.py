"""Short-lived things in memory: bounded, and timed by a clock that nobody can set back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Full(Exception):
    """No room; what is there is not thrown out for newcomers, or a flood could end other people's logins."""


class Shelf(Generic[Item]):
    """At most *limit* items, each gone *seconds* after it was put here. *now* is monotonic, in seconds.

    A restart empties it, which ends what was under way and opens nothing.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._items: dict[bytes, tuple[float, Item]] = {}

    def put(self, key: bytes, item: Item, now: float) -> None:
        """Raises Full."""
        self._sweep(now)
        if key not in self._items and len(self._items) >= self._limit:
            raise Full
        self._items[key] = (now + self._seconds, item)

    def get(self, key: bytes, now: float) -> Item | None:
        found = self._items.get(key)
        return found[1] if found is not None and now < found[0] else None

    def take(self, key: bytes, now: float) -> Item | None:
        """The item, once: nobody gets it again."""
        until, item = self._items.pop(key, (now, None))
        return item if now < until else None

    def items(self, now: float) -> Iterator[Item]:
        """Everything that is still good."""
        return (item for until, item in list(self._items.values()) if now < until)

    def _sweep(self, now: float) -> None:
        # All live equally long, so the first ones in are the first ones over.
        while self._items:
            key = next(iter(self._items))
            if now < self._items[key][0]:
                return
            del self._items[key]
