"""Reading commands: text to tree, by the grammar of POSIX with what Bash adds; the rest it refuses.

Source: POSIX.1-2024, Shell Command Language, 2.10 "Shell Grammar"; the Bash manual, "Shell Commands".
"""

from __future__ import annotations

import re

from vedette.shell.tree import (
    Assignment,
    Case,
    Chain,
    Choice,
    Command,
    Count,
    Each,
    Function,
    Let,
    Lit,
    Loop,
    Pipeline,
    Redirect,
    Redirected,
    Sequence,
    Simple,
    Subshell,
    Test,
    Unreadable,
    Word,
)
from vedette.shell.words import BREAKS, MAX_DEPTH, Words

# One argument of a program cannot be longer (MAX_ARG_STRLEN, execve(2)), and sshd hands the command to the
# login shell as one argument (sshd(8)).
MAX_BYTES = 128 << 10

RESERVED = frozenset(
    {"if", "then", "elif", "else", "fi", "do", "done", "case", "esac", "while", "until", "for", "{", "}", "!"}
    | {"[[", "select", "function", "time", "coproc", "in"}
)
_CLOSING = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})
_DECLARING = frozenset({"declare", "typeset", "export", "readonly", "local"})
_BLANKS = re.compile(r"(?:[ \t]|\\\n)*")
_REDIRECT = re.compile(
    r"([0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\})?(&>>|&>|<<<|<<-|<<|<>|<&|<|>>|>\||>&|>)", re.ASCII
)
_ASSIGNED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^]\[\s$`'\"\\]*\])?(\+?)=", re.ASCII)
_INDEXED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)
_FUNCTION = re.compile(r"[^\s$`'\"\\|&;()<>{}!~*?\[\]=#]+\Z")
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
    reader = _Commands(text, 0)
    found = reader.sequence(frozenset())
    if reader.at < len(text):
        raise Unreadable(f"an unexpected {text[reader.at : reader.at + 10]!r}")
    return found


def _nested(text: str, at: int, depth: int) -> tuple[Sequence, int]:
    reader = _Commands(text, depth)
    reader.at = at
    found = reader.sequence(frozenset())
    if not text.startswith(")", reader.at):
        raise Unreadable("a parenthesis that is not closed")
    if reader.pending:
        raise Unreadable("a here-document that does not end")
    return found, reader.at + 1


def _plain(word: Word) -> str | None:
    """The text of a word in which nothing is quoted and nothing expands."""
    if any(not isinstance(part, Lit) or part.quoted for part in word):
        return None
    return "".join(part.text for part in word if isinstance(part, Lit))


class _Commands:
    """Reads from *at* on. Here-documents wait in *pending* for the end of their line."""

    __slots__ = ("at", "depth", "pending", "text")

    def __init__(self, text: str, depth: int) -> None:
        self.text, self.at, self.depth = text, 0, depth
        self.pending: list[tuple[list[Redirect], int, str, bool, bool]] = []

    # -- What stands at this place ------------------------------------------------------------------------

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
        found, end = Words(self.text, _nested, self.depth).word(self.at)
        if end > self.at and self.pending and "\n" in self.text[self.at : end]:
            raise Unreadable("a here-document that begins inside a word")
        self.at = end
        return found

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable("nested too deeply to be read")

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
        name = _plain(self.word())
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
        words = Words(self.text, _nested, self.depth)
        end = words.arithmetic_end(self.at + 2)
        if end is None:
            raise Unreadable("two opening parentheses that are no arithmetic")
        inner = Words(self.text[self.at + 2 : end], _nested, self.depth + 1).arithmetic()
        self.at = end + 2
        return Let(inner)

    def function(self) -> Command:
        name = _plain(self.word())
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
                text = _plain(word)
                if text == "]]":
                    return Test(tuple(words), arithmetic)
                if text == "=~":
                    raise Unreadable("a test by a regular expression")
                arithmetic = arithmetic or text in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v")
                words.append(word)

    # -- Simple commands ------------------------------------------------------------------------------------

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
        return self.defined(_plain(words[0]))

    @staticmethod
    def _declares(word: Word | Assignment) -> bool:
        return not isinstance(word, Assignment) and _plain(word) in _DECLARING

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
        found, end = Words(self.text, _nested, self.depth).word(self.at)
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
            body: Word = (Lit(whole, True),) if quoted else Words(whole, _nested, self.depth + 1).document()
            redirects[place] = Redirect("<<", redirects[place].fd, body)
        self.pending.clear()
