"""The compiled functions give what the Python ones give, for anything."""

from __future__ import annotations

import struct

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vedette import native
from vedette.journal.chain import Chain
from vedette.protocols.postgres.rows import run
from vedette.sql.shape import shape

pytestmark = pytest.mark.skipif(native.compiled is None, reason="the compiled twin is not here: make native")

PIECES = [
    *(
        "'",
        "''",
        '"',
        "a",
        "E",
        "_",
        "1",
        "23",
        ".",
        " ",
        "\n",
        "\t",
        "\r",
        "\x0b",
        "-",
        "--",
        "/*",
        "$",
        "\\",
        "&",
        "é",
    ),
    *(
        "'a'",
        "'it''s'",
        '"ab"',
        '"a b"',
        "1.5",
        "SELECT",
        "x = 7",
        ", ",
        "\x7f",
        "\0",
        "\x1c",
        "\x85",
        "\u0660",
    ),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@settings(max_examples=2000, deadline=None)
@given(TEXTS | st.text(alphabet=st.characters(max_codepoint=127), max_size=40) | st.text(max_size=20))
@example("1" * 4096)
@example("1" * 4097)
@example("'" + "a" * 4094 + "'")
def test_shapes_are_the_same(text):
    assert native.compiled.shape(text) == shape(text)


@settings(max_examples=500, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])), st.floats())
@example("", 1e-5)
@example("", 1e16)
@example("\x7f", 1_763_835_234.123456)
def test_texts_and_floats_are_written_as_msgspec_writes_them(text, number):
    assert native.compiled.json(text, number) == msgspec.json.encode(text) + msgspec.json.encode(number)


RECORDS = st.lists(
    st.tuples(st.floats(0, 4e9), st.sampled_from([b"action.judged", b"a.b"]), st.binary(max_size=90)),
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(
    RECORDS,
    RECORDS,
    st.binary(min_size=1, max_size=64),
    st.binary(min_size=48, max_size=48),
    st.integers(0, 2**40),
)
def test_chains_are_the_same_and_go_back_to_the_same_place(first, second, key, state, seq):
    pure, swift = Chain(seq, state, key), native.compiled.Chain(seq, state, key)
    assert swift.lines(first) == pure.lines(first)
    mark = swift.mark()
    assert mark == pure.mark()
    swift.lines(second)
    swift.back(mark)
    assert swift.lines(second) == pure.lines(second)
    assert (swift.seq, swift.state) == (pure.seq, pure.state)


@pytest.mark.parametrize("key", [b"", b"k" * 65])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(ValueError, match="key"):
        native.compiled.Chain(0, bytes(48), key)


def test_a_record_that_is_none_leaves_the_chain_where_it_was():
    swift = native.compiled.Chain(0, bytes(48), b"k")
    with pytest.raises(TypeError):
        swift.lines([(1.0, b"a", b"{}"), (1.0, "a", b"{}")])
    assert swift.mark() == (0, bytes(48))


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=9),
            st.builds(
                lambda tag, size: tag + struct.pack("!I", size),
                st.sampled_from([b"D", b"d", b"C"]),
                st.integers(0, 12),
            ),
            st.builds(lambda body: b"D" + struct.pack("!I", len(body) + 4) + body, st.binary(max_size=12)),
        ),
        max_size=8,
    ).map(b"".join),
    st.integers(0, 80),
)
def test_runs_of_rows_are_the_same(data, end):
    assert native.compiled.run(data, end, 0x44) == run(data, end, 0x44)
