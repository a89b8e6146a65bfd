"""What is collected while a command is read."""

from __future__ import annotations

from dataclasses import dataclass, field

from vedette.model import Effect, Touch
from vedette.shell.facts import NOTHING, Facts
from vedette.shell.paths import Folders, nowhere, paths
from vedette.shell.scope import ANY, GLOB, HOME, PLAIN
from vedette.shell.tree import Unreadable
from vedette.sql import facts as sql

_SHOWN = {ANY: "*", PLAIN: "?", GLOB: "?", HOME: "~"}
MAX_STEPS = 4_000
MAX_TOUCHES = 300
MAX_OPEN = 96
"""Names with something open in them: comparing those with globs costs the most."""


@dataclass(slots=True)
class Notes:
    touches: dict[Touch, None] = field(default_factory=dict)
    programs: dict[str, None] = field(default_factory=dict)
    mentions: dict[str, None] = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)
    reason: str = ""
    commands: int = 0
    elevated: bool = False
    background: bool = False
    steps: int = 0
    open: int = 0
    sql: list[sql.Facts] = field(default_factory=list)

    def step(self) -> None:
        """Counts work. Raises Unreadable when it is too much."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Unreadable("a command that takes too many steps to read")

    def touch(self, effect: Effect, name: str = "", *, implied: bool = False) -> None:
        """*name* with its kind before it; one that holds ``*`` or ``?`` is not wholly known."""
        resolved = not {"*", "?"} & set(name) and not name.startswith(("file:~", "program:~"))
        touch = Touch(effect, name, resolved, implied)
        if touch in self.touches:
            return
        self.touches[touch] = None
        self.open += "*" in name or "?" in name
        if len(self.touches) > MAX_TOUCHES or self.open > MAX_OPEN:
            raise Unreadable("a command that touches too many things")

    def unknown(self, reason: str) -> None:
        self.touches[Touch(Effect.UNKNOWN)] = None
        self.reason = self.reason or shown(reason)

    def file(self, effect: Effect, text: str, folders: Folders, *, tree: bool = False) -> None:
        """The file that *text* names, in each of *folders*. *tree*: and all that is below it."""
        for name in paths(text, folders):
            if nowhere(name):
                continue
            self.touch(effect, f"file:{name}")
            if tree:
                self.touch(effect, f"file:{name.rstrip('/')}/*")

    def start(self, text: str, folders: Folders) -> None:
        """A program of which it is not known what it does."""
        for name in paths(text, folders) if "/" in text else [shown(text)]:
            self.touch(Effect.EXECUTE, f"program:{name}")

    def mention(self, text: str, folders: Folders) -> None:
        """A path handed to a program of which it is not known what it does with it."""
        for name in paths(text, folders):
            self.mentions[name] = None
            self.touch(Effect.READ, f"file:{name}", implied=True)

    def facts(self) -> Facts:
        something = any(not touch.implied for touch in self.touches)
        return Facts(
            touches=(*self.touches, *(() if something else (NOTHING,))),
            programs=tuple(self.programs),
            reason=self.reason,
            mentions=tuple(self.mentions),
            hosts=tuple(self.hosts),
            commands=self.commands,
            elevated=self.elevated,
            background=self.background,
            sql=sql.union(self.sql) if self.sql else sql.Facts(),
        )


def shown(text: str) -> str:
    """*text* with what is not known in it as ``*``."""
    return "".join(_SHOWN.get(char, char) for char in text[:300])
