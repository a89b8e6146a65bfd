"""The screen: what the oracle does not do, or does otherwise than xterm; lines, bounds, memory."""

from __future__ import annotations

import sys
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.terminal.screen import MAX_COLUMNS, MAX_ROWS, Screen, Written


def screen(data: bytes | str, columns: int = 10, rows: int = 4) -> Screen:
    made = Screen(columns, rows)
    made.feed(data.encode() if isinstance(data, str) else data)
    return made


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        ("a\x1b[3b", ["aaaa"]),
        ("a\x1b[1m\x1b[3b", ["a"]),
        ("\x1b(0lqk\x1b(Blqk", ["┌─┐lqk"]),
        ("\x1b[4hab\rc\x1b[4l\rd", ["dab"]),
        ("\x1b[Ix", ["        x"]),
        ("\x1b[?7l0123456789ab", ["012345678b"]),
        ("ab\x1b#8", []),
        ("ab\x1b[1Kc", ["  c"]),
        ("ab\r\ncd\x1b[1J", ["", ""]),
        ("中\b\bx", ["x"]),
        ("a中\x1b[2Gb", ["ab"]),
        ("中文\x1b[P", ["中文"]),
        ("中文\r\x1b[P", [" 文"]),
        ("0123456789\x1b[K", ["012345678"]),
        ("abc\x1b[?1049hxyz\x1b[?1049l", ["abc"]),
        ("abc\x1bcd", ["d"]),
        ("a\x1b[3\r1Cb", ["a        b"]),
        ("a\x1b[31\x18mb", ["amb"]),
        ("a\x1b]0;t\x1b[31mb", ["ab"]),
        ("\x1b[2;3r\x1b[?6h\x1b[1;1Hx\x1b[9;1Hy", ["", "x", "y"]),
    ],
)
def test_what_stands_there(data: str, rows: list[str]) -> None:
    found = screen(data).text()
    assert found[: len(rows)] == rows
    assert not any(found[len(rows) :])


def test_a_line_over_several_rows_is_one() -> None:
    assert screen("$ echo 0123456789abc").line() == Written("$ echo 0123456789abc", 20)
    moved = screen("x\r\n$ echo 0123456789abc\x1b[A\x1b[3G")
    assert moved.line() == Written("$ echo 0123456789abc", 2)
    assert screen("one\r\ntwo").line() == Written("two", 3)
    assert screen("012345678中x").line() == Written("012345678中x", 11)


def test_a_line_that_has_left_the_screen_is_not_read() -> None:
    assert screen("x" * 45).line() is None
    assert screen("x" * 40).line() == Written("x" * 40, 40)


def test_what_is_erased_is_no_part_of_the_line() -> None:
    assert screen("0123456789abc\r\x1b[K\x1b[A\x1b[8G\x1b[K").line() == Written("0123456", 7)
    assert screen("0123456789abc\x1b[A\r\x1b[Jnew").line() == Written("new", 3)


def test_the_state_of_pasting_and_of_the_other_screen() -> None:
    found = screen("\x1b[?2004h")
    assert found.pastes
    found.feed(b"\x1b[?2004l\x1b[?47h")
    assert not found.pastes
    assert found.alternate


def test_a_smaller_window_keeps_the_cursor() -> None:
    found = screen("1\r\n2\r\n3\r\n4xyz", rows=4)
    found.resize(3, 2)
    assert found.text() == ["3", "4xy"]
    assert found.position == (2, 1)
    found.resize(20, 6)
    assert found.text() == ["3", "4xy", "", "", "", ""]
    found.feed(b"\x1b[?1049h\x1b[9;9Hq")
    found.resize(5, 3)
    found.feed(b"\x1b[?1049l")
    assert found.text() == ["3", "4xy", ""]


def test_a_window_without_bounds_is_bounded_and_says_so() -> None:
    found = Screen(100_000, 100_000)
    assert (found.columns, found.rows, found.clipped) == (MAX_COLUMNS, MAX_ROWS, True)
    assert (Screen(0, 0).columns, Screen(0, 0).rows) == (1, 1)
    found.feed(
        b"\x1b[99999999999999999999;99999999999999999999Hx\x1b[999999999b\x1b[999999999L\x1b[999999999@"
    )
    found.feed(b"a" + "\u0301".encode() * 10_000 + b"\x1b[" + b"1;" * 100_000 + b"H")
    found.feed(b"\x1b]0;" + b"x" * 100_000)
    assert sys.getsizeof(found._sequence) < 10_000


pieces = st.lists(
    st.one_of(
        st.binary(max_size=6),
        st.sampled_from([b"\x1b[", b"\x1b]", b"\x1bP", b"\x1b", b"9999", b";", b"?1049h", b"?6h", b"\x1b[2;3r", "中".encode()]),
        st.sampled_from([b"A", b"@", b"L", b"M", b"P", b"X", b"b", b"I", b"Z", b"T", b"S", b"K", b"J", b"h", b"r", b"\x1bc"]),
    ),
    max_size=40,
).map(b"".join)  # fmt: skip


@given(pieces, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), max_size=3))
def test_whatever_comes_the_screen_stays_within_its_bounds(data: bytes, sizes: list[tuple[int, int]]) -> None:
    found = Screen(10, 4)
    for part, (columns, rows) in zip([data, data[::-1], data], [*sizes, (0, 0)], strict=False):
        found.feed(part)
        found.resize(columns, rows)
        found.feed(part)
    assert len(found.cells) == len(found.wrapped) == found.rows
    assert all(len(row) <= found.columns for row in found.cells)
    assert 0 <= found.x <= found.columns
    assert 0 <= found.y < found.rows
    found.line()
    found.text()


@pytest.mark.parametrize(
    "sequence", ["a\x1b[9999b", "\x1b#8", "\x1bc", "\x1b[3g\x1b[9999I", "\x1b[9999Z", "\x1b[9999L", "\x1b[9999@", "\x1b[2J"]
)  # fmt: skip
def test_a_few_bytes_do_not_cost_much(sequence: str) -> None:
    found = Screen(MAX_COLUMNS, MAX_ROWS)
    steps = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal steps
        steps += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found.feed(sequence.encode())
    finally:
        sys.setprofile(before)
    assert steps < 3 * MAX_COLUMNS


def test_a_screen_that_is_cleared_without_end_is_not_read_until_it_is_cleared_once() -> None:
    found = Screen(80, 24)
    found.feed(b"$ ls" + b"\x1b[9999L" * 10_000 + b"$ rm")
    assert found.line() is None
    found.feed(b"\x1b[H$ ls")
    assert found.line() is None
    found.feed(b"\x1b[H\x1b[2J$ ls")
    assert found.line() == Written("$ ls", 4)


def test_much_output_is_taken_by_its_end() -> None:
    data = b"".join(b"%d line\r\n" % n for n in range(10_000)) + b"$ "
    whole, parts = Screen(30, 5), Screen(30, 5)
    whole.feed(data)
    for at in range(0, len(data), 1000):
        parts.feed(data[at : at + 1000])
    assert (whole.text(), whole.position, whole.wrapped) == (parts.text(), parts.position, parts.wrapped)
    long = b"x" * 50_000 + b"\r\n$ "
    whole.feed(long)
    for at in range(0, len(long), 1000):
        parts.feed(long[at : at + 1000])
    assert (whole.text(), whole.position, whole.wrapped) == (parts.text(), parts.position, parts.wrapped)


def test_a_full_screen_is_small() -> None:
    found = Screen(80, 24)
    found.feed(b"".join(b"%079d\r\n" % n for n in range(30)))
    size = sum(sys.getsizeof(row) for row in found.cells)
    assert size < 30_000
