"""How much of files the gateway keeps in memory, for all channels of all sessions together."""

from __future__ import annotations

TOTAL_BYTES = 512 << 20


class Room:
    """*total* bytes, shared by whoever holds some."""

    def __init__(self, total: int = TOTAL_BYTES) -> None:
        self._total = total
        self._held: dict[int, int] = {}

    @property
    def left(self) -> int:
        """How many more bytes may be held."""
        return max(0, self._total - sum(self._held.values()))

    def hold(self, who: object, size: int) -> None:
        """From now on *who* holds so many bytes; 0 for none."""
        if size:
            self._held[id(who)] = size
        else:
            self._held.pop(id(who), None)


ROOM = Room()
