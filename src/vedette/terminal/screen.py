"""
What is on the screen of a terminal: an emulator of what xterm and its kin do with text. Pure and bounded.

It knows where characters stand and nothing of their colours. Sources: ECMA-48, DEC STD 070, and XTerm Control
Sequences (https://invisible-island.net/xterm/ctlseqs/ctlseqs.html). What it does not know it passes over.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass

from vedette.terminal.widths import width

#: A larger window is emulated at this size: what stands beyond is not seen, and `Screen.clipped` says so.
MAX_COLUMNS, MAX_ROWS = 400, 200
#: A sequence longer than this is passed over.
MAX_SEQUENCE = 4096
#: From so many characters on, output that merely scrolls is taken by its end.
MANY = 16 << 10
#: How often one read may clear or move the whole screen. Beyond that the rest of the read is passed over, and
#: no line is read until the screen is cleared: a few bytes must not keep the gateway busy.
MAX_HEAVY = 300
#: Combining characters that one cell holds.
MAX_MARKS = 8
MAX_NUMBER = 9999

_RUN = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
_WHOLE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# Colours change nothing that is kept here, outside of strings that they would end, and before repetitions.
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_STRINGS = re.compile(r"\x1b(?:[\]PX^_]|\[[0-9]*b)")
_BOXES = dict(zip("`abcdefghijklmnopqrstuvwxyz{|}~", "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·", strict=True))

Row = list[str]


@dataclass(frozen=True, slots=True)
class Written:
    """A line as it reads, however many rows it takes; so many of its characters stand before the *cursor*."""

    text: str
    cursor: int


@dataclass(slots=True)
class _Saved:
    x: int = 0
    y: int = 0
    origin: bool = False
    boxes: tuple[bool, bool] = (False, False)
    shifted: bool = False


class Screen:
    """
    *columns* by *rows* characters.

    A row is a list of cells, without what is blank at its end. A cell is a character with what combines
    with it; the second cell of a wide one is empty. *wrapped* says of each row whether it goes on with the
    one above.
    """

    x: int
    y: int
    cells: list[Row]
    wrapped: list[bool]
    _sequence: str

    def __init__(self, columns: int, rows: int) -> None:
        self.alternate = False
        #: The program on it says that pasted text should be marked (mode 2004), as shells' line editors do.
        self.pastes = False
        self.clipped = False
        self._heavy = 0
        self._lost = False
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._resize(columns, rows)
        self._start()

    # --- what is asked of it ----------------------------------------------------------------------

    @property
    def position(self) -> tuple[int, int]:
        """Column and row of the cursor, from 0."""
        return min(self.x, self.columns - 1), self.y

    def text(self) -> list[str]:
        """All rows, without blanks at their ends."""
        return ["".join(row).rstrip(" ") for row in self.cells]

    def line(self) -> Written | None:
        """The line that the cursor stands in; None where some of it is not on the screen."""
        if self._lost:
            return None
        top = bottom = self.y
        while self.wrapped[top]:
            if top == 0:
                return None
            top -= 1
        while bottom + 1 < self.rows and self.wrapped[bottom + 1]:
            bottom += 1
        parts: list[str] = []
        cursor = 0
        for y in range(top, bottom + 1):
            row = self.cells[y]
            if y == self.y:
                cursor = sum(len(part) for part in parts) + self._before(row)
            text = "".join(row)
            if y < bottom:
                below = self.cells[y + 1]
                wide = bool(below) and len(row) == self.columns - 1 and len(below) > 1 and below[1] == ""
                text += " " * (self.columns - len(row) - wide)
            parts.append(text)
        return Written("".join(parts), cursor)

    def _before(self, row: Row) -> int:
        """How many characters of *row* stand before the cursor."""
        return sum(len(cell) for cell in row[: self.x]) + max(0, self.x - len(row))

    def feed(self, data: bytes) -> None:
        """What the host sends."""
        text = self._decode(data)
        if not self._sequence:
            if "\x1b" in text and not _STRINGS.search(text):
                text = _COLOURS.sub("", text)
            if len(text) > MANY and self._scrolls and "\x1b" not in text:
                text = self._end(text)
        self._heavy = 0
        at, end = 0, len(text)
        while at < end:
            if self._heavy > MAX_HEAVY:
                self._lost, self._sequence = True, ""
                return
            if self._sequence:
                self._more(text[at])
                at += 1
                continue
            run = _RUN.match(text, at)
            if run is not None:
                self._draw(run.group())
                at = run.end()
                continue
            whole = _WHOLE.match(text, at)
            if whole is not None:
                self._csi(whole.group())
                at = whole.end()
            else:
                self._control(text[at])
                at += 1

    def resize(self, columns: int, rows: int) -> None:
        """A window of another size. Nothing is wrapped anew: programs draw their line again, as in xterm."""
        self._resize(columns, rows)
        other = self._other
        for cells, wrapped in ((self.cells, self.wrapped), *((other,) if other is not None else ())):
            extra = max(0, min(len(cells), self.y + 1) - self.rows)
            del cells[:extra], wrapped[:extra]
            if cells is self.cells:
                self.y -= extra
            del cells[self.rows :], wrapped[self.rows :]
            while len(cells) < self.rows:
                cells.append([])
                wrapped.append(False)
            for row in cells:
                del row[self.columns :]
        self.x, self.y = min(self.x, self.columns), min(self.y, self.rows - 1)
        self._top, self._bottom = 0, self.rows - 1

    # --- states ----------------------------------------------------------------------------------

    def _resize(self, columns: int, rows: int) -> None:
        self.clipped = columns > MAX_COLUMNS or rows > MAX_ROWS
        self.columns = min(max(columns, 1), MAX_COLUMNS)
        self.rows = min(max(rows, 1), MAX_ROWS)

    def _start(self) -> None:
        self.x = self.y = 0
        self._heavy += 1
        self._lost = False
        self.cells = [[] for _ in range(self.rows)]
        self.wrapped = [False] * self.rows
        self._other: tuple[list[Row], list[bool]] | None = None
        self.alternate = self.pastes = False
        self._sequence = ""
        self._stops: set[int] | None = None
        self._last = ""
        self._soften()

    def _soften(self) -> None:
        """What a soft reset does as well."""
        self._top, self._bottom = 0, self.rows - 1
        self._wraps, self._inserts, self._origin = True, False, False
        self._boxes, self._shifted = (False, False), False
        self._saved = [_Saved(), _Saved()]

    @property
    def _scrolls(self) -> bool:
        return self._top == 0 and self._bottom == self.rows - 1

    def _end(self, text: str) -> str:
        """Of *text*, which only scrolls, as much as can still be seen afterwards."""
        at = len(text)
        for _ in range(self.rows + 1):
            at = text.rfind("\n", 0, at)
            if at < 0:
                return text
        start = text.rfind("\r", 0, at)
        # The line before the cut is drawn as well, so that the column at its end is right.
        return text[max(start, at - self.columns * 4, 0) :] if start >= 0 else text

    # --- characters -------------------------------------------------------------------------------

    def _draw(self, text: str) -> None:
        if self._boxes[self._shifted]:
            text = "".join(_BOXES.get(char, char) for char in text)
        if text.isascii() and not self._inserts:
            self._draw_plain(text)
        else:
            for char in text:
                self._draw_one(char)
        self._last = text[-1]

    def _draw_plain(self, text: str) -> None:
        at, end = 0, len(text)
        while at < end:
            self._wrap_if_due(1)
            part = text[at : at + self.columns - self.x]
            at += len(part)
            row = self._row(self.x)
            after = self.x + len(part)
            self._part_wide(row, self.x)
            self._part_wide(row, after)
            row[self.x : after] = part
            self.x = after
            if not self._wraps and at < end:
                row[self.columns - 1 :] = text[-1]
                return

    def _draw_one(self, char: str) -> None:
        wide = width(char)
        if wide == 0:
            self._combine(char)
            return
        self._wrap_if_due(wide)
        if wide > self.columns:
            return
        row = self._row(self.x)
        self._part_wide(row, self.x)
        if self._inserts:
            row[self.x : self.x] = [char, ""][:wide]
            self._part_wide(row, self.columns)
            del row[self.columns :]
        else:
            self._part_wide(row, self.x + wide)
            row[self.x : self.x + wide] = [char, ""][:wide]
        self.x += wide

    def _combine(self, char: str) -> None:
        row, x = self.cells[self.y], self.x - 1
        while 0 <= x < len(row) and not row[x]:
            x -= 1
        if 0 <= x < len(row) and len(row[x]) < MAX_MARKS:
            row[x] += char

    def _wrap_if_due(self, wide: int) -> None:
        if self.x + wide <= self.columns:
            return
        if not self._wraps:
            self.x = max(0, self.columns - wide)
            return
        self.x = 0
        self._down()
        self.wrapped[self.y] = True

    def _row(self, x: int) -> Row:
        """The cursor's row, with blanks up to *x*."""
        row = self.cells[self.y]
        if len(row) < x:
            row.extend(" " * (x - len(row)))
        return row

    @staticmethod
    def _part_wide(row: Row, x: int) -> None:
        """A wide character whose halves stand before and behind *x* is none any more."""
        if 0 < x < len(row) and row[x] == "":
            row[x - 1], row[x] = " ", " "

    # --- moving -----------------------------------------------------------------------------------

    def _down(self) -> None:
        """One row down; at the end of the region it scrolls."""
        if self.y == self._bottom:
            self._scroll_up(1)
        elif self.y < self.rows - 1:
            self.y += 1

    def _up(self) -> None:
        if self.y == self._top:
            self._scroll_down(1)
        elif self.y > 0:
            self.y -= 1

    def _scroll_up(self, many: int) -> None:
        self._delete_rows(self._top, many)

    def _scroll_down(self, many: int) -> None:
        self._insert_rows(self._top, many)

    def _delete_rows(self, at: int, many: int) -> None:
        if many == 1:
            del self.cells[at], self.wrapped[at]
            self.cells.insert(self._bottom, [])
            self.wrapped.insert(self._bottom, False)
            if at:
                self.wrapped[at] = False
            return
        self._heavy += 1
        many = min(many, self._bottom - at + 1)
        del self.cells[at : at + many], self.wrapped[at : at + many]
        after = self._bottom + 1 - many
        self.cells[after:after] = [[] for _ in range(many)]
        self.wrapped[after:after] = [False] * many
        if at and at < self.rows:
            self.wrapped[at] = False

    def _insert_rows(self, at: int, many: int) -> None:
        self._heavy += many > 1
        many = min(many, self._bottom - at + 1)
        cut = self._bottom + 1
        del self.cells[cut - many : cut], self.wrapped[cut - many : cut]
        self.cells[at:at] = [[] for _ in range(many)]
        self.wrapped[at:at] = [False] * many
        if at + many < self.rows:
            self.wrapped[at + many] = False

    def _goto(self, x: int, y: int) -> None:
        self.x = min(max(x, 0), self.columns - 1)
        self.y = min(max(y, 0), self.rows - 1)

    def _goto_row(self, y: int) -> None:
        """Row *y* as programs count: within the region in origin mode."""
        if self._origin:
            self._goto(self.x, min(max(y + self._top, self._top), self._bottom))
        else:
            self._goto(self.x, y)

    def _vertical(self, by: int) -> None:
        """Up or down, no further than the region where the cursor stands in it."""
        low = self._top if self.y >= self._top else 0
        high = self._bottom if self.y <= self._bottom else self.rows - 1
        self._goto(self.x, min(max(self.y + by, low), high))

    def _tab(self, many: int) -> None:
        if self.x == self.columns:
            return  # the next character still goes to the next row
        x = min(self.x, self.columns - 1)
        for _ in range(min(many, self.columns)):
            x = next((at for at in range(x + 1, self.columns) if self._stop(at)), self.columns - 1)
            if x == self.columns - 1:
                break
        self.x = x

    def _back_tab(self, many: int) -> None:
        x = min(self.x, self.columns - 1)
        for _ in range(min(many, self.columns)):
            x = next((at for at in range(x - 1, 0, -1) if self._stop(at)), 0)
            if x == 0:
                break
        self.x = x

    def _stop(self, x: int) -> bool:
        return x % 8 == 0 if self._stops is None else x in self._stops

    # --- controls ---------------------------------------------------------------------------------

    def _control(self, char: str) -> None:
        if char == "\x1b":
            self._sequence = char
            return
        self._last = ""
        match char:
            case "\r":
                self.x = 0
            case "\n" | "\x0b" | "\x0c":
                self._down()
            case "\b":
                self.x = max(0, min(self.x, self.columns - 1) - 1)
            case "\t":
                self._tab(1)
            case "\x0e" | "\x0f":
                self._shifted = char == "\x0e"

    def _more(self, char: str) -> None:
        """One more character of a sequence that has begun."""
        kind = self._sequence[1:2]
        if kind and kind in "]PX^_":
            self._string(char)
        elif char in "\x18\x1a":
            self._sequence = ""
        elif char == "\x1b":
            self._sequence = char
        elif char < " ":
            rest, self._sequence = self._sequence, ""
            self._control(char)
            self._sequence = rest
        elif char == "\x7f" or "\x80" <= char <= "\x9f":
            pass
        elif kind == "[":
            self._sequence += char
            if "@" <= char <= "~":
                self._ended(self._csi)
        else:
            self._sequence += char
            if (char not in "[]PX^_" or len(self._sequence) > 2) and not " " <= char <= "/":
                self._ended(self._escape)
        if len(self._sequence) > MAX_SEQUENCE:
            self._sequence = self._sequence[:2]

    def _string(self, char: str) -> None:
        """A title, a colour or whatever else is told to the terminal: it ends with BEL or ESC \\."""
        self._last = ""
        if char in "\x18\x1a" or (char == "\x07" and self._sequence[1] == "]"):
            self._sequence = ""
        elif self._sequence[-1] == "\x1b" and len(self._sequence) > 2:
            if char == "\\":
                self._sequence = ""
            else:
                self._sequence = "\x1b"
                self._more(char)
        else:
            self._sequence = self._sequence[:2] + ("\x1b" if char == "\x1b" else "")

    def _ended(self, act: Callable[[str], None]) -> None:
        sequence, self._sequence = self._sequence, ""
        act(sequence)

    def _escape(self, sequence: str) -> None:
        self._last = ""
        match sequence[1:]:
            case "7":
                self._save()
            case "8":
                self._restore()
            case "D":
                self._down()
            case "E":
                self.x = 0
                self._down()
            case "M":
                self._up()
            case "H":
                self._stops = self._stops if self._stops is not None else set(range(0, self.columns, 8))
                self._stops.add(min(self.x, self.columns - 1))
            case "c":
                self._start()
            case "#8":
                # A screen full of E, on which nobody reads a line: drawing it would only cost.
                self._blank(0, self.rows)
                self._top, self._bottom = 0, self.rows - 1
                self.x = self.y = 0
            case rest if rest[0] in "()":
                self._boxes = (
                    (rest[1:] == "0", self._boxes[1]) if rest[0] == "(" else (self._boxes[0], rest[1:] == "0")
                )

    def _save(self) -> None:
        self._saved[self.alternate] = _Saved(self.x, self.y, self._origin, self._boxes, self._shifted)

    def _restore(self) -> None:
        saved = self._saved[self.alternate]
        self.x, self.y = min(saved.x, self.columns), min(saved.y, self.rows - 1)
        self._origin, self._boxes, self._shifted = saved.origin, saved.boxes, saved.shifted

    def _csi(self, sequence: str) -> None:
        final, body = sequence[-1], sequence[2:-1]
        if body[:1] == "?":
            self._last = ""
            if final in "hl":
                for number in _numbers(body[1:]):
                    self._private(number, on=final == "h")
            elif final in "JK":
                self._csi(f"\x1b[{body[1:]}{final}")  # selective erase: nothing is protected here
            return
        if body == "!" and final == "p":
            self._soften()
            return
        if body and (body[-1] < "0" or body[0] in "<=>"):
            return
        numbers = _numbers(body)
        act = _ACTS.get(final)
        if act is not None:
            act(self, numbers)
        if final != "b":
            self._last = ""

    def _private(self, number: int, *, on: bool) -> None:
        match number:
            case 6:
                self._origin = on
                self._goto(0, self._top if on else 0)
            case 7:
                self._wraps = on
            case 2004:
                self.pastes = on
            case 47 | 1047 | 1049:
                self._switch(number, on=on)
            case 1048:
                if on:
                    self._save()
                else:
                    self._restore()

    def _switch(self, number: int, *, on: bool) -> None:
        """To the alternate screen and back."""
        if on == self.alternate:
            if number == 1049 and not on:
                self._restore()
            return
        self._heavy += 1
        if on:
            if number == 1049:
                self._save()
            self._other = (self.cells, self.wrapped)
            self.cells = [[] for _ in range(self.rows)]
            self.wrapped = [False] * self.rows
            self.alternate = True
            return
        if self._other is not None:
            self.cells, self.wrapped = self._other
            self._other = None
        self.alternate = False
        if number == 1049:
            self._restore()

    # --- what sequences do (the numbers are theirs, 0 where none was given) -----------------------------

    def _erase_below(self, numbers: list[int]) -> None:
        which = numbers[0]
        if which == 0:
            self._erase_right([0])
            self._blank(self.y + 1, self.rows)
        elif which == 1:
            self._erase_right([1])
            self._blank(0, self.y)
        elif which == 2:
            self._blank(0, self.rows)

    def _blank(self, start: int, end: int) -> None:
        self._heavy += 1
        self._lost = self._lost and (start, end) != (0, self.rows)
        for y in range(start, end):
            self.cells[y] = []
            self.wrapped[y] = False

    def _erase_right(self, numbers: list[int]) -> None:
        which, row, x = numbers[0], self.cells[self.y], min(self.x, self.columns - 1)
        if which == 0:
            self._part_wide(row, x)
            del row[x:]
            if x == 0:
                self.wrapped[self.y] = False
            if self.y + 1 < self.rows:
                self.wrapped[self.y + 1] = False
        elif which == 1:
            self._part_wide(row, x + 1)
            many = min(x + 1, len(row))
            row[:many] = " " * many
            self.wrapped[self.y] = False
        elif which == 2:
            self._blank(self.y, self.y + 1)
            if self.y + 1 < self.rows:
                self.wrapped[self.y + 1] = False

    def _erase(self, numbers: list[int]) -> None:
        row, x = self.cells[self.y], min(self.x, self.columns - 1)
        end = min(x + max(1, numbers[0]), self.columns)
        self._part_wide(row, x)
        self._part_wide(row, end)
        if end >= len(row):
            del row[x:]
        else:
            row[x:end] = " " * (end - x)

    def _insert(self, numbers: list[int]) -> None:
        x = min(self.x, self.columns - 1)
        row = self._row(x)
        self._part_wide(row, x)
        row[x:x] = " " * min(max(1, numbers[0]), self.columns - x)
        self._part_wide(row, self.columns)
        del row[self.columns :]

    def _delete(self, numbers: list[int]) -> None:
        row, x = self.cells[self.y], min(self.x, self.columns - 1)
        end = min(x + max(1, numbers[0]), self.columns)
        self._part_wide(row, x)
        self._part_wide(row, end)
        del row[x:end]

    def _insert_lines(self, numbers: list[int]) -> None:
        if self._top <= self.y <= self._bottom:
            self._insert_rows(self.y, max(1, numbers[0]))
            self.x = 0

    def _delete_lines(self, numbers: list[int]) -> None:
        if self._top <= self.y <= self._bottom:
            self._delete_rows(self.y, max(1, numbers[0]))
            self.x = 0

    def _region(self, numbers: list[int]) -> None:
        top = max(1, numbers[0]) - 1
        bottom = (numbers[1] if len(numbers) > 1 and numbers[1] else self.rows) - 1
        bottom = min(bottom, self.rows - 1)
        if top < bottom:
            self._top, self._bottom = top, bottom
            self._goto(0, self._top if self._origin else 0)

    def _place(self, numbers: list[int]) -> None:
        self.x = min(max(1, numbers[1] if len(numbers) > 1 else 1), self.columns) - 1
        self._goto_row(max(1, numbers[0]) - 1)

    def _clear_stops(self, numbers: list[int]) -> None:
        if numbers[0] == 3:
            self._stops = set()
        elif numbers[0] == 0:
            self._stops = self._stops if self._stops is not None else set(range(0, self.columns, 8))
            self._stops.discard(min(self.x, self.columns - 1))

    def _modes(self, numbers: list[int], *, on: bool) -> None:
        if 4 in numbers:
            self._inserts = on

    def _again(self, numbers: list[int]) -> None:
        if self._last:
            # Further than over a row nobody repeats, and a few bytes must not cost much.
            self._draw(self._last * min(max(1, numbers[0]), self.columns))


def _numbers(body: str) -> list[int]:
    """The numbers of a sequence; what stands behind a colon belongs to the one before it."""
    found = []
    for part in body.split(";")[:32]:
        digits = part.split(":", 1)[0]
        found.append(min(int(digits), MAX_NUMBER) if digits.isdigit() and digits.isascii() else 0)
    return found


def _sideways(sign: int) -> Callable[[Screen, list[int]], None]:
    def act(screen: Screen, numbers: list[int]) -> None:
        x = min(screen.x, screen.columns - 1)
        screen._goto(x + sign * max(1, numbers[0]), screen.y)

    return act


def _by_rows(sign: int, *, begin: bool = False) -> Callable[[Screen, list[int]], None]:
    def act(screen: Screen, numbers: list[int]) -> None:
        screen._vertical(sign * max(1, numbers[0]))
        if begin:
            screen.x = 0

    return act


def _column(screen: Screen, numbers: list[int]) -> None:
    screen._goto(max(1, numbers[0]) - 1, screen.y)


_ACTS: dict[str, Callable[[Screen, list[int]], None]] = {
    "@": Screen._insert,
    "A": _by_rows(-1),
    "B": _by_rows(1),
    "C": _sideways(1),
    "D": _sideways(-1),
    "E": _by_rows(1, begin=True),
    "F": _by_rows(-1, begin=True),
    "G": _column,
    "H": Screen._place,
    "I": lambda screen, numbers: screen._tab(max(1, numbers[0])),
    "J": Screen._erase_below,
    "K": Screen._erase_right,
    "L": Screen._insert_lines,
    "M": Screen._delete_lines,
    "P": Screen._delete,
    "S": lambda screen, numbers: screen._scroll_up(max(1, numbers[0])),
    "T": lambda screen, numbers: screen._scroll_down(max(1, numbers[0])),
    "X": Screen._erase,
    "Z": lambda screen, numbers: screen._back_tab(max(1, numbers[0])),
    "`": _column,
    "a": _sideways(1),
    "b": Screen._again,
    "d": lambda screen, numbers: screen._goto_row(max(1, numbers[0]) - 1),
    "e": _by_rows(1),
    "f": Screen._place,
    "g": Screen._clear_stops,
    "h": lambda screen, numbers: screen._modes(numbers, on=True),
    "l": lambda screen, numbers: screen._modes(numbers, on=False),
    "r": Screen._region,
    "s": lambda screen, numbers: screen._save(),
    "u": lambda screen, numbers: screen._restore(),
}
