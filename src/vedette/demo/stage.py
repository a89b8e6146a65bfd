"""What the demo shows: short sections, the agent's words, the gateway's words."""

from __future__ import annotations

import time

from rich.text import Text

from vedette.cli import screen

MAX_LINES = 8


class Stage:
    """Prints sections with the time that has gone by."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._number = 0

    def section(self, title: str) -> None:
        self._number += 1
        gone = f"{time.monotonic() - self._begun:.0f} s"
        screen.say("")
        screen.say(Text.assemble((f"{self._number}  {title}", "bold cyan"), ("  " + gone, "dim")))

    def step(self, words: str) -> None:
        screen.say(Text("   ", "dim"), words, style="dim")

    def agent(self, words: str) -> None:
        screen.say("")
        screen.say(Text("   agent    ", "bold blue"), words)

    def call(self, statement: str) -> None:
        screen.say(Text("   run_sql  ", "bold blue"), Text(screen.plain(statement).plain, "bold"))

    def gateway(self, words: str) -> None:
        screen.say(Text("   gateway  ", "bold magenta"), words)

    def person(self, words: str) -> None:
        screen.say(Text("   person   ", "bold green"), words)

    def saw(self, text: str, *, error: bool) -> None:
        """What came back to the model as the tool's result."""
        lines = text.splitlines() or [""]
        for number, line in enumerate(lines[:MAX_LINES]):
            head = ("   refused  ", "bold red") if error else ("   sees     ", "bold")
            mark = Text(*head) if number == 0 else Text(" " * 12)
            screen.say(mark, screen.plain(line, "red" if error else ""))
        if len(lines) > MAX_LINES:
            screen.say(f"            and {len(lines) - MAX_LINES} more lines", style="dim")

    def command(self, words: str) -> None:
        screen.say("")
        screen.say(Text("   $ ", "dim"), Text(screen.plain(words).plain, "bold"))

    def output(self, text: str) -> None:
        """What a command printed: already inert, colours and all."""
        for line in text.rstrip("\n").split("\n"):
            screen.console().print(Text("   ").append_text(Text.from_ansi(line)))
