"""Makes one thing fail at its so-manyth use."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

from vedette.store.errors import StoreError


class Fault:
    """Counts uses; *strike* happens at the use number *at* (and at every later one, if *on*)."""

    def __init__(self, at: int = 0, *, on: bool = False) -> None:
        self.at = at
        self.on = on
        self.uses = 0

    @property
    def struck(self) -> bool:
        return 0 < self.at <= self.uses

    def due(self) -> bool:
        self.uses += 1
        return self.at > 0 and (self.uses == self.at or (self.on and self.uses > self.at))


def full_disk(monkeypatch: Any, descriptor: Callable[[], int]) -> Callable[[Fault], None]:
    """A disk that is full: half of a write to *descriptor* gets through, then ENOSPC. Call with the fault."""
    present = [Fault()]
    write = os.write

    def faulty(fd: int, data: bytes) -> int:
        if fd == descriptor() and present[0].due():
            write(fd, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data)

    monkeypatch.setattr(os, "write", faulty)
    return lambda fault: present.__setitem__(0, fault)


class FailingStore:
    """Stands before a part of the store; each of its methods may be the one that fails."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.fault = Fault()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        def called(*arguments: Any, **named: Any) -> Any:
            if self.fault.due():
                raise StoreError("the store is out of order")
            return method(*arguments, **named)

        return called
