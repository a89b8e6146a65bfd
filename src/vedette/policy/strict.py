"""Strict decoding of plain data, every problem noted with its place and its fix.

A problem is noted and decoding goes on with a harmless value of the right type,
so that one look at a file tells all that is wrong with it. Nothing decoded is
used unless :meth:`Book.close` finds the book of problems empty.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from vedette.policy import units
from vedette.policy.problems import ConfigError, Marks, Path, Problem

_KINDS = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    dict: "a mapping",
    list: "a list",
    type(None): "nothing",
}


@dataclass(slots=True)
class Book:
    """The problems found so far in one file."""

    marks: Marks
    problems: list[Problem] = field(default_factory=list)

    def note(self, path: Path, message: str, fix: str = "", *, key: bool = False) -> None:
        line, column = self.marks.key(path) if key else self.marks.at(path)
        self.problems.append(Problem(self.marks.file, line, column, message, fix))

    def close(self) -> None:
        """Raises ConfigError if anything was noted."""
        if self.problems:
            raise ConfigError(self.problems)


def near(word: str, options: Iterable[str]) -> str:
    """The fix for an unknown *word*: the option that was probably meant, or all of them."""
    known = sorted(options)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    return "known are " + ", ".join(known) if known else ""


@dataclass(slots=True)
class Node:
    """One value of the file, and where it stands.

    *secret* values are never quoted in a problem.
    """

    value: object
    path: Path
    book: Book
    secret: bool = False

    @property
    def name(self) -> str:
        """The key or position that leads here, as problems call it."""
        keys = [str(part) for part in self.path if isinstance(part, str)]
        return keys[-1] if keys else "the file"

    def problem(self, message: str, fix: str = "", *, key: bool = False) -> None:
        self.book.note(self.path, message, fix, key=key)

    def child(self, part: str | int, value: object) -> Node:
        return Node(value, (*self.path, part), self.book, self.secret)

    def wrong(self, wanted: str, fix: str = "") -> None:
        found = _KINDS.get(type(self.value), "something else")
        self.problem(f"{self.name}: {wanted} is needed here, not {found}", fix)

    # Collections

    def named(self) -> dict[str, Node]:
        """A mapping whose keys the writer chooses."""
        if not isinstance(self.value, Mapping):
            self.wrong("a mapping")
            return {}
        return {str(key): self.child(str(key), value) for key, value in self.value.items()}

    def fields(self, known: Collection[str], *, required: Collection[str] = ()) -> dict[str, Node]:
        """A mapping with these keys and no others."""
        found = self.named()
        for key in [key for key in found if key not in known]:
            found.pop(key).problem(f'unknown key "{key}" in {self.name}', near(key, known), key=True)
        if isinstance(self.value, Mapping):
            for key in required:
                if key not in found:
                    self.problem(f'{self.name}: the key "{key}" is missing', f"add {key}:")
        return found

    def entries(self) -> list[Node]:
        """A list."""
        if not isinstance(self.value, list | tuple):
            self.wrong("a list", "write it as [one, two]")
            return []
        return [self.child(place, value) for place, value in enumerate(self.value)]

    # Values

    def text(self, *, empty: bool = False) -> str:
        if not isinstance(self.value, str):
            quote = isinstance(self.value, int | float) and not self.secret
            self.wrong("text", f'put it in quotes: "{self.value}"' if quote else "")
            return ""
        if not self.value and not empty:
            self.problem(f"{self.name}: empty text says nothing")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """A list of at least one text, none of them twice."""
        found = [node.text() for node in self.entries()]
        if not found and isinstance(self.value, list | tuple):
            self.problem(
                f"{self.name}: an empty list matches nothing", f"name something, or leave {self.name} out"
            )
        for place, text in enumerate(found):
            if text and text in found[:place]:
                self.child(place, text).problem(f'{self.name}: "{text}" stands here twice', "remove one")
        return tuple(dict.fromkeys(found))

    def choice(self, options: Collection[str], *, what: str = "") -> str:
        """One of *options*; the first of them where the writer gave something else."""
        word = self.text() if isinstance(self.value, str) else ""
        if not isinstance(self.value, str):
            self.wrong(f"one of {', '.join(options)}")
        elif word not in options and word:
            self.problem(f'unknown {what or self.name} "{word}"', near(word, options))
        return word if word in options else next(iter(options))

    def choices(self, options: Collection[str], *, what: str) -> tuple[str, ...]:
        """A list of at least one of *options*; unknown ones are left out."""
        words = self.texts()
        for place, node in enumerate(self.entries()):
            if isinstance(node.value, str) and node.value and node.value not in options:
                self.child(place, node.value).problem(
                    f'unknown {what} "{node.value}"', near(node.value, options)
                )
        return tuple(word for word in words if word in options)

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            self.wrong("true or false", "write true or false")
            return False
        return self.value

    def integer(self, low: int, high: int) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.wrong("a whole number")
            return low
        if not low <= self.value <= high:
            self.problem(f"{self.name}: {self.value} is out of range", f"from {low} to {high}")
            return low
        return self.value

    def duration(self, low: float, high: float) -> float:
        """Seconds."""
        found = units.duration(self.value) if isinstance(self.value, str) else None
        if found is None:
            self.problem(f"{self.name}: a duration is needed here", "write it as 90s, 15m or 1h30m")
            return low
        if not low <= found <= high:
            span = f"from {units.spoken(low)} to {units.spoken(high)}"
            self.problem(f"{self.name}: {self.value} is out of range", span)
            return low
        return found

    def size(self, low: int, high: int) -> int:
        """Bytes."""
        value = (
            str(self.value)
            if isinstance(self.value, int) and not isinstance(self.value, bool)
            else self.value
        )
        found = units.size(value) if isinstance(value, str) else None
        if found is None:
            self.problem(f"{self.name}: a size is needed here", "write it as 64KiB, 50MB or 1GiB")
            return low
        if not low <= found <= high:
            self.problem(f"{self.name}: {value} is out of range", f"from {low} to {high} bytes")
            return low
        return found
