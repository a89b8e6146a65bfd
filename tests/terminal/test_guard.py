"""The guard, and what can be tried against it: a clock and a host made by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.terminal.guard import MAX_QUEUE, Ask, Guard, Line, Send, Wait

PROMPT = b"me@host:~$ "
ENTERING = frozenset(b"\r\n\x0f")


class Desk:
    """A guard at a prompt. *sent* is what went to the host, *asked* the lines whose verdict was needed."""

    def __init__(self, prompt: bytes = PROMPT, columns: int = 80, rows: int = 24) -> None:
        self.now = 100.0
        self.guard = Guard(columns, rows, self.now)
        self.sent = b""
        self.asked: list[Line] = []
        self.shows(prompt)
        self.now += 1.0

    def shows(self, data: bytes) -> None:
        self.guard.shown(data, self.now)

    def types(self, keys: str | bytes, *, echo: bytes | None = None) -> None:
        """Keys, and what the host shows of them: of plain text the same, where nothing else is said."""
        data = keys.encode() if isinstance(keys, str) else keys
        self.guard.typed(data)
        before = self.sent
        self.goes(0.0)
        self.shows(self.sent[len(before) :] if echo is None else echo)
        self.goes(0.0)

    def goes(self, seconds: float) -> None:
        """Time passes, and what is to be done is done."""
        end = self.now + seconds
        while True:
            step = self.guard.step(self.now)
            if isinstance(step, Send):
                self.sent += step.data
                continue
            if isinstance(step, Ask):
                self.asked.append(step.line)
                continue
            assert isinstance(step, Wait)
            if step.until is None or step.until > end:
                self.now = end
                return
            self.now = max(self.now, step.until)

    def passes(self) -> bytes:
        sent = self.guard.passed(self.now)
        self.sent += sent
        return sent

    def refuses(self) -> bytes:
        sent = self.guard.refused(self.now)
        self.sent += sent
        return sent

    @property
    def last(self) -> Line:
        self.goes(20.0)
        return self.asked[-1]


def test_a_typed_line_is_asked_for_and_its_enter_held() -> None:
    desk = Desk()
    desk.types("ls -l\r")
    assert desk.asked == [Line("ls -l")]
    assert desk.sent == b"ls -l"
    assert desk.passes() == b"\r"


def test_the_echo_may_come_late() -> None:
    desk = Desk()
    desk.types("ls -l\r", echo=b"")
    assert desk.asked == []
    desk.goes(1.0)
    desk.shows(b"ls ")
    desk.goes(1.0)
    assert desk.asked == []
    desk.shows(b"-l")
    desk.goes(0.0)
    assert desk.asked == [Line("ls -l")]


@pytest.mark.parametrize(
    ("spoof", "why"),
    [
        (b"", "shows something else"),  # stty -echo
        (b"\r\x1b[Kme@host:~$ ls", "shows something else"),  # a job in the background draws another line
        (b"ls", "shows something else"),
        (b"rm -rf x\x1b[8D\x1b[Kls", "shows something else"),
        (b"rm -rf x\r\x1b[11C\x1b[4hls #", "shows something else"),
        (b"rm -rf x\x1b[?1049h", "fills the screen"),
        (b"rm -rf x\r\n>>> ", "not the shell's prompt"),
        (b"rm -rf x\r\nme@other:~$ rm -rf x", "not the shell's prompt"),
        (b"\x1b[2;5r\x1b[3;1Hrm -rf x", "not the shell's prompt"),
        ("rm\u200b -rf x".encode(), "shows something else"),
        ("rm -rf \u0445".encode(), "shows something else"),
        (b"\trm -rf x", "shows something else"),
        (b"rm -rf x" + b" " * 100 + b"y", "shows something else"),
    ],
)  # fmt: skip
def test_a_screen_that_says_something_else_is_not_believed(spoof: bytes, why: str) -> None:
    desk = Desk()
    desk.types("rm -rf x\r", echo=spoof)
    line = desk.last
    assert not line.read
    assert why in line.reason
    assert desk.sent == b"rm -rf x"


def test_what_is_not_echoed_is_in_no_record() -> None:
    desk = Desk(b"me@host:~$ ")
    desk.types("sudo x\r")
    desk.passes()
    desk.shows(b"\r\n[sudo] password for me: ")
    desk.goes(1.0)
    desk.types("hunter2\r", echo=b"")
    assert desk.last == Line("[sudo] password for me:", False, False, "this is not the shell's prompt")


def test_a_recalled_line_is_typed_anew_and_compared() -> None:
    desk = Desk()
    desk.types(b"\x1b[A\r", echo=b"rm old")
    assert desk.last == Line("rm old", typed=False)
    assert desk.passes() == b"\x03"
    desk.goes(0.1)
    desk.shows(b"^C\r\n" + PROMPT)
    desk.goes(0.0)
    assert desk.sent.endswith(b"\x03rm old")
    desk.shows(b"rm old")
    desk.goes(0.0)
    assert desk.sent.endswith(b"rm old\r")
    assert len(desk.asked) == 1


@pytest.mark.parametrize("shown", [b"rm -rf /", b"", b"rm old; rm -rf /"])
def test_what_is_typed_anew_and_looks_otherwise_is_asked_for_again(shown: bytes) -> None:
    desk = Desk()
    desk.types(b"\x10\r", echo=b"rm old")
    desk.goes(1.0)
    desk.passes()
    desk.shows(b"^C\r\n" + PROMPT)
    desk.goes(0.0)
    desk.shows(shown or b"\x07")
    desk.goes(20.0)
    assert desk.sent.endswith(b"\x03rm old")
    assert len(desk.asked) == 2
    assert not desk.last.read


def test_a_prompt_that_does_not_come_back_enters_nothing() -> None:
    desk = Desk()
    desk.types(b"\x10\r", echo=b"rm old")
    desk.goes(1.0)
    desk.passes()
    desk.shows(b"^C\r\n>>> ")
    desk.goes(30.0)
    assert not ENTERING & set(desk.sent)
    assert not desk.last.read


def test_a_slow_completion_is_waited_for() -> None:
    desk = Desk()
    desk.types("rm -rf /tmp/a\t\r", echo=b"rm -rf /t")
    assert desk.sent == b"rm -rf /tmp/a"
    desk.goes(0.5)
    desk.shows(b"mp/a")
    desk.goes(0.0)
    assert desk.sent == b"rm -rf /tmp/a\t"
    desk.goes(1.0)
    assert desk.asked == []
    desk.shows(b"bc/")
    desk.goes(0.5)
    assert desk.asked == [Line("rm -rf /tmp/abc/", typed=False)]


def test_a_key_that_shows_nothing_holds_nothing_up_for_long() -> None:
    desk = Desk()
    desk.types("ls")
    desk.types("\x1bx\r", echo=b"")
    assert desk.last == Line("ls", typed=False)


def test_a_line_over_several_rows() -> None:
    desk = Desk(columns=20)
    desk.types("echo " + "x" * 50 + "\r")
    assert desk.last == Line("echo " + "x" * 50)
    desk = Desk(columns=20, rows=3)
    desk.types("echo " + "x" * 80 + "\r")
    assert desk.last.reason == "the line does not fit on the screen"


def test_wide_characters_and_a_resize_in_the_middle() -> None:
    desk = Desk()
    desk.types("echo 中文é\r")
    assert desk.last == Line("echo 中文é")
    desk = Desk()
    desk.types("echo abc")
    desk.guard.resize(8, 5, desk.now)
    desk.types("\r", echo=b"")
    assert not desk.last.read


def test_a_window_that_is_too_large_is_not_read() -> None:
    desk = Desk(columns=1000)
    desk.types("ls\r")
    assert desk.last.reason == "the window is too large to be read"


@pytest.mark.parametrize(
    ("screen", "clears"),
    [(b"", b"\x03"), (b"\r\n>>> ", b"\x15"), (b"\x1b[?1049h", b"")],
)
def test_a_refused_line_is_cleared_as_fits(screen: bytes, clears: bytes) -> None:
    desk = Desk()
    desk.types("ls", echo=b"ls" + screen)
    desk.types("\recho behind\r", echo=b"")
    assert desk.last
    assert desk.refuses() == clears
    desk.goes(0.1)
    desk.shows(b"\r\n" + PROMPT)
    desk.goes(20.0)
    assert b"behind" not in desk.sent
    assert len(desk.asked) == 1


def test_a_lost_prompt_is_asked_for_again() -> None:
    desk = Desk()
    desk.types("ls\r")
    desk.refuses()
    desk.shows(b"^C")
    desk.goes(10.0)
    assert desk.sent == b"ls\x03\x03"
    desk.shows(b"\r\n" + PROMPT)
    desk.types("ls\r")
    assert desk.last == Line("ls")


def test_an_interrupt_withdraws_and_keeps_what_comes_after() -> None:
    desk = Desk()
    desk.types("ls\r")
    assert desk.guard.typed(b"echo gone\r\x03pwd\r")
    assert desk.refuses() == b"\x03"
    desk.shows(b"^C\r\n" + PROMPT)
    desk.goes(0.0)
    desk.shows(b"pwd")
    assert desk.last == Line("pwd")
    assert b"gone" not in desk.sent


def test_type_ahead_waits_for_the_prompt() -> None:
    desk = Desk()
    desk.types("sleep 1\recho next\r")
    desk.passes()
    desk.goes(1.0)
    assert desk.sent == b"sleep 1\r"
    desk.shows(b"\r\n" + PROMPT)
    desk.goes(0.0)
    assert desk.sent == b"sleep 1\recho next"
    desk.shows(b"echo next")
    assert desk.last == Line("echo next")


def test_type_ahead_counts_until_it_is_sent() -> None:
    desk = Desk()
    desk.types("ls\r")
    desk.guard.typed(b"x" * (MAX_QUEUE + 1))
    assert desk.guard.waiting > MAX_QUEUE


def test_keys_for_a_program_do_not_count_for_the_next_line() -> None:
    desk = Desk()
    desk.types("less x\r")
    desk.passes()
    desk.shows(b"\r\n\x1b[?1049h")
    desk.types("jjq", echo=b"\x1b[?1049l" + PROMPT)
    desk.types("ls\r")
    assert desk.last == Line("ls", typed=False)


@pytest.mark.parametrize(
    "prompt", [b">>> ", b"mysql> ", b"app=# ", b"app=> ", b"Password: ", b"> ", b"sqlite> ", b"(gdb) ", b"In [1]: ", b"Continue? "]
)  # fmt: skip
def test_what_is_no_shells_prompt_is_not_learned(prompt: bytes) -> None:
    desk = Desk(prompt)
    desk.types("ls\r")
    desk.goes(20.0)
    if not desk.asked:
        desk.shows(b"ls")
    assert desk.last.reason == "no shell has shown a prompt that is known as one"


@pytest.mark.parametrize(
    ("first", "later", "known"),
    [
        (b"me@host:~$ ", b"me@host:/etc/ssh$ ", True),
        (b"me@host:~$ ", b"(venv) me@host:~$ ", True),
        (b"me@host:~$ ", b"me@other:~$ ", False),
        (b"[me@host ~]$ ", b"[me@host work]$ ", True),
        (b"bash-5.2$ ", b"bash-5.2$ ", True),
        (b"bash-5.2$ ", b"bash-5.2# ", False),
        (b"root@host:~# ", b"me@host:~$ ", False),
        (b"$ ", b"# ", False),
    ],
)
def test_a_prompt_changes_in_its_folder_only(first: bytes, later: bytes, known: bool) -> None:
    desk = Desk(first)
    desk.types("cd x\r")
    desk.passes()
    desk.shows(b"\r\n" + later)
    desk.goes(6.0)
    desk.types("ls\r")
    assert desk.last.read == known


@pytest.mark.parametrize("keys", ["\x04", "ls\x04"])
def test_the_end_of_input_enters_a_line_that_is_not_empty(keys: str) -> None:
    desk = Desk()
    desk.types(keys, echo=keys.strip("\x04").encode())
    if keys == "\x04":
        assert desk.sent == b"\x04"
        assert desk.asked == []
    else:
        assert desk.asked == [Line("ls")]
        assert desk.sent == b"ls"


def test_pasted_lines_are_judged_one_by_one_without_their_markers() -> None:
    desk = Desk()
    desk.types(b"\x1b[200~a\tb\nrm x\n\x1b[201~", echo=b"a b")
    assert desk.asked == [Line("a b")]
    assert desk.sent == b"a b"


steps = st.lists(
    st.one_of(
        st.tuples(st.just("types"), st.one_of(st.binary(max_size=6), st.sampled_from(
            [b"ls\r", b"\x1b[200~x\ny\x1b[201~", b"\x18\x05", b"\x1b\r", b"\x1bOM", b"\x1b[13u", b"\x10\r", b"rm x\n", b"\x04", b"a\x04", b"\x03"]))),
        st.tuples(st.just("shows"), st.one_of(st.binary(max_size=8), st.sampled_from(
            [PROMPT, b"\r\n" + PROMPT, b"ls", b"rm x", b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?2004h", b"^C\r\n"]))),
        st.tuples(st.just("goes"), st.sampled_from([0.0, 0.1, 1.0, 10.0])),
        st.tuples(st.just("refuses"), st.none()),
    ),
    max_size=25,
)  # fmt: skip


@given(steps)
def test_without_a_verdict_nothing_is_ever_entered(moves: list[tuple[str, Any]]) -> None:
    desk = Desk()
    for move, what in moves:
        match move:
            case "types":
                desk.guard.typed(what)
            case "shows":
                desk.shows(what)
            case "goes":
                desk.goes(what)
            case "refuses":
                if desk.guard.asked is not None:
                    desk.refuses()
        desk.goes(0.0)
    assert not ENTERING & set(desk.sent)
