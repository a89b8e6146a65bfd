"""What a shell knows while it runs: variables, functions, the folder it is in."""

from __future__ import annotations

from dataclasses import dataclass, field

from vedette.shell.tree import Command

# Characters that stand for what is not known. The parser refuses text that holds them.
ANY = "\U0010ffff"
"""Any run of characters."""
PLAIN = "\U0010fffe"
"""One or more of letters, digits and ``_.:+-``, of which the first is no dash."""
HOME = "\U0010fffd"
"""The caller's home folder."""
HOLES = frozenset({ANY, PLAIN})


@dataclass(frozen=True, slots=True)
class Arg:
    """One word of a command as the program gets it.

    *several*: it is an expansion that may become any number of words, none included.
    """

    text: str
    several: bool = False

    @property
    def known(self) -> bool:
        return not self.several and HOLES.isdisjoint(self.text) and HOME not in self.text

    @property
    def may_be_option(self) -> bool:
        return self.several or self.text.startswith((ANY, "-"))


@dataclass(slots=True)
class Scope:
    """*folder* is where commands run: ``~`` or absolute, None where that is not known.

    *strange* says why a name may stand for another program than it seems to (PATH was changed).
    *inside* holds the names of the functions that are running.
    """

    values: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, tuple[Arg, ...]] = field(default_factory=dict)
    functions: dict[str, Command] = field(default_factory=dict)
    folder: str | None = "~"
    positional: tuple[Arg, ...] = ()
    strange: str = ""
    inside: frozenset[str] = frozenset()

    def copy(self) -> Scope:
        return Scope(
            dict(self.values),
            dict(self.arrays),
            dict(self.functions),
            self.folder,
            self.positional,
            self.strange,
            self.inside,
        )

    def get(self, name: str) -> str:
        """The value of *name*; of one that was not given here, anything: it may be in the environment."""
        return self.values.get(name, HOME if name == "HOME" else ANY)

    def put(self, name: str, value: str) -> None:
        self.values[name] = value
        self.arrays.pop(name, None)

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
        if self.folder != other.folder:
            self.folder = None
        if self.positional != other.positional:
            self.positional = (Arg(ANY, True),)
        self.strange = self.strange or other.strange

    def become(self, other: Scope) -> None:
        self.values, self.arrays, self.functions = other.values, other.arrays, other.functions
        self.folder, self.positional, self.strange = other.folder, other.positional, other.strange


def _plain(value: str) -> bool:
    return value == PLAIN or value.isdigit()
