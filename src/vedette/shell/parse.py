"""Reading commands: text to tree, by the grammar of POSIX with what Bash adds; the rest it refuses.

Source: POSIX.1-2024, Shell Command Language, 2.10 "Shell Grammar"; the Bash manual, "Shell Commands".
"""

from __future__ import annotations

import re

from vedette.shell.compound import Compounds
from vedette.shell.cursor import RESERVED
from vedette.shell.tree import (
    Chain,
    Command,
    Function,
    Pipeline,
    Redirect,
    Redirected,
    Sequence,
    Unreadable,
)

__all__ = ["MAX_BYTES", "RESERVED", "parse"]

# One argument of a program cannot be longer (MAX_ARG_STRLEN, execve(2)), and sshd hands the command to the
# login shell as one argument (sshd(8)).
MAX_BYTES = 128 << 10

_CLOSING = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})
_JOINED = re.compile(r"(?<=[|&;<>(){}!$])\\\n|\\\n(?=[|&;<>(){}#])")
_POSIX_TIME = re.compile(r"-p(?=[ \t\n])")
_SENTINELS = re.compile("[\U0010fff0-\U0010ffff]")


def parse(text: str, *, inner: bool = False) -> Sequence:
    """The commands of *text*. *inner*: it was put together here, and may hold marks of `vedette.shell.scope`.

    Raises:
        Unreadable: it is too long, nested too deeply, or no command that this grammar knows.
    """
    try:
        size = len(text) if len(text) > MAX_BYTES else len(text.encode())
    except UnicodeEncodeError as error:
        raise Unreadable("a command that is no UTF-8") from error
    if size > MAX_BYTES:
        raise Unreadable(f"a command longer than {MAX_BYTES} bytes")
    if "\0" in text or (not inner and _SENTINELS.search(text)):
        raise Unreadable("a NUL or a character that stands for nothing")
    if _JOINED.search(text):
        raise Unreadable("a line continued beside an operator")
    reader = _Commands(text, 0, _nested)
    found = reader.sequence(frozenset())
    if reader.at < len(text):
        raise Unreadable(f"an unexpected {text[reader.at : reader.at + 10]!r}")
    return found


def _nested(text: str, at: int, depth: int) -> tuple[Sequence, int]:
    reader = _Commands(text, depth, _nested)
    reader.at = at
    found = reader.sequence(frozenset())
    if not text.startswith(")", reader.at):
        raise Unreadable("a parenthesis that is not closed")
    if reader.pending:
        raise Unreadable("a here-document that does not end")
    return found, reader.at + 1


class _Commands(Compounds):
    """Lists and pipelines."""

    __slots__ = ()

    # -- Lists ----------------------------------------------------------------------------------------------

    def sequence(self, stops: frozenset[str]) -> Sequence:
        """Commands up to the end, a ``)``, a ``;;`` or one of the reserved words *stops*."""
        self.deeper()
        found: list[Command] = []
        while True:
            self.lines()
            if self.at >= len(self.text) or self.text[self.at] == ")" or self._ends_item():
                break
            if self.peek() in stops:
                break
            command, separated = self.chain()
            found.append(command)
            self.blanks()
            if separated or self.at >= len(self.text) or self.text[self.at] in "\n)" or self._ends_item():
                continue
            if self.peek() not in stops:
                raise Unreadable(f"an unexpected {self.text[self.at : self.at + 10]!r}")
        if self.at >= len(self.text) and self.pending:
            self.documents()
        self.depth -= 1
        return Sequence(tuple(found))

    def _ends_item(self) -> bool:
        return self.text.startswith((";;", ";&"), self.at)

    def chain(self) -> tuple[Command, bool]:
        """Pipelines up to a separator, and whether one stood there."""
        links: list[tuple[str, Command]] = [("", self.pipeline())]
        while True:
            if self.takes("&&"):
                operator = "&&"
            elif self.takes("||"):
                operator = "||"
            else:
                break
            self.lines()
            links.append((operator, self.pipeline()))
        self.blanks()
        background = self.text.startswith("&", self.at)
        separated = background or (self.text.startswith(";", self.at) and not self._ends_item())
        self.at += separated
        if len(links) == 1 and not background:
            return links[0][1], separated
        return Chain(tuple(links), background), separated

    def pipeline(self) -> Command:
        while (word := self.peek()) in ("!", "time"):
            self.at += len(word)
            if word == "time":
                self.blanks()
                if _POSIX_TIME.match(self.text, self.at):
                    self.at += 2
                elif self.text.startswith("-", self.at):
                    raise Unreadable("time with options")
            self.blanks()
            if self.at >= len(self.text) or self.text[self.at] in "\n;&)":
                return Sequence(())
        commands = [self.command()]
        while True:
            self.blanks()
            if self.text.startswith("||", self.at) or not self.text.startswith("|", self.at):
                break
            self.at += 1
            if self.text.startswith("&", self.at):
                self.at += 1
            self.lines()
            commands.append(self.command())
        return commands[0] if len(commands) == 1 else Pipeline(tuple(commands))

    # -- Commands -------------------------------------------------------------------------------------------

    def command(self) -> Command:
        word = self.peek()
        if word == "coproc":
            raise Unreadable("a coprocess")
        if word in _CLOSING or word == "in":
            raise Unreadable(f"an unexpected {word!r}")
        self.blanks()
        compound = self.compound(word)
        if compound is None:
            return self.simple()
        if isinstance(compound, Function):
            return compound
        redirects: list[Redirect] = []
        while self.redirect(redirects):
            pass
        return Redirected(compound, redirects) if redirects else compound
