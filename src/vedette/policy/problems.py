"""What is wrong with a file that people write, and where in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

Path = tuple[str | int, ...]
Place = tuple[int, int]

NOWHERE: Mapping[Path, Place] = MappingProxyType({})


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that stops a file from loading. Lines and columns count from 1; 0 is "the whole file"."""

    file: str
    line: int
    column: int
    message: str
    fix: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}" + (f"; {self.fix}" if self.fix else "")


class ConfigError(Exception):
    """The file does not load. *problems* are all that were found, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Marks:
    """Where each value and each key of a decoded file stands.

    Paths are those of the whole file; *root* is the path of the section that
    a decoder was given, so that it can count from its own beginning.
    """

    file: str = ""
    values: Mapping[Path, Place] = field(default_factory=lambda: NOWHERE, repr=False)
    keys: Mapping[Path, Place] = field(default_factory=lambda: NOWHERE, repr=False)
    root: Path = ()

    def within(self, *parts: str | int) -> Marks:
        """The marks of a section: its own paths begin there."""
        return replace(self, root=(*self.root, *parts))

    def at(self, path: Path) -> Place:
        """Line and column of the value at *path*, or of the nearest thing around it."""
        return _nearest(self.values, (*self.root, *path))

    def key(self, path: Path) -> Place:
        """Line and column of the key that leads to *path*."""
        whole = (*self.root, *path)
        return self.keys.get(whole) or _nearest(self.values, whole)


def _nearest(places: Mapping[Path, Place], path: Path) -> Place:
    for end in range(len(path), -1, -1):
        place = places.get(path[:end])
        if place is not None:
            return place
    return (0, 0)
