"""What stands on a line, from the keys that were typed since it began. Pure."""

from __future__ import annotations

from vedette.terminal.keys import Key

MAX_CHARACTERS = 32 << 10


class Editing:
    """
    *known* as long as only keys were pressed whose meaning is the same in every line editor; a recalled
    command, a completion or a search make it unknown until the line is over.
    """

    def __init__(self) -> None:
        self.known = True
        self._chars: list[str] = []
        self._at = 0

    @property
    def text(self) -> str:
        return "".join(self._chars)

    @property
    def empty(self) -> bool:
        return self.known and not self._chars

    def over(self) -> None:
        """The line was entered, or given up."""
        self.known = True
        self._chars.clear()
        self._at = 0

    def lose(self) -> None:
        """Keys do not tell any more what stands there."""
        self.over()
        self.known = False

    def press(self, key: Key) -> None:
        chars, at = self._chars, self._at
        match key.kind:
            case "text":
                chars[at:at] = key.text
                self._at += len(key.text)
                self.known = self.known and len(chars) <= MAX_CHARACTERS
                if not self.known:
                    chars.clear()
            case "rub":
                if at:
                    del chars[at - 1]
                    self._at -= 1
            case "word":
                start = at
                while start and chars[start - 1] == " ":
                    start -= 1
                while start and chars[start - 1] != " ":
                    start -= 1
                del chars[start:at]
                self._at = start
            case "kill":
                if at < len(chars):
                    self.known = False  # up to the cursor for some, the whole line for others
                del chars[:at]
                self._at = 0
            case "cut":
                del chars[at:]
            case "start":
                self._at = 0
            case "finish":
                self._at = len(chars)
            case "left":
                self._at = max(0, at - 1)
            case "right":
                self._at = min(len(chars), at + 1)
            case "interrupt":
                self.over()
            case "paste" | "pasted" | "end":
                pass
            case _:
                self.known = False
        self._at = min(self._at, len(chars))
