"""Lines typed at an interactive shell: each is read with what those before it have left behind. Pure."""

from __future__ import annotations

import hashlib
import re

from vedette.model import Effect
from vedette.shell.facts import Facts, unknown
from vedette.shell.parse import parse
from vedette.shell.scope import Scope
from vedette.shell.tree import Unreadable
from vedette.shell.walk import Walker

#: More names than this are not kept of what a session has set.
MAX_NAMES = 500
# The Bash manual, "Event Designators": `!` begins one unless white space, the end or `=` follows; `^` one at
# the beginning of the line. Quotes hide some of them, in ways that differ between shells.
_HISTORY = re.compile(r"!(?![\s=]|\Z)|\A\s*\^")
# What stands behind it is a comment, or not: for zsh it is none.
_COMMENT = re.compile(r"(?:\A|[\s;|&()<>])#")
_CONTINUED = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")


class Lines:
    """One interactive shell, from its login on: variables, functions, folders."""

    def __init__(self) -> None:
        self._scope = Scope()
        self._read: tuple[str, Scope | None] = ("", None)

    def read(self, line: str) -> Facts:
        """
        What entering *line* now would do, and to what. Never raises: what cannot be read is UNKNOWN.

        Interactive shells run more than scripts: their history, and whatever they show a prompt by.
        """
        self._read = (line, None)
        for pattern, reason in (
            (_HISTORY, "a command taken from the history (!)"),
            (_COMMENT, "a comment, which not every shell knows where it is typed at"),
            (_CONTINUED, "a line that goes on in the next one"),
        ):
            if pattern.search(line):
                return unknown(reason)
        walker, scope = Walker(), self._scope.copy()
        try:
            walker.walk(parse(line), scope)
            if scope.strange and not self._scope.strange:
                # The next prompt goes by it, or the next line: PROMPT_COMMAND, PS1, PATH.
                walker.notes.unknown(scope.strange)
            walker.finish()
            facts = walker.notes.facts()
        except Unreadable as error:
            return unknown(str(error))
        except RecursionError:
            return unknown("nested too deeply to be read")
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            return unknown(f"a command of a form that is not known here ({type(error).__name__})")
        if Effect.UNKNOWN not in facts.effects and len(scope.values) + len(scope.functions) <= MAX_NAMES:
            self._read = (line, scope)
        return facts

    @property
    def state(self) -> str:
        """What the lines before have left that changes the meaning of the next one: the folder, and a digest
        of names; empty right after the login."""
        scope = self._scope
        folder = "*" if scope.folders is None else " ".join(scope.folders)
        if not scope.values and not scope.functions and not scope.arrays:
            return "" if folder == "~" else folder
        left = repr((sorted(scope.values.items()), sorted(scope.arrays.items()), sorted(scope.functions)))
        bodies = repr([scope.functions[name] for name in sorted(scope.functions)])
        return f"{folder} {hashlib.sha256((left + bodies).encode('utf-8', 'replace')).hexdigest()[:16]}"

    def ran(self, line: str) -> None:
        """*line* was entered: what it leaves holds from here on. Of one that was not read, anything may."""
        read, scope = self._read
        if read == line and scope is not None:
            self._scope = scope
        else:
            self.lost()

    def lost(self) -> None:
        """Something was entered that nobody could read: which folder it is in is not known any more."""
        self._scope = Scope(folders=None, strange=self._scope.strange)
