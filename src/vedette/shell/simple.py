"""Reading simple commands: assignments, words and redirections.

Source: POSIX.1-2024, Shell Command Language, 2.7 "Redirection" and 2.9.1 "Simple Commands"; the Bash
manual, "Arrays".
"""

from __future__ import annotations

import re

from vedette.shell.cursor import Cursor, plain
from vedette.shell.tree import Assignment, Command, Lit, Redirect, Redirected, Simple, Unreadable, Word
from vedette.shell.words import BREAKS, Words

_DECLARING = frozenset({"declare", "typeset", "export", "readonly", "local"})
_REDIRECT = re.compile(
    r"([0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\})?(&>>|&>|<<<|<<-|<<|<>|<&|<|>>|>\||>&|>)", re.ASCII
)
_ASSIGNED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^]\[\s$`'\"\\]*\])?(\+?)=", re.ASCII)
_INDEXED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[", re.ASCII)


class Simples(Cursor):
    """Simple commands. What looks like one and is a function (``name () ...``) is `defined` elsewhere."""

    __slots__ = ()

    def defined(self, name: str | None) -> Command:
        """A function's body stands here."""
        raise NotImplementedError

    def simple(self) -> Command:
        assignments: list[Assignment] = []
        words: list[Word | Assignment] = []
        redirects: list[Redirect] = []
        while True:
            self.blanks()
            if self.at >= len(self.text):
                break
            if self.redirect(redirects):
                continue
            if self.text[self.at] in BREAKS and not self.text.startswith(("<(", ">("), self.at):
                break
            if not words and (found := self.assignment()):
                assignments.append(found)
            elif words and self._declares(words[0]) and (found := self.assignment()):
                words.append(found)
            else:
                words.append(self.word())
        if self.text.startswith("(", self.at):
            return self._function_after(assignments, words, redirects)
        if not (assignments or words or redirects):
            raise Unreadable(f"an unexpected {self.text[self.at : self.at + 10]!r}")
        simple = Simple(tuple(assignments), tuple(words))
        return Redirected(simple, redirects) if redirects else simple

    def _function_after(
        self, assignments: list[Assignment], words: list[Word | Assignment], redirects: list[Redirect]
    ) -> Command:
        if assignments or redirects or len(words) != 1 or isinstance(words[0], Assignment):
            raise Unreadable("a parenthesis where none may stand")
        self.at += 1
        if not self.takes(")"):
            raise Unreadable("a parenthesis where none may stand")
        return self.defined(plain(words[0]))

    @staticmethod
    def _declares(word: Word | Assignment) -> bool:
        return not isinstance(word, Assignment) and plain(word) in _DECLARING

    def assignment(self) -> Assignment | None:
        found = _ASSIGNED.match(self.text, self.at)
        if not found:
            if _INDEXED.match(self.text, self.at):
                # Here Bash reads on to the closing bracket, over blanks and operators.
                raise Unreadable("an array's element of a form that is not known here")
            return None
        name, index, append = found.groups()
        self.at = found.end()
        if self.text.startswith("(", self.at):
            if index:
                raise Unreadable("an array inside an array")
            return Assignment(name, (), bool(append), several=self._array())
        value = self._value()
        return Assignment(name, value, bool(append), None if index is None else (Lit(index[1:-1], True),))

    def _value(self) -> Word:
        # No blanks are skipped: behind the sign the value ends at the first blank.
        found, end = Words(self.text, self.nested, self.depth).word(self.at)
        if self.pending and "\n" in self.text[self.at : end]:
            raise Unreadable("a here-document that begins inside a word")
        self.at = end
        return found

    def _array(self) -> tuple[Word, ...]:
        self.at += 1
        words: list[Word] = []
        while True:
            self.lines()
            if self.takes(")"):
                return tuple(words)
            before = self.at
            if self.text.startswith("[", self.at):
                raise Unreadable("an array with indices")
            words.append(self.word())
            if self.at == before:
                raise Unreadable("an array that is not closed")

    # -- Redirections ---------------------------------------------------------------------------------------

    def redirect(self, found: list[Redirect]) -> bool:
        """Takes one redirection, if one stands here."""
        self.blanks()
        match = _REDIRECT.match(self.text, self.at)
        if not match or self.text.startswith(("<(", ">("), self.at):
            return False
        number, op = match.groups()
        if op in ("<", ">") and self.text.startswith("(", match.end()):
            return False  # 2<(...) is a word "2" and a process
        if number and op.startswith("&"):
            return False  # 2&>x is a word "2" and then &>x
        if number and len(number) > 9:
            raise Unreadable("a descriptor of many digits")
        self.at = match.end()
        fd = None if number is None else -1 if number.startswith("{") else int(number)
        target = self.word()
        if not target:
            raise Unreadable("a redirection to nothing")
        if op in ("<<", "<<-"):
            if any(not isinstance(part, Lit) for part in target):
                raise Unreadable("a here-document that ends at something expanded")
            delimiter = "".join(part.text for part in target if isinstance(part, Lit))
            quoted = any(isinstance(part, Lit) and part.quoted for part in target)
            self.pending.append((found, len(found), delimiter, quoted, op == "<<-"))
            op = "<<"
        found.append(Redirect(op, fd, target))
        return True
