"""Reading one word: quoting, and what expands inside it.

Source: the Bash manual, "Quoting" and "Shell Expansions".
"""

from __future__ import annotations

import re
from collections.abc import Callable

from vedette.shell.quoting import ansi
from vedette.shell.tree import (
    Arithmetic,
    Lit,
    Param,
    Part,
    Process,
    Sequence,
    Substitution,
    Unreadable,
    Word,
)

MAX_DEPTH = 60
BREAKS = frozenset(" \t\n|&;()<>")
_PLAIN = re.compile(r"[^ \t\n|&;()<>\\'\"$`]+")
_PLAIN_QUOTED = re.compile(r'[^\\"$`]+')
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SPECIAL = frozenset("@*#?-$!0123456789")
_OPERATOR = re.compile(r":?[-=?+]|##?|%%?|//?|\^\^?|,,?|:")
_QUOTE = re.compile(r"[\\'\"`]")
_DOCUMENT = re.compile(r"[^\\$`]+")
_INDEX = re.compile(r"\[(?:[0-9]+|[@*])\]")
_TO_BRACE = re.compile(r"[^\\'\"$`}]+")
_TO_BRACE_QUOTED = re.compile(r"[^\\\"$`}']+")

Nested = Callable[[str, int, int], tuple[Sequence, int]]


class Words:
    """Reads words out of *text*. *nested* reads commands up to ``)`` and says where that stands."""

    __slots__ = ("depth", "nested", "text")

    def __init__(self, text: str, nested: Nested, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise Unreadable("nested too deeply to be read")
        self.text, self.nested, self.depth = text, nested, depth

    def word(self, at: int) -> tuple[Word, int]:
        """The word that begins at *at*, which may be empty, and where it ends."""
        text, end, parts = self.text, len(self.text), list[Part]()
        while at < end:
            char = text[at]
            if char in "<>" and text.startswith("(", at + 1):
                body, at = self.nested(text, at + 2, self.depth + 1)
                parts.append(Process(body))
            elif char in BREAKS:
                break
            elif plain := _PLAIN.match(text, at):
                parts.append(Lit(plain[0], False))
                at = plain.end()
            elif char == "\\":
                if not text.startswith("\n", at + 1):
                    parts.append(Lit(text[at + 1 : at + 2] or "\\", True))
                at += 2
            elif char == "'":
                at = self._single(at, parts)
            elif char == '"':
                at = self._double(at, parts)
            elif text.startswith("$'", at):
                at = self._ansi(at, parts)
            elif text.startswith('$"', at):
                raise Unreadable('a translated string ($"...")')
            else:
                at = self.dollar(at, parts, quoted=False)
        return tuple(parts), min(at, end)

    def _single(self, at: int, parts: list[Part]) -> int:
        close = self.text.find("'", at + 1)
        if close < 0:
            raise Unreadable("a quote that is not closed")
        parts.append(Lit(self.text[at + 1 : close], True))
        return close + 1

    def _ansi(self, at: int, parts: list[Part]) -> int:
        close = at + 2
        while (close := self.text.find("'", close)) > 0:
            back = close
            while self.text[back - 1] == "\\":
                back -= 1
            if (close - back) % 2 == 0:
                parts.append(Lit(ansi(self.text[at + 2 : close]), True))
                return close + 1
            # Where the string ends hangs on the shell: one without $'...' ends it here.
            raise Unreadable("an escaped quote inside $'...'")
        raise Unreadable("a quote that is not closed")

    def _double(self, at: int, parts: list[Part]) -> int:
        at, before = at + 1, len(parts)
        while at < len(self.text):
            char = self.text[at]
            if char == '"':
                if len(parts) == before:
                    parts.append(Lit("", True))
                return at + 1
            at = self._quoted(at, parts, _PLAIN_QUOTED, '$`"\\')
        raise Unreadable("a quote that is not closed")

    def _quoted(self, at: int, parts: list[Part], plain: re.Pattern[str], escapes: str) -> int:
        """One step inside double quotes, or what is read like them."""
        text = self.text
        if found := plain.match(text, at):
            parts.append(Lit(found[0], True))
            return found.end()
        if text[at] == "\\":
            if text.startswith("\n", at + 1):
                return at + 2
            following = text[at + 1 : at + 2]
            kept = following if following and following in escapes else "\\" + following
            parts.append(Lit(kept, True))
            return at + 2
        return self.dollar(at, parts, quoted=True)

    def document(self) -> Word:
        """The whole text as a here-document's body, whose expansions are made."""
        parts = list[Part]()
        at = 0
        while at < len(self.text):
            at = self._quoted(at, parts, _DOCUMENT, "$`\\")
        return tuple(parts)

    def dollar(self, at: int, parts: list[Part], *, quoted: bool) -> int:
        """What ``$`` or a backquote at *at* begins."""
        text = self.text
        if text[at] == "`":
            return self._backquotes(at, parts, quoted=quoted)
        if text.startswith("$((", at):
            close = self.arithmetic_end(at + 3)
            if close is not None:
                inner = Words(text[at + 3 : close], self.nested, self.depth + 1).arithmetic()
                parts.append(Arithmetic(inner, quoted))
                return close + 2
        if text.startswith("$(", at):
            body, end = self.nested(text, at + 2, self.depth + 1)
            parts.append(Substitution(body, quoted))
            return end
        if text.startswith("${", at):
            return self._braces(at + 2, parts, quoted=quoted)
        if text.startswith("$[", at) or text.startswith("$\\\n", at):
            raise Unreadable("$[ ] or a line continued behind $")
        if name := _NAME.match(text, at + 1):
            if text.startswith("\\\n", name.end()):
                raise Unreadable("a line continued inside a name")
            if not quoted and text.startswith("{", name.end()):
                # Braces come first: $x{1,2} is $x1 and $x2.
                raise Unreadable("a brace behind the name of a parameter")
            parts.append(Param(name[0], quoted))
            return name.end()
        if text[at + 1 : at + 2] in _SPECIAL and at + 1 < len(text):
            if not quoted and text.startswith("{", at + 2):
                raise Unreadable("a brace behind the name of a parameter")
            parts.append(Param(text[at + 1], quoted))
            return at + 2
        parts.append(Lit("$", True))
        return at + 1

    def _backquotes(self, at: int, parts: list[Part], *, quoted: bool) -> int:
        text, inner = self.text, list[str]()
        at += 1
        while at < len(text) and text[at] != "`":
            if text[at] == "\\":
                following = text[at + 1 : at + 2]
                if quoted and following == '"':
                    raise Unreadable("an escaped quote inside quoted backquotes")
                inner.append(following if following and following in "\\`$" else "\\" + following)
                at += 2
            else:
                inner.append(text[at])
                at += 1
        if at >= len(text):
            raise Unreadable("a backquote that is not closed")
        # Closed by a parenthesis of our own, so that commands end at the same thing everywhere.
        whole = "".join(inner)
        body, end = self.nested(whole + "\n)", 0, self.depth + 1)
        if end != len(whole) + 2:
            raise Unreadable("a parenthesis inside backquotes that nothing opened")
        parts.append(Substitution(body, quoted))
        return at + 1

    def arithmetic_end(self, at: int) -> int | None:
        """Where the ``))`` of ``((`` stands, None where this is a group in a group."""
        depth, text = 0, self.text
        while at < len(text):
            char = text[at]
            if char == "\\":
                at += 1
            elif char in "'\"`":
                raise Unreadable("quotes inside arithmetic, or two opening parentheses")
            elif char == "(":
                depth += 1
            elif char == ")" and depth:
                depth -= 1
            elif char == ")":
                return at if text.startswith(")", at + 1) else None
            at += 1
        raise Unreadable("a parenthesis that is not closed")

    def arithmetic(self) -> Word:
        """The whole text as an arithmetic expression."""
        parts = list[Part]()
        at, text = 0, self.text
        while at < len(text):
            if text[at] in "\\'\"`":
                raise Unreadable("quotes inside arithmetic")
            if text[at] == "$":
                at = self.dollar(at, parts, quoted=True)
            else:
                stop = text.find("$", at)
                stop = len(text) if stop < 0 else stop
                if _QUOTE.search(text, at, stop):
                    raise Unreadable("quotes inside arithmetic")
                parts.append(Lit(text[at:stop], True))
                at = stop
        return tuple(parts)

    def _braces(self, at: int, parts: list[Part], *, quoted: bool) -> int:
        """``${...}`` from behind its brace."""
        text, length = self.text, False
        if text.startswith("!", at):
            raise Unreadable("a parameter named by another (${!...})")
        if text.startswith("#", at) and not text.startswith("#}", at):
            length, at = True, at + 1
        name = _NAME.match(text, at)
        found = name[0] if name else text[at : at + 1]
        if not found or (not name and found not in _SPECIAL):
            raise Unreadable("a parameter of a form that is not known here")
        at += len(found)
        while not name and found.isdigit() and text[at : at + 1].isdigit():
            found, at = found + text[at], at + 1
        if text.startswith("[", at):
            index = _INDEX.match(text, at)
            if not index:
                raise Unreadable("an array's element that is worked out at run time")
            found, at = found + index[0], index.end()
        if text.startswith("}", at):
            parts.append(Param(found, quoted, "length" if length else ""))
            return at + 1
        operator = _OPERATOR.match(text, at)
        if length or not operator:
            raise Unreadable("a parameter of a form that is not known here")
        arg, end = Words(text, self.nested, self.depth + 1).until_brace(operator.end(), quoted=quoted)
        parts.append(Param(found, quoted, operator[0], arg))
        return end

    def until_brace(self, at: int, *, quoted: bool) -> tuple[Word, int]:
        """The word inside ``${name:-...}``, and where behind its brace the text goes on."""
        text, parts = self.text, list[Part]()
        while at < len(text):
            char = text[at]
            if char == "}":
                return tuple(parts), at + 1
            if char in "<>" and text.startswith("(", at + 1):
                raise Unreadable("a process inside a parameter")
            if quoted:
                if char in "'\"":
                    raise Unreadable("quotes inside a quoted parameter")
                at = self._quoted(at, parts, _TO_BRACE_QUOTED, '$`"\\}')
            elif plain := _TO_BRACE.match(text, at):
                if "{" in plain[0]:
                    raise Unreadable("a brace inside a parameter")
                parts.append(Lit(plain[0], False))
                at = plain.end()
            elif char == "\\":
                parts.append(Lit(text[at + 1 : at + 2], True))
                at += 2
            elif char == "'":
                at = self._single(at, parts)
            elif char == '"':
                at = self._double(at, parts)
            elif text.startswith("$'", at):
                at = self._ansi(at, parts)
            else:
                at = self.dollar(at, parts, quoted=False)
        raise Unreadable("a parameter that is not closed")
