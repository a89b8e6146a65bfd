"""Logins that wait for a person at a browser: how many at once, and for how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

#: A person has this long, in seconds, from the code being shown.
DEVICE_SECONDS = 180.0
MAX_WAITING, MAX_WAITING_PER_PEER = 64, 4


@dataclass(frozen=True, slots=True)
class Waiting:
    """Shown to a person: go to *url*, compare *code*. *finish* gives the token, *close* is always called."""

    url: str
    code: str
    finish: Callable[[], Awaitable[str]] = field(repr=False)
    close: Callable[[], Awaitable[None]] = field(repr=False)


class Devices(Protocol):
    """Whoever knows an issuer with a device flow. Raises IdentityError where there is none."""

    async def begin(self, peer: str) -> Waiting: ...


class Room:
    """How many wait, in all and of each address."""

    def __init__(self) -> None:
        self._peers: Counter[str] = Counter()

    def enter(self, peer: str) -> bool:
        if self._peers.total() >= MAX_WAITING or self._peers[peer] >= MAX_WAITING_PER_PEER:
            return False
        self._peers[peer] += 1
        return True

    def leave(self, peer: str) -> None:
        self._peers[peer] -= 1
        if not self._peers[peer]:
            del self._peers[peer]
