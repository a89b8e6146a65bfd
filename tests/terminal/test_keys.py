"""Keys: nothing that could enter a line passes for something else, however reads are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.terminal.keys import Key, Keys

ENTERING = frozenset(b"\r\n\x0f")
pieces = st.lists(
    st.one_of(
        st.sampled_from(
            [b"\x1b", b"\x1b[", b"\x1b[2", b"\x1b[200~", b"\x1b[201~", b"\x1b[A", b"\x1bOM", b"\x1b[13u", b"\x18", b"\x05",
             b"\r", b"\n", b"\x0f", b"\x04", b"\x03", b"ls -l", b"\xc3", b"\xa9", "é中\u200b".encode(), b"\xff", b"\t", b"\x7f"]
        ),
        st.binary(max_size=4),
    ),
    max_size=12,
).map(b"".join)  # fmt: skip


@given(pieces, st.lists(st.integers(0, 60), max_size=6))
def test_all_bytes_are_given_once_in_order_and_none_enters_unseen(data: bytes, cuts: list[int]) -> None:
    keys = Keys()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    found = [key for a, b in itertools.pairwise(places) for key in keys.feed(data[a:b])]
    given_so_far = b"".join(key.raw for key in found)
    assert data.startswith(given_so_far)
    assert b"\x1b[20".startswith(data[len(given_so_far) :][:4])  # all that is ever kept back
    for key in found:
        if key.kind not in ("enter",):
            assert not ENTERING & set(key.raw), key
        if key.kind not in ("enter", "end"):
            assert 0x04 not in key.raw, key


@given(pieces)
def test_cuts_do_not_change_what_keys_are(data: bytes) -> None:
    whole, cut = Keys(), Keys()
    one = [key.kind for key in whole.feed(data) if key.kind not in ("part", "text")]
    two = [
        key.kind
        for at in range(len(data))
        for key in cut.feed(data[at : at + 1])
        if key.kind not in ("part", "text")
    ]
    assert one == two


@pytest.mark.parametrize(
    ("data", "kinds"),
    [
        (b"ls\r", "text enter"),
        (b"\x1b\r", "enter"),
        (b"\x1bOM", "enter"),
        (b"\x1b[13u", "enter"),
        (b"\x1b[13;2u", "enter"),
        (b"\x1b[27;2;13~", "enter"),
        (b"\x18\x05", "other edit"),
        (b"\x18\x15", "other other"),
        (b"\x18x", "other other"),
        (b"\x16\r", "other enter"),
        (b"\x1b[\r", "enter"),
        (b"\x1b[\x0f", "enter"),
        (b"\x1b\x04", "end"),
        (b"\x1b[1;5C", "other"),
        (b"\x1b[D\x1bOC", "left right"),
        (b"\x1b[200~a\nb\x1b[201~", "paste text enter text pasted"),
        ("é".encode(), "text"),
        (b"\xc3\r", "other enter"),
        (b"\xff\xfe", "other other"),
        ("\u200b".encode(), "other"),
        (b"a\x7f\x15\x17\x01\x05\x0b", "text rub kill word start finish cut"),
    ],
)
def test_what_keys_are(data: bytes, kinds: str) -> None:
    assert " ".join(key.kind for key in Keys().feed(data)) == kinds


def test_a_sequence_in_two_reads_is_passed_on_at_once() -> None:
    keys = Keys()
    assert keys.feed(b"\x1b") == [Key("part", b"\x1b")]
    assert keys.feed(b"[A") == [Key("other", b"[A")]
    assert keys.feed(b"\x1b[2") == []
    assert keys.feed(b"00~") == [Key("paste", b"\x1b[200~")]
