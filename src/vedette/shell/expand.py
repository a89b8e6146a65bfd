"""From a word of the text to what programs get: folding of all that is constant.

Source: the Bash manual, "Shell Expansions", in that order: braces, tilde, parameters, commands,
arithmetic, splitting, patterns, quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from vedette.shell.braces import braces
from vedette.shell.scope import ANY, GLOB, HOLES, HOME, PLAIN, Arg, Scope, loose
from vedette.shell.tree import (
    Arithmetic,
    Lit,
    Param,
    Process,
    Sequence,
    Substitution,
    Unreadable,
    Word,
)

MAX_TEXT = 1 << 18
MAX_WORDS = 2_000
# Unquoted brackets, until it is known whether they pair up to a pattern.
_OPEN, _CLOSE = "\U0010fff8", "\U0010fff9"
_PAIR = re.compile(f"{_OPEN}.*{_CLOSE}", re.DOTALL)
_PATTERN = str.maketrans({"*": GLOB, "?": GLOB, "[": _OPEN, "]": _CLOSE})
_TILDE = re.compile(r"~([A-Za-z0-9_.+-]*)(?=/|\Z)", re.ASCII)
_NUMERIC = frozenset({"?", "#", "$", "RANDOM", "SECONDS", "UID", "EUID", "PPID", "LINENO", "BASHPID"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SUM = re.compile(r"[A-Za-z0-9_\s+\-*/%<>=!&|^~?:,();.#@]*\Z", re.ASCII)
_SIDE_BY_SIDE = re.compile(r"[A-Za-z0-9_]\s+[A-Za-z0-9_]", re.ASCII)
_CHANGES = re.compile(r"\+\+|--|(?<![=!<>])=(?!=)|<<=|>>=")
_NAMED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]+\Z", re.ASCII)


@dataclass(slots=True)
class _Field:
    text: str = ""
    quoted: bool = False
    several: bool = False
    pattern: bool = False

    def add(self, text: str) -> None:
        """Unquoted characters, among which are patterns."""
        found = text.translate(_PATTERN)
        self.pattern = self.pattern or found != text
        self.text += found


class Expander:
    """*run* walks the commands of a substitution and says what they write, as far as that is known."""

    __slots__ = ("run", "scope")

    def __init__(self, scope: Scope, run: Callable[[Sequence], str]) -> None:
        self.scope, self.run = scope, run

    def words(self, word: Word) -> list[Arg]:
        """The words that *word* becomes."""
        return [arg for each in braces(word) for arg in self._fields(each)]

    def one(self, word: Word, *, assigned: bool = False) -> str:
        """The text of *word* where no splitting and no patterns apply: assignments, cases, documents."""
        found = list[str]()
        for place, part in enumerate(word):
            if isinstance(part, Lit):
                found.append(self._tilde(part, word, place, assigned=assigned))
            else:
                found.append(self._value(part))
        return _bounded("".join(found))

    def _fields(self, word: Word) -> list[Arg]:
        fields = [_Field()]
        for place, part in enumerate(word):
            if isinstance(part, Lit):
                if part.quoted:
                    fields[-1].text += part.text
                    fields[-1].quoted = True
                else:
                    fields[-1].add(self._tilde(part, word, place))
            elif isinstance(part, Param) and part.name in ("@", "*") and not part.op:
                self._all(self.scope.positional, fields, part)
            elif isinstance(part, Param) and part.name.endswith(("[@]", "[*]")) and not part.op:
                name = part.name[:-3]
                known = (Arg(self.scope.get(name), self.scope.get(name) == ANY),)
                self._all(self.scope.arrays.get(name, known), fields, part)
            elif isinstance(part, Process):
                self.run(part.body)
                fields[-1].text += "/dev/fd/" + PLAIN
                fields[-1].quoted = True
            elif part.quoted:
                fields[-1].text += self._value(part)
                fields[-1].quoted = True
            else:
                _split(self._value(part), fields)
            _bounded(fields[-1].text)
        return [_arg(field) for field in fields if field.text or field.quoted or field.several]

    def _all(self, args: tuple[Arg, ...], fields: list[_Field], part: Param) -> None:
        """``$@`` and ``$*``, and those of arrays."""
        if part.quoted and part.name[-1:] != "@" and part.name[-2:] != "@]":
            several = any(arg.open for arg in args)
            fields[-1].text += ANY if several else " ".join(arg.text for arg in args)
            fields[-1].quoted = True
            return
        if len(fields) + len(args) > MAX_WORDS:
            raise Unreadable("a command of too many words")
        for place, arg in enumerate(args):
            if place:
                fields.append(_Field())
            if part.quoted and not arg.several:
                fields[-1].text += arg.text
                fields[-1].quoted = True
                fields[-1].pattern |= arg.pattern
            elif arg.several:
                fields[-1].text += arg.text
                fields[-1].several = True
            else:
                _split(arg.text, fields)

    def _tilde(self, part: Lit, word: Word, place: int, *, assigned: bool = False) -> str:
        text = part.text
        if part.quoted or "~" not in text:
            return text
        if assigned and ":~" in text:
            text = re.sub(r"(?<=:)~(?=/|:|\Z)", HOME, text)
        if not place and not assigned and (named := _NAMED.match(text)):
            # What looks like an assignment is treated like one, wherever it stands.
            rest = Lit(text[named.end() :], False)
            return named[0] + self._tilde(rest, (rest, *word[1:]), 0, assigned=True)
        if place or not text.startswith("~"):
            return text
        found = _TILDE.match(text)
        if not found or (found.end() == len(text) and place + 1 < len(word)):
            return ANY + text if not found and "/" in text else text if not found else ANY
        who = found[1]
        if who in ("+", "-") or (who and who.lstrip("+-").isdigit()):
            home = self.scope.here() if who == "+" else ANY
        else:
            home = HOME + who if who else self.scope.get("HOME")
        return home + text[found.end() :]

    def _value(self, part: Param | Substitution | Process | Arithmetic) -> str:
        match part:
            case Param():
                return self._param(part)
            case Substitution(body):
                return self.run(body)
            case Arithmetic(inner):
                self.arithmetic(inner)
                return PLAIN
            case Process(body):
                self.run(body)
                return "/dev/fd/" + PLAIN

    def _param(self, part: Param) -> str:
        value = self._plain_value(part.name)
        if not part.op:
            return value
        if part.op == "length":
            return PLAIN
        if part.op == ":":
            self.arithmetic(part.arg)
            return PLAIN if value == PLAIN else ANY
        other = self.one(part.arg)
        if part.op in ("-", ":-", "=", ":="):
            if part.op.endswith("=") and value in ("", ANY):
                self.scope.put(part.name, other if value == "" else ANY)
            return value if value not in ("", ANY) else ANY if value else other if ":" in part.op else value
        if part.op in ("+", ":+"):
            return other if value and not loose(value) else ANY
        if part.op in ("?", ":?"):
            return value
        return PLAIN if value == PLAIN else ANY

    def _plain_value(self, name: str) -> str:
        scope = self.scope
        if name in scope.values:
            return scope.values[name]
        if name in _NUMERIC:
            return PLAIN
        if name.isdigit() and name != "0":
            if any(arg.open for arg in scope.positional):
                return ANY
            place = int(name) - 1 if len(name) < 6 else MAX_TEXT
            return scope.positional[place].text if place < len(scope.positional) else ""
        if name in ("@", "*"):
            several = any(arg.open for arg in scope.positional)
            return ANY if several else " ".join(arg.text for arg in scope.positional)
        if name == "PWD":
            return scope.here()
        return scope.get(name)

    def arithmetic(self, inner: Word) -> None:
        """Makes sure that working out *inner* runs nothing: a value such as ``a[$(rm x)]`` would be run.

        Raises Unreadable where that is not sure.
        """
        names = set[str]()
        texts = list[str]()
        for part in inner:
            text = part.text if isinstance(part, Lit) else self._value(part)
            if not isinstance(part, Lit) and text != PLAIN and not _WHOLE.match(text):
                raise Unreadable("arithmetic over a value that is not known to be a number")
            texts.append(text if isinstance(part, Lit) else "1")
        whole = "".join(texts)
        if not _SUM.match(whole) or _SIDE_BY_SIDE.search(whole):
            raise Unreadable("arithmetic of a form that is not known here")
        names.update(name for name in _NAME.findall(whole) if not name[0].isdigit())
        changes = bool(_CHANGES.search(whole))
        for name in names:
            value = self.scope.get(name)
            assigned = re.search(rf"(?:^|[,;(])\s*{name}\s*=(?!=)", whole)
            if value not in ("", PLAIN) and not _WHOLE.match(value) and not assigned:
                raise Unreadable("arithmetic over a value that is not known to be a number")
        if changes:
            for name in names:
                self.scope.put(name, PLAIN)


def _split(value: str, fields: list[_Field]) -> None:
    """An unquoted expansion: blanks part words, and patterns apply."""
    if loose(value):
        fields[-1].add(value)
        fields[-1].several = True
        return
    pieces = re.split(r"[ \t\n]+", value)
    for place, piece in enumerate(pieces):
        if place:
            fields.append(_Field())
        fields[-1].add(piece)


def _arg(field: _Field) -> Arg:
    if field.several:
        return Arg(ANY, True)  # whatever else is known of it, blanks in a value part it anywhere
    text = field.text
    if _OPEN in text or _CLOSE in text:
        text = _PAIR.sub(GLOB, text).replace(_OPEN, "[").replace(_CLOSE, "]")
    return Arg(text, False, field.pattern and GLOB in text)


def _bounded(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise Unreadable("a value that grows too long")
    return text


def known(text: str) -> bool:
    """Whether all of *text* is known."""
    return HOLES.isdisjoint(text) and HOME not in text
