"""Telling whoever watches (a console, a channel) that a hold has changed."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from vedette.store.holds import HoldRow

MAX_QUEUED = 1000


class Notices:
    """Hands each change of a hold to everyone who listens, once."""

    def __init__(self) -> None:
        self._listening: set[Subscription] = set()
        self._seen: dict[str, tuple[str, int]] = {}

    @property
    def wanted(self) -> bool:
        return bool(self._listening)

    def subscribe(self) -> Subscription:
        return Subscription(self._listening)

    def tell(self, row: HoldRow) -> None:
        """Say what *row* is now, unless that was said already."""
        mark = (row.status, len(row.decisions))
        if self._seen.get(row.id) == mark:
            return
        if row.status in ("pending", "approved"):
            self._seen[row.id] = mark
        else:
            self._seen.pop(row.id, None)
        for one in self._listening:
            one.put(row)

    def missing(self, present: frozenset[str]) -> list[str]:
        """What was open when last told, and is not among *present*."""
        return [name for name in self._seen if name not in present]

    def close(self) -> None:
        for one in list(self._listening):
            one.close()


class Subscription:
    """Changes of holds, in order: ``with desk.subscribe() as changes: async for row in changes``.

    Somebody who does not listen for MAX_QUEUED changes loses the oldest: look at
    ``desk.pending()`` for what there is.
    """

    def __init__(self, listening: set[Subscription]) -> None:
        self._queue: asyncio.Queue[HoldRow | None] = asyncio.Queue()
        self._listening = listening
        listening.add(self)

    def put(self, row: HoldRow) -> None:
        if self._queue.qsize() >= MAX_QUEUED:
            self._queue.get_nowait()
        self._queue.put_nowait(row)

    def close(self) -> None:
        """End the subscription; whoever reads it comes to its end."""
        self._listening.discard(self)
        self._queue.put_nowait(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> HoldRow:
        row = await self._queue.get()
        if row is None:
            raise StopAsyncIteration
        return row
