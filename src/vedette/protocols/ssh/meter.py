"""Limits on what comes back: lines count as rows."""

from __future__ import annotations

from collections.abc import Sequence

from vedette.model import Limit


class Meter:
    """
    One command's limits. *passed* holds, by rule, the rows and bytes of the session, and is kept up.

    *reached* names the rule whose limit is reached; nothing passes from then on.
    """

    def __init__(self, limits: Sequence[Limit], passed: dict[str, list[int]]) -> None:
        self.reached = ""
        self._counts = [
            (limit, passed.setdefault(limit.rule, [0, 0]) if limit.per == "session" else [0, 0])
            for limit in limits
        ]

    def permits(self, data: bytes, objects: int | None = None) -> bool:
        """Whether *data* may pass, all of it, and counts it: its *objects* are rows, or else its lines."""
        if self.reached:
            return False
        if not self._counts:
            return True
        lines = data.count(b"\n") if objects is None else objects
        for limit, (rows, size) in self._counts:
            over_rows = limit.rows is not None and rows + lines > limit.rows
            if over_rows or (limit.bytes is not None and size + len(data) > limit.bytes):
                self.reached = limit.rule
                return False
        for _, count in self._counts:
            count[0] += lines
            count[1] += len(data)
        return True
