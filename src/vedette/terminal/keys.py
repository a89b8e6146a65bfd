"""
Bytes typed at a terminal as keys, so that those that could enter a line are told apart. Pure.

Sources: XTerm Control Sequences; the GNU Readline manual, "Bindable Readline Commands"; termios(3); the kitty
keyboard protocol (CSI ... u).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

#: What a key is to a line that is being typed. *enter* could have it run; *end* does where it is not empty.
#: *edit* opens an editor, and what that leaves is run. *part* is a sequence that has not ended.
Kind = Literal[
    "text", "rub", "word", "kill", "start", "finish", "left", "right", "cut", "enter", "edit", "end",
    "interrupt", "other", "part", "paste", "pasted",
]  # fmt: skip
#: A sequence that has not ended by then is none.
MAX_SEQUENCE = 64

_ESC = 0x1B
_PLAIN = re.compile(rb"[\x20-\x7e]+")
_CONTROLS: dict[int, Kind] = {
    0x0D: "enter", 0x0A: "enter", 0x0F: "enter",  # accept-line, accept-line, operate-and-get-next
    0x03: "interrupt", 0x04: "end", 0x7F: "rub", 0x08: "rub", 0x15: "kill", 0x17: "word",
    0x01: "start", 0x05: "finish", 0x02: "left", 0x06: "right", 0x0B: "cut",
}  # fmt: skip
_ANYWHERE = frozenset({0x0D, 0x0A, 0x0F, 0x03, 0x04})
_SEQUENCES: dict[bytes, Kind] = {
    b"\x1b[D": "left", b"\x1bOD": "left", b"\x1b[C": "right", b"\x1bOC": "right",
    b"\x1b[H": "start", b"\x1bOH": "start", b"\x1b[1~": "start",
    b"\x1b[F": "finish", b"\x1bOF": "finish", b"\x1b[4~": "finish",
    b"\x1b[200~": "paste", b"\x1b[201~": "pasted",
    b"\x1bOM": "enter",  # Enter of the keypad
}  # fmt: skip
# Keys told by their number (kitty's protocol, xterm's modifyOtherKeys): Enter among them, in many forms.
_NUMBERED = re.compile(rb"\x1b\[(?:[0-9:;]*u|27;[0-9;]*~)")


@dataclass(frozen=True, slots=True)
class Key:
    """*raw* are its bytes, as far as they have not been given as *part* before; *text* what it types."""

    kind: Kind
    raw: bytes
    text: str = ""


class Keys:
    """Takes what is typed apart. The raw bytes of all keys, one after another, are what was typed."""

    def __init__(self) -> None:
        self._begun = b""
        self._given = 0
        self._prefixed = False

    def feed(self, data: bytes) -> list[Key]:
        found: list[Key] = []
        at = 0
        while at < len(data):
            if not self._begun:
                run = _PLAIN.match(data, at)
                if run is not None:
                    at = run.end()
                    found.append(self._plain(run.group()))
                    continue
            if self._broken(data[at]):
                found.append(Key("other", self._begun[self._given :]))
                self._begun, self._given = b"", 0
                continue
            self._begun += data[at : at + 1]
            at += 1
            key = self._whole()
            if key is not None:
                raw = self._begun[self._given :]
                self._begun, self._given = b"", 0
                found.append(Key(key.kind, raw, key.text))
        if self._begun and not self._may_mark():
            rest = self._begun[self._given :]
            if rest:
                found.append(Key("part", rest))
                self._given = len(self._begun)
        return found

    def _may_mark(self) -> bool:
        """A marker around a paste may have begun: it is kept until that is known, to be left out."""
        begun = self._begun
        return self._given == 0 and len(begun) > 2 and b"\x1b[20".startswith(begun[:4])

    def _broken(self, byte: int) -> bool:
        """A character of several bytes has begun, and *byte* is none of them."""
        return bool(self._begun) and self._begun[0] >= 0xC2 and not 0x80 <= byte <= 0xBF

    def _plain(self, raw: bytes) -> Key:
        prefixed, self._prefixed = self._prefixed, False
        return Key("other" if prefixed else "text", raw, raw.decode("ascii"))

    def _whole(self) -> Key | None:
        """The key that has begun, once it has ended."""
        begun = self._begun
        first, last = begun[0], begun[-1]
        if first == _ESC:
            return self._escaped(begun, last)
        if first < 0x20 or first == 0x7F:
            return self._control(first)
        return self._letter(begun, first)

    def _control(self, first: int) -> Key:
        prefixed, self._prefixed = self._prefixed, first == 0x18
        if prefixed and first == 0x05:
            return Key("edit", b"")  # edit-and-execute-command
        kind = _CONTROLS.get(first, "other")
        return Key("other" if prefixed and first not in _ANYWHERE else kind, b"")

    def _escaped(self, begun: bytes, last: int) -> Key | None:
        self._prefixed = False
        if len(begun) == 1:
            return None
        if last in _ANYWHERE:
            # Wherever it stands in a sequence, the line editor or the terminal may take it for what it is.
            return Key(_CONTROLS[last], b"")
        if begun[1] in b"[O":
            if len(begun) == 2 or (begun[1] == 0x5B and 0x20 <= last <= 0x3F and len(begun) < MAX_SEQUENCE):
                return None
            if _NUMBERED.fullmatch(begun):
                return Key("enter", b"")
            return Key(_SEQUENCES.get(begun, "other"), b"")
        if last == _ESC and len(begun) < MAX_SEQUENCE:
            return None
        return Key("other", b"")

    def _letter(self, begun: bytes, first: int) -> Key | None:
        """A character of several bytes, or none at all."""
        prefixed, self._prefixed = self._prefixed, False
        size = (
            2 if 0xC2 <= first <= 0xDF else 3 if 0xE0 <= first <= 0xEF else 4 if 0xF0 <= first <= 0xF4 else 1
        )
        if len(begun) < size:
            self._prefixed = prefixed
            return None
        try:
            text = begun.decode()
        except UnicodeDecodeError:
            return Key("other", b"")
        return Key("other" if prefixed or not text.isprintable() else "text", b"", text)
