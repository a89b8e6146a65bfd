"""What is left of a terminal's output draws, and does nothing else, however it is cut."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.terminal.inert import Inert

bits = st.lists(
    st.one_of(
        st.sampled_from(
            ["\x1b", "\x1b[", "\x1b]0;t", "\x07", "\x1b\\", "\x1bP", "q", "31m", "6n", "?2004h", "?1049h", ";", "\x9b", "\x18",
             "\udcff", "\x1b[>c", "\x1b#8", "\x1b[!p", "\x1bc", "text"]
        ),
        st.text(max_size=3),
    ),
    max_size=15,
).map("".join)  # fmt: skip
ALLOWED = re.compile(
    r"(?:[^\x00-\x1f\x7f-\x9f\ud800-\udfff]|[\r\n\b\t\x0e\x0f]|\x1b[78DEMH]|\x1b[()][B0]"
    r"|\x1b\[[0-9;:]*[@A-HJ-MPSTXZ`abdefgmrsu]|\x1b\[!p|\x1b\[\?[0-9;]+[hl])*"
)


@given(bits, st.lists(st.integers(0, 40)))
def test_only_what_draws_is_left(text: str, cuts: list[int]) -> None:
    whole = Inert().feed(text)
    assert ALLOWED.fullmatch(whole)
    inert = Inert()
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    assert "".join(inert.feed(text[a:b]) for a, b in itertools.pairwise(places)) == whole


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]52;c;ZXZpbA==\x1b\\x", "x"),
        ('\x1bP$q"p\x1b\\x', "x"),
        ("\x1b[6n\x1b[c\x1b[>c\x1b[21t\x1b[?2004h\x1b[?1000hx", "x"),
        ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
        ("\x1b[?1049h\x1b[2;3Hx", "\x1b[?1049h\x1b[2;3Hx"),
        ("\x9b6nx\x85", "6nx"),
        ("\x05\x00x\x7f", "x"),
        ("\x1b[" + "1;" * 500 + "mx", "x"),
        ("\x1b[31\x07mx", "mx"),
    ],
)
def test_what_is_left(text: str, left: str) -> None:
    assert Inert().feed(text) == left
