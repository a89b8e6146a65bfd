"""One line of the table: what was compared, what it came to, what it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """
    *measured* against *target* in *unit* (``x`` is a ratio). *beside* says what the others came to.

    *measured* is None where it could not be had here; *beside* then says why. *pure* is the same figure in
    pure Python, where what was measured is the compiled twin.
    """

    what: str
    against: str
    measured: float | None
    target: float
    unit: str = "x"
    at_least: bool = False
    beside: str = ""
    pure: float | None = None

    @property
    def met(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured >= self.target if self.at_least else self.measured <= self.target

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"met": self.met}


def _number(value: float, unit: str) -> str:
    return f"{value:.2f} {unit}" if unit == "x" else f"{value:.1f} {unit}"


def row(figure: Figure) -> tuple[str, ...]:
    bound = ("≥ " if figure.at_least else "≤ ") + _number(figure.target, figure.unit)
    measured = "-" if figure.measured is None else _number(figure.measured, figure.unit)
    verdict = {True: "met", False: "missed", None: "not run"}[figure.met]
    pure = "-" if figure.pure is None else _number(figure.pure, figure.unit)
    return figure.what, figure.against, measured, pure, bound, verdict, figure.beside


HEAD = ("what", "against", "measured", "pure", "target", "", "beside")


def table(figures: Sequence[Figure]) -> str:
    """Plain text, columns aligned; a heading, a rule, a line per figure."""
    rows = [HEAD, *(row(figure) for figure in figures)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
