"""Refused logins on record: in full as far as there is room, the rest counted, lest strangers fill a disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from vedette.issuer.backoff import Flood, network
from vedette.trail import events

#: Of one network, and of all together, so many in a minute have a record each.
PER_NETWORK = 120
ALL = 1200
#: So many networks are counted by name between two sums.
MAX_NETWORKS = 100
OTHERS = "others"


class Refusals:
    """
    What becomes of the refusals of strangers, on all protocols together: one bound for all.

    *clock* is monotonic, in seconds. Who has proven who they are has no bound: they can be held to account.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._flood = Flood(PER_NETWORK)
        self._all = Flood(ALL, limit=1)
        self._since = 0.0
        self._networks: Counter[str] = Counter()
        self._codes: Counter[str] = Counter()

    def room(self, address: str, code: str, at: float) -> bool:
        """
        Whether one more has a record of its own; where not, it is counted.

        *address* is the caller's, with its port; *at* is Unix time in seconds.
        """
        here, now = network(address.rpartition(":")[0].strip("[]")), self._clock()
        if self._flood.room(here, now) and self._all.room("", now):
            return True
        if not self._networks:
            self._since = at
        known = here in self._networks or len(self._networks) < MAX_NETWORKS
        self._networks[here if known else OTHERS] += 1
        self._codes[code] += 1
        return False

    def sum(self, at: float, record: Callable[[events.Event], object]) -> None:
        """Put on record what was counted since the last time, if anything. Raises what *record* raises."""
        if not self._networks:
            return
        event = events.LoginRefusals(
            at=at, since=self._since, count=self._networks.total(),
            networks=dict(self._networks), codes=dict(self._codes),
        )  # fmt: skip
        record(event)
        self._networks.clear()
        self._codes.clear()
