"""
The guard of an interactive shell: an Enter goes on when the line that it would run has been judged. Pure.

Bytes that could enter a line never pass without a verdict, wherever they stand. What is judged is the line on
the screen. Where the keys say what it must be, the screen has to say the same. Where they do not (a recalled
command, a completion), the line is given up and typed anew, letter by letter as it was judged, and compared
once more: nothing else is run than that. docs/ssh.md says what this cannot see.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from vedette.terminal.editing import Editing
from vedette.terminal.keys import Key, Keys
from vedette.terminal.prompts import Prompt, learn
from vedette.terminal.screen import Screen, Written

#: Bytes that wait behind an Enter; then the caller is not read any more.
MAX_QUEUE = 64 << 10
#: How long a shell has to show its first prompt, before keys go on without it.
LEARN_SECONDS = 10.0
#: A prompt is one when nothing came after it for so long.
REST_SECONDS = 0.05
#: How long the screen has to show what was typed.
ECHO_SECONDS = 5.0
#: How long nothing may come before a line is taken as it stands, where keys do not tell what it is.
SETTLE_SECONDS = 0.15
#: How long a key that may change the whole line waits for the echo of what was typed before it, and then an
#: Enter behind it for what it has done.
BEFORE_SECONDS, DONE_SECONDS = 1.0, 2.0
#: How long an Enter waits for a prompt: where something stands before the cursor, and where nothing does.
OTHER_SECONDS = 1.0
RUNNING_SECONDS = 5.0
#: An interrupt that gives up a line: the terminal may lose the prompt that follows, as it flushes its output
#: after it has told the shell (Linux, n_tty_receive_signal_char). So it is sent again, a few times.
INTERRUPTS, AGAIN_SECONDS = 2, 2.0
#: How long nothing may come before what stands before the cursor is taken for a question of a program.
QUESTION_SECONDS = 0.3
MAX_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Line:
    """
    What Enter would run. *read*: it is *text*; else that is only what stands on the screen there, and
    *reason* says why it could not be read. *typed*: the keys say the same as the screen.
    """

    text: str
    read: bool = True
    typed: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    """Goes on to the host."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """The verdict on *line* is needed: `Guard.passed` or `Guard.refused`."""

    line: Line


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until something is shown or typed, or the clock says *until*."""

    until: float | None = None


class Guard:
    """*now* is seconds of any clock that does not jump; each method is told it."""

    def __init__(self, columns: int, rows: int, now: float) -> None:
        self.screen = Screen(columns, rows)
        self.waiting = 0
        self._keys = Keys()
        self._queue: deque[Key] = deque()
        self._editing = Editing()
        self._prompt: Prompt | None = None
        self._began = self._changed = self._sent = now
        self._arrived: float | None = None
        self._asked: Line | None = None
        self._enter = Key("enter", b"\r")
        self._at_prompt = False
        self._unanswered = False  # nothing was shown since a key that may change the whole line
        self._clearing = 0  # so many more interrupts may be sent until the prompt is back
        self._home = True  # the shell's prompt has been shown since the last Enter
        self._foreign = False  # keys have gone to a program since then
        self._away = now
        self._again: str | None = None  # to be typed anew, as it was judged, once the prompt is back
        self._granted: str | None = None  # typed anew, and not compared yet
        self._withdrawn = False
        self._entered = False  # an Enter has passed, and nothing was shown since
        self._pasting = False

    @property
    def asked(self) -> Line | None:
        """The line whose verdict is waited for."""
        return self._asked

    @property
    def watching(self) -> bool:
        """Whether what the host shows next may have something done."""
        return bool(self._queue) or self._clearing > 0

    # --- what happens --------------------------------------------------------------------------------

    def shown(self, data: bytes, now: float) -> None:
        """What the host sends, as it came."""
        self.screen.feed(data)
        self._changed = now
        self._entered = self._unanswered = False

    def resize(self, columns: int, rows: int, now: float) -> None:
        self.screen.resize(columns, rows)
        self._changed = now

    def typed(self, data: bytes) -> bool:
        """What the caller types. True: what is being asked is withdrawn (Ctrl-C)."""
        withdrawn = False
        for key in self._keys.feed(data):
            if key.kind == "interrupt" and (self._asked is not None or self._arrived is not None):
                # Given up: the line, and everything that was typed behind it.
                self._forget()
                if self._asked is not None:
                    self._withdrawn = withdrawn = True
                    continue
            self._queue.append(key)
            self.waiting += len(key.raw)
        return withdrawn

    def _forget(self) -> None:
        self._queue.clear()
        self.waiting = 0
        self._arrived = self._again = self._granted = None

    # --- what is to be done -----------------------------------------------------------------------------

    def step(self, now: float) -> Send | Ask | Wait:
        """What is to be done next. To be called until it says Wait."""
        if self._asked is not None:
            return Wait()
        if self._clearing:
            if not self._entered and self._behind_prompt() == "":
                self._clearing = 0
            elif now < self._sent + AGAIN_SECONDS:
                return Wait(self._sent + AGAIN_SECONDS)
            elif self._clearing > 1:
                self._clearing -= 1
                self._sent, self._entered = now, True
                return Send(b"\x03")
            else:
                self._clearing, self._entered = 0, False
        learning = self._learn(now)
        if learning is not None:
            return Wait(learning)
        out: list[bytes] = []
        while self._queue:
            key = self._queue[0]
            if not self._home:
                until = self._coming_home(now)
                if until is not None and key.kind not in ("interrupt", "other", "part"):
                    if out:
                        break
                    return Wait(until)
            if key.kind == "other" and not self._pasting and self._unshown(bool(out)):
                if out:
                    break
                if now < self._sent + BEFORE_SECONDS:
                    return Wait(self._sent + BEFORE_SECONDS)
            if key.kind in ("enter", "edit") or (key.kind == "end" and not self._editing.empty):
                if out:
                    break
                return self._entering(now)
            self._queue.popleft()
            self.waiting -= len(key.raw)
            out.append(self._pressed(key))
        data = b"".join(out)
        if data:
            self._sent = now
            return Send(data)
        return Wait()

    def _learn(self, now: float) -> float | None:
        """Until when the first prompt is waited for; None where it is known, or waited for no longer."""
        if self._prompt is not None:
            return None
        rest = self._changed + REST_SECONDS
        if now >= rest and self._editing.empty and self._sent == self._began and not self.screen.alternate:
            line = self.screen.line()
            if line is not None and line.cursor == len(line.text):
                self._prompt = learn(line.text)
        if self._prompt is not None or not self._queue or now >= self._began + LEARN_SECONDS:
            return None
        return min(rest if rest > now else now + REST_SECONDS, self._began + LEARN_SECONDS)

    def _coming_home(self, now: float) -> float | None:
        """
        Until when keys wait for the prompt, after an Enter; None where they do not any more: it is there, or
        a program has the screen, asks something, or runs on without a word.
        """
        if not self._entered and self._behind_prompt() is not None:
            self._home = True
            if self._foreign:
                # What they have left behind, and for whom, only the screen can tell.
                self._editing.lose()
            self._foreign = False
            return None
        line = self.screen.line()
        asks = not self._entered and line is not None and line.text.strip() and not self._foreign
        until = self._away + RUNNING_SECONDS
        if asks:
            until = min(until, self._changed + QUESTION_SECONDS)
        return None if self._foreign or self.screen.alternate or now >= until else until

    def _pressed(self, key: Key) -> bytes:
        """What goes on of a key that enters nothing."""
        if not self._home:
            self._foreign = True
        if key.kind in ("paste", "pasted"):
            self._pasting = key.kind == "paste"
            whole = key.raw.startswith(b"\x1b[20")
            # Pasted lines are lines: without the markers the shell enters them one by one, as judged.
            return key.raw if self.screen.alternate or not whole else b""
        if self._pasting and key.raw == b"\t" and not self.screen.alternate:
            key = Key("text", b" ", " ")  # a completion otherwise, in the middle of what is pasted
        self._editing.press(key)
        self._unanswered = self._unanswered or (key.kind == "other" and self._home)
        return key.raw

    def _unshown(self, unsent: bool) -> bool:
        """
        Whether what was typed is still to be shown at the prompt. A completion is waited for only once that
        is: else what is shown of the one is taken for the other.
        """
        behind = self._behind_prompt() if self._home and self._editing.known else None
        return behind is not None and (unsent or behind != self._editing.text.rstrip(" "))

    def _entering(self, now: float) -> Send | Ask | Wait:
        """An Enter is next: the line, or until when to wait for it."""
        if self._arrived is None:
            self._arrived = now
        if self._again is not None:
            return self._typed_anew(self._again, now, self._arrived)
        found = self._read(now, self._arrived)
        if isinstance(found, Wait):
            return found
        self._arrived = None
        self._at_prompt = self._behind_prompt() is not None
        self._enter = self._queue.popleft()
        self.waiting -= len(self._enter.raw)
        granted, self._granted = self._granted, None
        if granted is not None and found.read and found.text.rstrip(" ") == granted:
            return Send(self._enters(b"\r", now))
        self._asked = found
        return Ask(found)

    def _typed_anew(self, text: str, now: float, arrived: float) -> Send | Wait:
        """Once the shell shows an empty line again, what was judged is put there."""
        ready = not self._entered and self._behind_prompt() == ""
        if not ready and now < arrived + ECHO_SECONDS:
            return Wait(arrived + ECHO_SECONDS)
        self._again = self._arrived = None
        if not ready or not text:
            self._granted = text if ready else None
            return Wait(now)  # what stands there by now is read as it is
        self._granted = text
        self._editing.press(Key("text", b"", text))
        self._entered, self._sent = True, now
        return Send(text.encode())

    def _behind_prompt(self) -> str | None:
        """What stands behind the shell's prompt; None where there is none."""
        line = self.screen.line()
        if self._prompt is None or line is None or self.screen.alternate:
            return None
        end = self._prompt.end(line.text)
        return None if end is None else line.text[end:].rstrip(" ")

    # --- reading the line ----------------------------------------------------------------------------------

    def _read(self, now: float, arrived: float) -> Line | Wait:
        screen, since = self.screen, max(arrived, self._changed)
        if self._queue[0].kind == "edit":
            return self._unread("an editor would open, and what it leaves would be run")
        if screen.clipped:
            return self._unread("the window is too large to be read")
        if screen.alternate:
            return self._unread("a program fills the screen")
        line = screen.line()
        if line is None:
            return self._unread("the line does not fit on the screen")
        end = self._prompt.end(line.text) if self._prompt is not None else None
        if end is None or self._entered:
            return self._elsewhere(line, now, arrived)
        text = line.text[end:]
        if self._editing.known:
            return self._compared(text, now, since)
        if self._unanswered and now < self._sent + DONE_SECONDS:
            return Wait(self._sent + DONE_SECONDS)
        if now < since + SETTLE_SECONDS:
            return Wait(since + SETTLE_SECONDS)
        if not text.isascii() or not text.isprintable():
            return self._unread("a line with letters that the screen does not tell for certain")
        return Line(text.rstrip(" "), typed=False)

    def _compared(self, text: str, now: float, since: float) -> Line | Wait:
        """The keys say what the line is: so must the screen."""
        typed = self._editing.text
        if typed.rstrip(" ") == text.rstrip(" "):
            return Line(typed)
        last = max(since, self._sent) + ECHO_SECONDS
        if now < last:
            return Wait(last)
        return self._unread("the screen shows something else than was typed")

    def _elsewhere(self, line: Written, now: float, arrived: float) -> Line | Wait:
        """There is no prompt of the shell: a program runs, or asks something."""
        typed = self._editing.text if self._editing.known else ""
        before = line.text[: -len(typed)] if typed and line.text.endswith(typed) else line.text
        until = arrived + RUNNING_SECONDS
        if before.strip() and not self._entered:
            until = min(until, max(arrived, self._changed) + OTHER_SECONDS)
        if now < until:
            return Wait(until)
        if self._prompt is None:
            return self._unread("no shell has shown a prompt that is known as one")
        return self._unread("this is not the shell's prompt")

    def _unread(self, reason: str) -> Line:
        """Only what stands on the screen is kept of it: what was typed may be a password."""
        line = self.screen.line()
        return Line(line.text.strip()[:MAX_SHOWN] if line is not None else "", False, False, reason)

    # --- the verdict ----------------------------------------------------------------------------------

    def passed(self, now: float) -> bytes:
        """It may be entered: what goes to the host for it."""
        line, key = self._answered(), self._enter
        if key.kind == "end":
            self._editing.press(Key("other", b""))
            self._sent = now
            return key.raw
        if not line.read or line.typed:
            return self._enters(b"\r" if key.raw in (b"\r", b"\x0f") and line.read else key.raw, now)
        # An interrupt gives up the line in any editing mode, and in the middle of any key.
        self._editing.over()
        self._queue.appendleft(Key("enter", b"\r"))
        self.waiting += 1
        self._again = line.text
        return self._interrupts(now)

    def _interrupts(self, now: float) -> bytes:
        self._clearing, self._entered, self._sent = INTERRUPTS, True, now
        return b"\x03"

    def _enters(self, raw: bytes, now: float) -> bytes:
        self._editing.over()
        self._entered, self._sent, self._away = True, now, now
        self._home = self._foreign = False
        return raw

    def refused(self, now: float) -> bytes:
        """
        It may not: what goes to the host to clear it. What was typed behind it is dropped too.

        At the shell's prompt that is an interrupt, which gives up the line in any editing mode, and what it
        may be the end of. Elsewhere it would end a program, so the line is only erased; and a program that
        fills the screen is left alone. What the caller has given up by an interrupt gets that interrupt.
        """
        self._answered()
        withdrawn, self._withdrawn = self._withdrawn, False
        if not withdrawn:
            self._forget()
        self._editing.over()
        self._sent = now
        if self._at_prompt:
            return self._interrupts(now)
        if withdrawn:
            return b"\x03"
        return b"" if self.screen.alternate else b"\x15"

    def _answered(self) -> Line:
        line, self._asked = self._asked, None
        if line is None:
            raise ValueError("nothing was asked")
        return line
