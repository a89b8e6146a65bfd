"""What a shell knows while it runs: variables, functions, the folder it is in."""

from __future__ import annotations

from dataclasses import dataclass, field

from vedette.shell.environment import meddles
from vedette.shell.tree import Command

# Characters that stand for what is not known. The parser refuses text that holds them.
ANY = "\U0010ffff"
"""Any run of characters."""
PLAIN = "\U0010fffe"
"""One or more of letters, digits and ``_.:+-``, of which the first is no dash."""
GLOB = "\U0010fffc"
"""Any run of characters without slashes: part of the name of a file that is there."""
HOME = "\U0010fffd"
"""The caller's home folder."""
MAX_FOLDERS = 6
LOOSE = (ANY, GLOB)
HOLES = frozenset({ANY, GLOB, PLAIN})


@dataclass(frozen=True, slots=True)
class Arg:
    """One word of a command as the program gets it.

    *several*: it is an expansion that may become any number of words, none included. *pattern*: it
    becomes the names of files, at least one word, each of which *text* spells.
    """

    text: str
    several: bool = False
    pattern: bool = False

    @property
    def open(self) -> bool:
        """Whether it may be more or less than one word."""
        return self.several or self.pattern

    @property
    def known(self) -> bool:
        return not self.open and HOLES.isdisjoint(self.text) and HOME not in self.text

    @property
    def may_be_option(self) -> bool:
        return self.several or self.text.startswith((*LOOSE, "-"))


@dataclass(slots=True)
class Scope:
    """*folders* are where commands may run, ``~`` or absolute: a ``cd`` may have failed. None is anywhere.

    *strange* says why a name may stand for another program than it seems to (PATH was changed).
    *inside* holds the names of the functions that are running.
    """

    values: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, tuple[Arg, ...]] = field(default_factory=dict)
    functions: dict[str, Command] = field(default_factory=dict)
    folders: tuple[str, ...] | None = ("~",)
    positional: tuple[Arg, ...] = ()
    strange: str = ""
    inside: frozenset[str] = frozenset()

    def copy(self) -> Scope:
        return Scope(
            dict(self.values),
            dict(self.arrays),
            dict(self.functions),
            self.folders,
            self.positional,
            self.strange,
            self.inside,
        )

    def get(self, name: str) -> str:
        """The value of *name*; of one that was not given here, anything: it may be in the environment."""
        return self.values.get(name, HOME if name == "HOME" else ANY)

    def here(self) -> str:
        """The folder as a value."""
        if self.folders is None or len(self.folders) != 1:
            return ANY
        folder = self.folders[0]
        return folder.replace("~", HOME, 1) if folder.startswith("~") else folder

    def put(self, name: str, value: str) -> None:
        self.values[name] = value
        self.arrays.pop(name, None)
        if meddles(name, exported=False):
            self.strange = self.strange or f"{name} was changed"

    def join(self, other: Scope) -> None:
        """From now on, either of the two may be so."""
        for name in self.values.keys() | other.values.keys():
            mine, theirs = self.get(name), other.get(name)
            if mine != theirs:
                self.values[name] = PLAIN if _plain(mine) and _plain(theirs) else ANY
        for name in self.arrays.keys() | other.arrays.keys():
            if self.arrays.get(name) != other.arrays.get(name):
                self.arrays[name] = (Arg(ANY, True),)
        for name, body in other.functions.items():
            if self.functions.setdefault(name, body) is not body:
                self.strange = f"the function {name} may be one of several"
        self.folders = either(self.folders, other.folders)
        if self.positional != other.positional:
            self.positional = (Arg(ANY, True),)
        self.strange = self.strange or other.strange

    def become(self, other: Scope) -> None:
        self.values, self.arrays, self.functions = other.values, other.arrays, other.functions
        self.folders, self.positional, self.strange = other.folders, other.positional, other.strange


def loose(text: str) -> bool:
    """Whether some of *text* may be anything."""
    return ANY in text or GLOB in text


def either(one: tuple[str, ...] | None, two: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The folders of both; None where they are too many."""
    if one is None or two is None:
        return None
    found = tuple(dict.fromkeys((*one, *two)))
    return found if len(found) <= MAX_FOLDERS else None


def _plain(value: str) -> bool:
    return value == PLAIN or value.isdigit()
