"""How long a hold is good for, by two clocks: both must agree that there is time left."""

from __future__ import annotations

import time
from collections.abc import Callable

from vedette.store.holds import HoldRow

#: How long an approval stays good for a caller that is waiting for it, in seconds.
GRACE = 60.0


def boot_clock() -> float:
    """Seconds since the machine started, suspended time too where the system can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Deadlines:
    """When each stage of each hold ends.

    The wall clock rules across restarts and machines. Setting it back must not lengthen
    anything, so each stage is also pinned to the monotonic clock when it is first seen here, to
    no more than the stage may last at all. After a restart that is again the whole
    remaining time by the wall clock, and never more than the hold's patience.
    """

    def __init__(self, now: Callable[[], float], clock: Callable[[], float]) -> None:
        self._now = now
        self._clock = clock
        self._pinned: dict[str, tuple[str, float]] = {}

    def pin(self, row: HoldRow) -> float:
        """The monotonic end of the stage that *row* is in."""
        known = self._pinned.get(row.id)
        if known is not None and known[0] == row.status:
            return known[1]
        most = GRACE if row.mode == "wait" and row.status == "approved" else row.patience
        end = self._clock() + min(most, max(0.0, row.expires - self._now()))
        self._pinned[row.id] = (row.status, end)
        return end

    def over(self, row: HoldRow) -> bool:
        """Whether the present stage has ended, by either clock."""
        return self._now() >= row.expires or self._clock() >= self.pin(row)

    def passed(self, hold: str) -> bool:
        """Whether what is pinned for *hold* has passed, where there is no row at hand."""
        known = self._pinned.get(hold)
        return known is not None and self._clock() >= known[1]

    @property
    def known(self) -> set[str]:
        """The holds that something is pinned for."""
        return set(self._pinned)

    def forget(self, holds: set[str]) -> None:
        """These are over."""
        for name in holds:
            self._pinned.pop(name, None)
