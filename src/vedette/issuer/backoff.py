"""Guessing is slow, and slows down nobody else. Pure: *now* is a monotonic clock's, in seconds."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

#: Wrong tries that cost nothing; each one after doubles the wait, up to the most.
FREE: Final = {"pair": 5, "net": 30}
MOST_SECONDS: Final = {"pair": 900.0, "net": 120.0}
#: After so long without a wrong try, all is forgotten.
MEMORY_SECONDS: Final = 3600.0
#: More wrong tries than this in a minute, from everywhere together, and newcomers come one a second.
BUSY_PER_MINUTE: Final = 120
LANE_SECONDS: Final = 1.0
LANE_MOST_SECONDS: Final = 10.0


@dataclass(slots=True)
class _Count:
    tries: int = 0
    until: float = 0.0
    told: float = 0.0
    before: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """*wait*: nothing was tried, come back in so many seconds (*first*: news). *delay*: try then."""

    wait: float = 0.0
    delay: float = 0.0
    first: bool = False


class Backoff:
    """
    Counts tries by name and network, by network alone, and all together.

    A wait belongs to a name *at a network* (an IPv4 /24 or an IPv6 /64), so that whoever guesses from
    elsewhere locks nobody out. Whoever signed in from a network before passes its wait and the slow lane
    with that name. At most *limit* of each are remembered; the longest unused go first.
    """

    def __init__(self, limit: int = 20_000) -> None:
        self._limit = limit
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()
        self._familiar: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._recent: deque[float] = deque(maxlen=BUSY_PER_MINUTE + 1)
        self._lane = 0.0

    def turn(self, name: str, network: str, now: float) -> Turn:
        """
        Ask before a try. One that may go ahead counts as wrong until `succeeded` says otherwise, so that
        many at once gain nothing.
        """
        familiar = (name, network) in self._familiar
        keys = [("pair", f"{network} {name}")]
        if not familiar:
            keys.append(("net", network))
        counts = [(kind, self._count((kind, key), now)) for kind, key in keys]
        wait = max(count.until - now for _, count in counts)
        if wait > 0:
            told = [count for _, count in counts if count.until > now and count.told != count.until]
            for count in told:
                count.told = count.until
            return Turn(wait=wait, first=bool(told))
        delay = 0.0
        if not familiar and self._busy(now):
            delay = max(0.0, self._lane - now)
            if delay > LANE_MOST_SECONDS:
                return Turn(wait=delay)
            self._lane = now + delay + LANE_SECONDS
        for kind, count in counts:
            count.tries += 1
            count.before = count.until
            over = count.tries - FREE[kind]
            if over >= 0:
                count.until = now + min(MOST_SECONDS[kind], 2.0 ** min(over, 20))
        self._recent.append(now)
        return Turn(delay=delay)

    def succeeded(self, name: str, network: str) -> None:
        """The try was right."""
        self._counts.pop(("pair", f"{network} {name}"), None)
        if (name, network) not in self._familiar:
            # Who is familiar passed the network's count, so there is nothing to take back.
            self._take_back("net", network)
        if self._recent:
            self._recent.pop()
        self._familiar[name, network] = None
        self._familiar.move_to_end((name, network))
        while len(self._familiar) > self._limit:
            self._familiar.popitem(last=False)

    def returned(self, name: str, network: str) -> None:
        """The try was right, and says nothing of those before it: it alone no longer counts."""
        self._take_back("pair", f"{network} {name}")
        self._take_back("net", network)
        if self._recent:
            self._recent.pop()

    def _take_back(self, kind: str, key: str) -> None:
        """One try less, and the wait that was before it."""
        count = self._counts.get((kind, key))
        if count is not None and count.tries:
            count.tries -= 1
            count.until = count.until if count.tries >= FREE[kind] else count.before

    def _count(self, key: tuple[str, str], now: float) -> _Count:
        found = self._counts.get(key)
        if found is None or now - found.until > MEMORY_SECONDS:
            found = self._counts[key] = _Count(until=now)
        self._counts.move_to_end(key)
        while len(self._counts) > self._limit:
            self._counts.popitem(last=False)
        return found

    def _busy(self, now: float) -> bool:
        return len(self._recent) > BUSY_PER_MINUTE and now - self._recent[0] < 60.0


class Flood:
    """How many refusals of one network go on record: the first of each minute, lest the disk fill."""

    def __init__(self, per_minute: int = 120, limit: int = 10_000) -> None:
        self._per_minute = per_minute
        self._limit = limit
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def room(self, network: str, now: float) -> bool:
        """Whether one more is to be recorded."""
        since, count = self._counts.pop(network, (now, 0))
        if now - since >= 60.0:
            since, count = now, 0
        self._counts[network] = (since, min(count + 1, self._per_minute + 1))
        while len(self._counts) > self._limit:
            self._counts.popitem(last=False)
        return count < self._per_minute


def network(address: str) -> str:
    """The network of a caller's address, as one text; what is no address is a network of its own."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "elsewhere"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    size = 24 if found.version == 4 else 64
    return str(ipaddress.ip_network(f"{found}/{size}", strict=False))
