"""Where in the text of a command reading has got to: blanks, words, reserved words, here-documents that wait.

Source: POSIX.1-2024, Shell Command Language, 2.3 "Token Recognition" and 2.7.4 "Here-Document".
"""

from __future__ import annotations

import re
from collections.abc import Callable

from vedette.shell.tree import Lit, Redirect, Sequence, Unreadable, Word
from vedette.shell.words import BREAKS, MAX_DEPTH, Words

RESERVED = frozenset(
    {"if", "then", "elif", "else", "fi", "do", "done", "case", "esac", "while", "until", "for", "{", "}", "!"}
    | {"[[", "select", "function", "time", "coproc", "in"}
)
_BLANKS = re.compile(r"(?:[ \t]|\\\n)*")

#: Reads the commands between parentheses, from a place in a text and at a depth; and where they end.
Nested = Callable[[str, int, int], tuple[Sequence, int]]


def plain(word: Word) -> str | None:
    """The text of a word in which nothing is quoted and nothing expands."""
    if any(not isinstance(part, Lit) or part.quoted for part in word):
        return None
    return "".join(part.text for part in word if isinstance(part, Lit))


class Cursor:
    """Reads from *at* on. Here-documents wait in *pending* for the end of their line."""

    __slots__ = ("at", "depth", "nested", "pending", "text")

    def __init__(self, text: str, depth: int, nested: Nested) -> None:
        self.text, self.at, self.depth, self.nested = text, 0, depth, nested
        self.pending: list[tuple[list[Redirect], int, str, bool, bool]] = []

    def blanks(self) -> None:
        found = _BLANKS.match(self.text, self.at)
        self.at = found.end() if found else self.at
        if self.text.startswith("#", self.at):
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end

    def lines(self) -> None:
        """Blanks, comments and line ends, and the here-documents that begin behind those."""
        self.blanks()
        while self.text.startswith("\n", self.at):
            self.at += 1
            self.documents()
            self.blanks()

    def takes(self, operator: str) -> bool:
        self.blanks()
        if self.text.startswith(operator, self.at):
            self.at += len(operator)
            return True
        return False

    def peek(self) -> str:
        """The reserved word or name that stands here; empty where anything is quoted."""
        self.blanks()
        end = self.at
        while end < len(self.text) and self.text[end] not in BREAKS and end - self.at < 10:
            end += 1
        found = self.text[self.at : end]
        return found if found in RESERVED else ""

    def expect(self, word: str) -> None:
        self.lines()
        if self.peek() != word:
            raise Unreadable(f"{word!r} is missing")
        self.at += len(word)

    def word(self) -> Word:
        self.blanks()
        found, end = Words(self.text, self.nested, self.depth).word(self.at)
        if end > self.at and self.pending and "\n" in self.text[self.at : end]:
            raise Unreadable("a here-document that begins inside a word")
        self.at = end
        return found

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable("nested too deeply to be read")

    def documents(self) -> None:
        """The bodies of the here-documents that wait, from the beginning of this line on."""
        for redirects, place, delimiter, quoted, tabs in self.pending:
            lines: list[str] = []
            while True:
                if self.at >= len(self.text):
                    raise Unreadable("a here-document that does not end")
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                line = self.text[self.at : end]
                self.at = min(end + 1, len(self.text))
                line = line.lstrip("\t") if tabs else line
                if line == delimiter:
                    break
                if not quoted and line.endswith("\\"):
                    raise Unreadable("a line continued inside a here-document")
                lines.append(line + "\n")
            whole = "".join(lines)
            body: Word = (
                (Lit(whole, True),) if quoted else Words(whole, self.nested, self.depth + 1).document()
            )
            redirects[place] = Redirect("<<", redirects[place].fd, body)
        self.pending.clear()
