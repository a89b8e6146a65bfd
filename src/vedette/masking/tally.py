"""How much was hidden, by what, for the record."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Cells hidden, by the name of the rule (whole columns) or of the entity (content)."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, cells: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + cells
