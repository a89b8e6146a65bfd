"""What people and programs read. Nothing that was recorded reaches a terminal as anything but plain text.

Every command imports what it needs where it needs it, so that each starts quickly.

Recorded text is written by whoever is watched. It is made visible first
(control characters written out) and then shown as ``rich.text.Text``, never as markup.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import IO
from urllib.parse import quote

from rich.console import Console
from rich.table import Table
from rich.text import Text

#: How wide a table may be where no terminal says how wide it is.
WIDE = 200
MAX_CELL = 4000

Cell = str | int | float | bool | None | Text

VERDICTS = {
    "allow": "green", "allowed": "green", "approved": "green", "used": "green", "ok": "green",
    "deny": "bold red", "denied": "bold red", "refused": "bold red", "error": "red", "lost": "red",
    "hold": "yellow", "pending": "yellow", "expired": "dim", "withdrawn": "dim", "cancelled": "dim",
}  # fmt: skip


def inert(text: str) -> str:
    """*text* on one line, with everything that acts or hides written out."""
    from vedette.approvals.render import visible

    return visible(text)


def console(file: IO[str] | None = None) -> Console:
    """A console on the present standard output (or *file*), without any reading of markup."""
    out = file or sys.stdout
    width = None if out.isatty() or os.environ.get("COLUMNS") else WIDE
    return Console(file=out, markup=False, emoji=False, highlight=False, soft_wrap=True, width=width)


def plain(value: object, style: str = "") -> Text:
    """*value* as inert text."""
    return Text(inert(str(value))[:MAX_CELL], style)


def say(*parts: Text | str, style: str = "", end: str = "\n") -> None:
    """One line. A ``str`` is ours, yet made inert all the same: it may have names in it."""
    console().print(_line(parts, style), end=end)


def note(*parts: Text | str, style: str = "dim") -> None:
    """One line beside the result, on standard error."""
    console(sys.stderr).print(_line(parts, style))


def complain(message: str, fix: str = "") -> None:
    """An error, and what to do about it. Each line of *message* keeps its line."""
    out = console(sys.stderr)
    for number, line in enumerate(message.splitlines() or [""]):
        out.print(Text.assemble(("error: " if not number else "       ", "bold red"), plain(line)))
    if fix:
        out.print(Text.assemble(("  fix: ", "bold"), plain(fix)))


def _line(parts: Sequence[Text | str], style: str) -> Text:
    line = Text(style=style)
    for part in parts:
        line.append_text(part if isinstance(part, Text) else plain(part))
    return line


def verdict(word: str) -> Text:
    return plain(word, VERDICTS.get(word.lower(), ""))


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, empty: str) -> None:
    """A table for people; *empty* is said where there are no rows."""
    if not rows:
        note(empty)
        return
    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        made.add_column(Text(column), overflow="fold")
    for row in rows:
        made.add_row(*map(_cell, row))
    console().print(made, soft_wrap=False)


def _cell(value: Cell) -> Text:
    if isinstance(value, Text):
        return value
    if value is None:
        return Text("")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    return plain(value)


def fields(pairs: Sequence[tuple[str, Cell]]) -> None:
    """Label and value, one pair a line; empty values are left out."""
    shown = [(label, value) for label, value in pairs if value not in ("", None)]
    width = max((len(label) for label, _ in shown), default=0)
    for label, value in shown:
        for number, line in enumerate(_cell(value).split("\n", allow_blank=True)):
            head = Text(label.ljust(width) if not number else " " * width, "bold")
            console().print(Text.assemble(head, "  ", line))


def emit(value: object) -> None:
    """JSON for programs: ASCII only, so that it is inert on a terminal too."""
    sys.stdout.write(_json(value, indent=2))


def emit_line(value: object) -> None:
    """One JSON value on one line, at once."""
    sys.stdout.write(_json(value))
    sys.stdout.flush()


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=True, indent=indent).replace("\x7f", "\\u007f") + "\n"


def when(seconds: float | None) -> str:
    """A moment in local time; empty for none."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clock(seconds: float) -> str:
    """The time of day in local time, with milliseconds."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S.%f")[:-3]


def part(name: str) -> str:
    """*name* as one segment of an address."""
    return quote(name, safe="") or "-"


def one_line(text: str, most: int = 100) -> str:
    """*text* with its white space folded, cut to *most* characters. Not yet inert."""
    folded = " ".join(text.split())
    return folded if len(folded) <= most else folded[: most - 3] + "..."
