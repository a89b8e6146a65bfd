"""A terminal's output with only what draws left in it: nothing recorded acts on who looks. Pure."""

from __future__ import annotations

import re

#: Longer sequences are dropped whole.
MAX_SEQUENCE = 256
# Moving, erasing, scrolling, colours: nothing that asks the terminal for an answer, or sets it.
_DRAWS = re.compile(r"\x1b\[[0-9;:]*[@A-HJ-MPSTXZ`abd-gmrsu]\Z|\x1b\[!p\Z")
_MODES = re.compile(r"\x1b\[\?(?:1|6|7|12|25|47|1047|1048|1049)(?:;(?:1|6|7|12|25|47|1047|1048|1049))*[hl]\Z")
_SHORT = frozenset(
    {"\x1b7", "\x1b8", "\x1bD", "\x1bE", "\x1bM", "\x1bH", "\x1b(B", "\x1b(0", "\x1b)B", "\x1b)0"}
)
_KEPT = frozenset("\r\n\b\t\x0e\x0f")
#: Puts a terminal back as it was, whatever the recording has left on.
RESET = "\x1b[?1049l\x1b[!p\x1b[?25h\x1b[0m\x1b(B"


class Inert:
    """Takes text in pieces, however they are cut."""

    def __init__(self) -> None:
        self._begun = ""

    def feed(self, text: str) -> str:
        out: list[str] = []
        for char in text:
            if self._begun:
                self._more(char, out)
            elif char == "\x1b":
                self._begun = char
            elif char in _KEPT or (
                char >= " " and not "\x7f" <= char <= "\x9f" and not "\ud800" <= char <= "\udfff"
            ):
                out.append(char)
            elif "\ud800" <= char <= "\udfff":
                out.append("\ufffd")
        return "".join(out)

    def _more(self, char: str, out: list[str]) -> None:
        begun, kind = self._begun, self._begun[1:2]
        if kind and kind in "]PX^_":
            # A string for the terminal: dropped, up to its end.
            ended = char in "\x07\x18\x1a" or (begun[-1] == "\x1b" and char == "\\")
            self._begun = "" if ended else begun[:2] + ("\x1b" if char == "\x1b" else "x")
            return
        if char == "\x1b":
            self._begun = char
            return
        if char < " " or char >= "\x7f":
            self._begun = ""
            return
        self._begun = begun + char
        if kind == "[":
            if "@" <= char <= "~":
                whole, self._begun = self._begun, ""
                if len(whole) <= MAX_SEQUENCE and (_DRAWS.match(whole) or _MODES.match(whole)):
                    out.append(whole)
            elif len(self._begun) > MAX_SEQUENCE:
                self._begun = self._begun[:MAX_SEQUENCE]
        elif not (" " <= char <= "/") and self._begun[1:] not in ("[", "]", "P", "X", "^", "_"):
            whole, self._begun = self._begun, ""
            if whole in _SHORT:
                out.append(whole)
        elif len(self._begun) > MAX_SEQUENCE:
            self._begun = ""
