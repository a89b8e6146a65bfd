"""
What was typed, as far as the terminal has shown it: the rest may be a password. Pure.

The gateway cannot see whether a host's terminal echoes. So letters are told only once the next thing that is
shown is those letters; whatever else comes first, and every key that ends a line, drops what was not shown.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from vedette.terminal.keys import Keys

MAX_PENDING = 4096
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[()][0-9A-Za-z]|.)|[\x00-\x09\x0b-\x1f\x7f]"
)
_ASKS = re.compile(
    r"(?:pass(?:word|phrase|wd|code)|kennwort|passwort|contrase|mot de passe|\bpin\b|secret|token|\botp\b"
    r"|code|\bkey\b)[^\n]*[:?>] ?\Z",
    re.IGNORECASE,
)


class Echo:
    """*tell* is called with text that was typed and shown, and with keys that type nothing, in order."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._keys = Keys()
        self._pending = ""
        self._line = ""
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def typed(self, data: bytes) -> None:
        """What the caller types."""
        for key in self._keys.feed(data):
            if key.text:
                self._pending = (self._pending + key.text)[-MAX_PENDING:]
                if _ASKS.search(self._line):
                    self._pending = ""
                continue
            self._pending = ""
            if key.raw and key.kind != "part":
                self._tell(key.raw.decode("utf-8", "replace"))

    def shown(self, data: bytes) -> None:
        """What the host sends."""
        text = self._decode(data)
        line = _SEQUENCE.sub("", text)
        plain = line.replace("\n", "")
        if self._pending and plain:
            same = _common(self._pending, plain)
            if same and (len(same) == len(plain) or len(same) == len(self._pending)):
                self._tell(same)
                self._pending = self._pending[len(same) :]
            else:
                self._pending = ""
        self._line = (self._line + line).rpartition("\n")[2][-200:]


def _common(one: str, two: str) -> str:
    for place, (a, b) in enumerate(zip(one, two, strict=False)):
        if a != b:
            return one[:place]
    return one[: min(len(one), len(two))]
