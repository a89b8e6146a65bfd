"""One program with its arguments, as the tables of programs see it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vedette.model import Effect
from vedette.shell.hosts import canonical
from vedette.shell.notes import Notes, shown
from vedette.shell.scope import Arg, Scope, loose

_HOST = re.compile(r"[A-Za-z0-9._:%*-]{1,253}\Z", re.ASCII)


class Runs(Protocol):
    """What reads commands inside commands."""

    notes: Notes

    def program(self, args: Sequence[Arg], scope: Scope, stdin: str | None = None) -> None: ...
    def script(self, text: str, scope: Scope, args: Sequence[Arg] = ()) -> None: ...


@dataclass(slots=True)
class Call:
    """*stdin* is the text that stands in a here-document, None where it is anything else."""

    name: str
    args: tuple[Arg, ...]
    scope: Scope
    runs: Runs
    stdin: str | None = None

    @property
    def notes(self) -> Notes:
        return self.runs.notes

    def unknown(self, reason: str) -> None:
        self.notes.unknown(f"{self.name}: {reason}")

    def file(self, effect: Effect, text: str, *, tree: bool = False) -> None:
        self.notes.file(effect, text, self.scope.folders, tree=tree)

    def read(self, text: str, *, tree: bool = False) -> None:
        self.file(Effect.READ, text, tree=tree)

    def write(self, text: str) -> None:
        self.file(Effect.WRITE, text)

    def touch(self, effect: Effect, name: str) -> None:
        self.notes.touch(effect, shown(name))

    def host(self, effect: Effect, host: str, port: str) -> None:
        """*host* may hold what is not known; *port* is its number as text, or ``*``."""
        name = shown(host).strip("[]").lower().rstrip(".")
        if not _HOST.match(name):
            name = "*"
        name = canonical(name) or name
        port = port if port.isdigit() and len(port) < 6 else "*"
        self.notes.hosts[f"{name}:{port}"] = None
        self.notes.touch(effect, f"host:{name}:{port}")

    def run(self, args: Sequence[Arg], *, stdin: str | None = None, scope: Scope | None = None) -> None:
        self.runs.program(tuple(args), self.scope if scope is None else scope, stdin)

    def script(self, text: str, *, args: Sequence[Arg] = (), fresh: bool = True) -> None:
        """Commands in a text. *fresh*: in a shell of their own, which knows no variables of this one."""
        if loose(text):
            self.unknown("a script that is put together at run time")
            return
        scope = self.scope
        if fresh:
            scope = Scope(folders=self.scope.folders, strange=self.scope.strange, inside=self.scope.inside)
        self.runs.script(text, scope, args)
