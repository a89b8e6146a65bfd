"""Where commands begin in a shell that nobody guards: for the recording, as an aid. Pure."""

from __future__ import annotations

from collections.abc import Callable

from vedette.terminal.keys import Keys
from vedette.terminal.prompts import Prompt, learn
from vedette.terminal.screen import Screen


class Marks:
    """*mark* is called with the line that stands behind the shell's prompt when Enter takes it away."""

    def __init__(self, columns: int, rows: int, mark: Callable[[str], None]) -> None:
        self.screen = Screen(columns, rows)
        self._keys = Keys()
        self._mark = mark
        self._prompt: Prompt | None = None
        self._fresh = True
        self._due = False

    def shown(self, data: bytes) -> None:
        if self._due and b"\n" in data:
            # What was typed is shown by then, even if it came in one piece with its Enter.
            line, _, data = data.partition(b"\n")
            self.screen.feed(line)
            self._due = False
            self._entered()
            self.screen.feed(b"\n")
        self.screen.feed(data)

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(columns, rows)

    def typed(self, data: bytes) -> None:
        """To be told before it goes on to the host."""
        if self._prompt is None and self._fresh and not self.screen.alternate:
            line = self.screen.line()
            self._prompt = learn(line.text[: line.cursor]) if line is not None else None
        self._fresh = False
        for key in self._keys.feed(data):
            self._due = self._due or key.kind == "enter"

    def _entered(self) -> None:
        line = self.screen.line()
        self._fresh = True
        if self._prompt is None or line is None or self.screen.alternate:
            return
        end = self._prompt.end(line.text)
        if end is not None and line.text[end:].strip():
            self._mark(line.text[end:].strip())
