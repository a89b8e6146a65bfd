"""What was typed is told as far as it was shown: never what a terminal kept to itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.terminal.echo import Echo


def told(*moves: tuple[str, str]) -> str:
    """*moves* are what is typed (``>``) and shown (``<``), in order."""
    found: list[str] = []
    echo = Echo(found.append)
    for way, text in moves:
        (echo.typed if way == ">" else echo.shown)(text.encode())
    return "".join(found)


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([("<", "$ "), (">", "l"), ("<", "l"), (">", "s"), ("<", "s"), (">", "\r")], "ls\r"),
        ([(">", "ls"), ("<", "l"), ("<", "s"), (">", "\r")], "ls\r"),
        ([(">", "ls -l"), ("<", "\x1b[7mls -l\x1b[27m"), (">", "\r")], "ls -l\r"),
        ([("<", "Name: "), (">", "secret"), (">", "\r"), ("<", "\r\n$ ")], "\r"),
        ([(">", "hunter2"), ("<", "*******"), (">", "\r")], "\r"),
        ([(">", "ab"), ("<", "clock 12:00 ab"), (">", "\r")], "\r"),
        ([(">", "ab"), ("<", "a job is done"), (">", "\r")], "\r"),
        ([("<", "Password: "), (">", "shown"), ("<", "shown"), (">", "\r")], "\r"),
        ([("<", "Verification code: "), (">", "123456"), ("<", "123456"), (">", "\r")], "\r"),
        ([("<", "Enter passphrase for key '/x': "), (">", "x"), ("<", "x")], ""),
        ([("<", "Pass\x1b[0mword: "), (">", "x"), ("<", "x")], ""),
        ([(">", "\x1b[A"), ("<", "ls"), (">", "\r")], "\x1b[A\r"),
        ([(">", "é中"), ("<", "é中"), (">", "\r")], "é中\r"),
    ],
)
def test_what_is_told(moves: list[tuple[str, str]], expected: str) -> None:
    assert told(*moves) == expected


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1), st.integers(1, 5))
def test_nothing_is_told_of_what_is_not_shown(secret: str, size: int) -> None:
    pieces = [(">", secret[at : at + size]) for at in range(0, len(secret), size)]
    assert told(("<", "login: "), *pieces, (">", "\r"), ("<", "\r\nWelcome")) == "\r"
