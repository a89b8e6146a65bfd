"""Telling a shell's prompt from everything else that stands before the cursor. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_PROMPT = 300
# The characters that shells and the usual themes for them end a prompt with.
_ENDS = "$#%>\u276f\u279c\u00bb\u03bb\u203a"
_MARK = re.compile(f"[{_ENDS}] ?\\Z")
#: Prompts of programs that are no shells, though they end like one.
_OTHERS = re.compile(
    r"(?:>|>>>|\.\.\.|In \[\d+\]:|[\w.-]+[=('\"*!^-][#>]"
    r"|(?i:mysql|mariadb|sqlite|sftp|ftp|redis|mongo|gdb|irb|node|scala|psql|ghci).*>) ?\Z"
)
_FOLDER = re.compile(r"~(?:/[^\s$#%>\])]*)?|/[^\s$#%>\])]*")
_INSIDE = f"[^{_ENDS}\\x00]{{0,200}}?"
_VENV = r"(?:\([\w.+-]{1,64}\) )?"


@dataclass(frozen=True, slots=True)
class Prompt:
    """
    The prompt that a shell showed first. It may change in the folder that it names, and by the name of a
    virtual environment in front, and in nothing else.
    """

    shape: re.Pattern[str]

    def end(self, line: str) -> int | None:
        """How many characters of *line* are the prompt; None where it does not begin with it."""
        found = self.shape.match(line)
        return found.end() if found else None


def learn(text: str) -> Prompt | None:
    """From *text*, the line as far as the cursor, before anything was typed; None: no shell's prompt."""
    if not text.strip() or len(text) > MAX_PROMPT or not _MARK.search(text) or _OTHERS.fullmatch(text):
        return None
    folders = list(_FOLDER.finditer(text))
    if not folders:
        return Prompt(re.compile(_VENV + re.escape(text)))
    last = folders[-1]
    before, after = re.escape(text[: last.start()]), re.escape(text[last.end() :])
    return Prompt(re.compile(_VENV + before + _INSIDE + after))
