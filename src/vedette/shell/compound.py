"""Reading compound commands and functions.

Source: POSIX.1-2024, Shell Command Language, 2.9.4 and 2.9.5; the Bash manual, "Compound Commands".
"""

from __future__ import annotations

import re

from vedette.shell.cursor import plain
from vedette.shell.simple import Simples
from vedette.shell.tree import (
    Case,
    Choice,
    Command,
    Count,
    Each,
    Function,
    Let,
    Loop,
    Sequence,
    Simple,
    Subshell,
    Test,
    Unreadable,
    Word,
)
from vedette.shell.words import Words

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)
_FUNCTION = re.compile(r"[^\s$`'\"\\|&;()<>{}!~*?\[\]=#]+\Z")


class Compounds(Simples):
    """What holds other commands; those are read by `sequence` and `command`, elsewhere."""

    __slots__ = ()

    def sequence(self, stops: frozenset[str]) -> Sequence:
        """Commands up to one of the reserved words *stops*, or an end."""
        raise NotImplementedError

    def command(self) -> Command:
        """One command."""
        raise NotImplementedError

    def compound(self, word: str) -> Command | None:
        if self.text.startswith("((", self.at):
            return self.let()
        if self.text.startswith("(", self.at):
            self.at += 1
            body = self.sequence(frozenset())
            if not self.takes(")"):
                raise Unreadable("a parenthesis that is not closed")
            return Subshell(body)
        readers = {
            "{": self.group,
            "if": self.choice,
            "while": self.loop,
            "until": self.loop,
            "for": self.each,
            "select": self.each,
            "case": self.case,
            "[[": self.test,
            "function": self.function,
        }
        if word not in readers:
            return None
        self.at += len(word)
        return readers[word]()

    def group(self) -> Command:
        body = self.sequence(frozenset({"}"}))
        self.expect("}")
        return body

    def choice(self) -> Command:
        branches: list[tuple[Sequence | None, Sequence]] = []
        while True:
            condition = self.sequence(frozenset({"then"}))
            self.expect("then")
            branches.append((condition, self.sequence(frozenset({"elif", "else", "fi"}))))
            word = self.peek()
            if word == "elif":
                self.at += 4
                continue
            if word == "else":
                self.at += 4
                branches.append((None, self.sequence(frozenset({"fi"}))))
            self.expect("fi")
            return Choice(tuple(branches))

    def loop(self) -> Command:
        condition = self.sequence(frozenset({"do"}))
        return Loop(condition, self.do())

    def do(self) -> Sequence:
        self.expect("do")
        body = self.sequence(frozenset({"done"}))
        self.expect("done")
        return body

    def each(self) -> Command:
        self.blanks()
        if self.text.startswith("((", self.at):
            head = self.let()
            self.takes(";")
            return Count(head.expression, self.do())
        name = plain(self.word())
        if name is None or not _NAME.match(name):
            raise Unreadable("a loop without a name")
        self.lines()
        words: list[Word] | None = None
        if self.peek() == "in":
            self.at += 2
            words = []
            while word := self._next_word():
                words.append(word)
        self.takes(";")
        return Each(name, None if words is None else tuple(words), self.do())

    def _next_word(self) -> Word | None:
        self.blanks()
        if self.at >= len(self.text) or self.text[self.at] in "\n;":
            return None
        before = self.at
        word = self.word()
        if self.at == before:
            raise Unreadable(f"an unexpected {self.text[self.at]!r}")
        return word

    def case(self) -> Command:
        subject = self.word()
        self.expect("in")
        items: list[tuple[tuple[Word, ...], Sequence]] = []
        while True:
            self.lines()
            if self.peek() == "esac":
                self.at += 4
                return Case(subject, tuple(items))
            self.takes("(")
            patterns = [self.word()]
            while self.takes("|"):
                patterns.append(self.word())
            if not self.takes(")") or not all(patterns):
                raise Unreadable("a case of a form that is not known here")
            body = self.sequence(frozenset({"esac"}))
            items.append((tuple(patterns), body))
            if not (self.takes(";;&") or self.takes(";;") or self.takes(";&")):
                self.expect("esac")
                return Case(subject, tuple(items))

    def let(self) -> Let:
        words = Words(self.text, self.nested, self.depth)
        end = words.arithmetic_end(self.at + 2)
        if end is None:
            raise Unreadable("two opening parentheses that are no arithmetic")
        inner = Words(self.text[self.at + 2 : end], self.nested, self.depth + 1).arithmetic()
        self.at = end + 2
        return Let(inner)

    def function(self) -> Command:
        name = plain(self.word())
        self.blanks()
        if self.takes("(") and not self.takes(")"):
            raise Unreadable("a function of a form that is not known here")
        return self.defined(name)

    def defined(self, name: str | None) -> Command:
        if not name or not _FUNCTION.match(name):
            raise Unreadable("a function whose name is not plain")
        self.lines()
        body = self.command()
        if isinstance(body, Simple | Function):
            raise Unreadable("a function without a body")
        return Function(name, body)

    def test(self) -> Command:
        """``[[``: words and operators, kept flat; they matter for what expands in them."""
        words: list[Word] = []
        arithmetic = False
        while True:
            self.lines()
            if self.text.startswith(("&&", "||"), self.at):
                self.at += 2
            elif self.text[self.at : self.at + 1] in ("(", ")", "<", ">") and not self.text.startswith(
                ("<(", ">("), self.at
            ):
                self.at += 1
            else:
                before = self.at
                word = self.word()
                if self.at == before:
                    raise Unreadable("a test that is not closed")
                text = plain(word)
                if text == "]]":
                    return Test(tuple(words), arithmetic)
                if text == "=~":
                    raise Unreadable("a test by a regular expression")
                arithmetic = arithmetic or text in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v")
                words.append(word)
