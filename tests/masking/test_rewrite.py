"""Rows rewritten: framing kept, values gone, lies refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.masking.rows import cells_of, row
from tests.masking.test_detectors import FOUND
from vedette.masking import CannotMask, Output, Tally, plan, rewrite
from vedette.model import MaskRule

TYPES = (25, 1043, 114, 3802, 1009, 1015, 16, 1700, 17, 99999)
OUTPUTS = [Output(f"c{i}", "public.t", f"c{i}", oid, False) for i, oid in enumerate(TYPES)]
CONTENT = MaskRule("content", entities=frozenset({"personal", "secrets"}))
PLAN = plan(OUTPUTS, [CONTENT], b"key")
assert PLAN is not None

SECRETS = [
    "jane.doe@example.com",
    "4111 1111 1111 1111",
    "5555555555554444",
    "123-45-6789",
    "+49 171 2345678",
    "GB82 WEST 1234 5698 7654 32",
    "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2,
]
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
around = st.sampled_from(["", " ", "  text ", ": ", "\n", "(", "«", "'", '"', ",", "\\"])


@st.composite
def planted(draw):
    """Text with a secret in it, as text, JSON and array element."""
    secret = draw(st.sampled_from(SECRETS))
    return secret, draw(words) + " " + draw(around) + secret + draw(around) + " " + draw(words)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def in_json(text: str, ascii_only: bool) -> str:
    import json

    return json.dumps({"k": [text, 1.50, None], text: True}, ensure_ascii=ascii_only)


@given(planted(), planted(), st.booleans(), st.integers(1, 4))
def test_a_planted_value_never_appears(one, two, escaped, count):
    secret, text = one
    other, more = two
    cells = [
        text.encode(),
        None,
        in_json(text, escaped).encode(),
        in_json(more, escaped).encode(),
        f"{{{quoted(text)},NULL,{quoted(more)}}}".encode(),
        f"{{{{{quoted(more)}}},{{x}}}}".encode(),
        b"t",
        b"12.50",
        b"\\x" + text.encode().hex().encode(),
        more.encode(),
    ]
    run = row(*cells) * count

    masked = rewrite(PLAN, run, Tally())

    for value in (secret, other):
        assert value.encode() not in masked
        assert value.encode().hex().encode() not in masked
    assert [len(cells) for cells in cells_of(masked)] == [len(cells)] * count
    assert rewrite(PLAN, masked, Tally()) == masked


cells = st.one_of(st.none(), st.binary(max_size=40), st.sampled_from([s.encode() for s in SECRETS]))
runs = st.lists(st.lists(cells, min_size=10, max_size=10).map(lambda c: row(*c)), max_size=5)


@given(runs)
def test_where_the_run_is_cut_between_rows_does_not_matter(rows):
    together, apart = Tally(), Tally()

    assert rewrite(PLAN, b"".join(rows), together) == b"".join(rewrite(PLAN, one, apart) for one in rows)
    assert together == apart


@given(runs)
def test_any_bytes_keep_their_framing(rows):
    assert [len(one) for one in cells_of(rewrite(PLAN, b"".join(rows), Tally()))] == [10] * len(rows)


@given(st.lists(st.lists(st.binary(max_size=40), min_size=2, max_size=2).map(lambda c: row(*c)), max_size=5))
def test_columns_without_a_rule_are_not_touched(rows):
    outputs = [Output("a", "public.t", "a", 25, False), Output("b", "public.t", "b", 25, False)]
    only_b = plan(outputs, [MaskRule("r", columns=("public.t.b",))], b"key")
    run = b"".join(rows)

    masked = cells_of(rewrite(only_b, run, Tally()))

    assert [cells[0] for cells in masked] == [cells[0] for cells in cells_of(run)]
    assert all(cells[1] == b"[redacted]" for cells in masked)


def test_a_run_without_finds_is_the_same_object():
    run = row(b"nothing", None, b"{}", b"{}", b"{}", b"{}", b"t", b"1", b"\\x", b"mood") * 3
    plain = plan(OUTPUTS[:7], [CONTENT], b"key")
    short = row(b"nothing", None, b"{}", b"{}", b"{}", b"{}", b"t") * 3

    assert rewrite(plain, short, Tally()) is short
    assert rewrite(PLAN, run, Tally()) is run


def test_null_stays_null_and_is_not_counted():
    tally = Tally()
    made = plan(OUTPUTS[:1], [MaskRule("r", columns=("*",))], b"key")

    assert rewrite(made, row(None), tally) == row(None)
    assert tally.counts == {}


def test_the_tally_counts_cells():
    tally = Tally()
    outputs = [Output("a", "public.t", "a", 25, False), Output("b", "public.t", "b", 25, False)]
    made = plan(outputs, [MaskRule("whole", columns=("*.b",)), CONTENT], b"key")

    rewrite(made, row(b"a@b.example and c@d.example", b"x") * 3, tally)

    assert tally.counts == {"email": 3, "whole": 3}


GOOD = row(b"a@b.example", None, b"{}", b"{}", b"{}", b"{}", b"t", b"1", b"\\x", b"x")


@pytest.mark.parametrize(
    "run",
    [
        GOOD[:-1],
        GOOD + b"D",
        b"C" + GOOD[1:],
        row(b"a@b.example"),
        row(*[b"a@b.example"] * 11),
        b"D\0\0\0\6\0\0",
        b"D\0\0\0\3\0\x0a",
        b"D\0\0\0\x0a\0\x0a\xff\xff\xff\xfe",
        b"D" + struct.pack("!I", 18) + b"\0\x0a" + struct.pack("!i", 0x7FFFFFFF) + b"a@b.example"[:8],
        b"D" + struct.pack("!I", 18) + b"\0\x0a" + struct.pack("!i", 9) + b"a@b.examp",
    ],
)
def test_a_run_that_lies_is_refused(run):
    with pytest.raises(CannotMask):
        rewrite(PLAN, run, Tally())


def test_1600_columns():
    outputs = [Output(f"c{i}", "public.t", f"c{i}", 25, False) for i in range(1600)]
    made = plan(outputs, [CONTENT, MaskRule("r", "null", columns=("public.t.c7",))], b"key")
    cells = [b"x"] * 1599 + [b"a@b.example"]

    [masked] = cells_of(rewrite(made, row(*cells), Tally()))

    assert (masked[7], masked[1599], masked.count(b"x")) == (None, b"[email]", 1598)


def test_what_is_hidden_in_json_stays_json():
    made = plan([Output("j", "public.t", "j", 114, False)], [CONTENT], b"key")
    text = rb'{"a@b.example": 4111111111111111, "n": 1.50, "n": 1e400, "s": "x\/a@b.example\n"}'

    [[masked]] = cells_of(rewrite(made, row(text), Tally()))

    assert masked == rb'{"[email]": "[credit_card]", "n": 1.50, "n": 1e400, "s": "x/[email]\n"}'


def test_a_member_of_json_is_read_with_its_name():
    made = plan([Output("j", "public.t", "j", 114, False)], [CONTENT], b"key")

    [[masked]] = cells_of(rewrite(made, row(b'{"ssn" : "123456789", "order": "123456789"}'), Tally()))

    assert masked == b'{"ssn" : "[us_ssn]", "order": "123456789"}'


def test_what_is_no_json_is_hidden_as_text():
    made = plan([Output("j", "public.t", "j", 114, False)], [CONTENT], b"key")

    [[masked]] = cells_of(rewrite(made, row(b'oops a@b.example "'), Tally()))

    assert masked == b'oops [email] "'


# Lengths whose last byte is a digit, an @, a letter, or no ASCII: framing that looks like text.
LENGTHS = [0x2B, 0x30, 0x39, 0x40, 0x41, 0x5C, 0x80, 0xC3, 0xE2, 0xFF, 0x13D, 0x2020]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("name", "text", "value"), FOUND)
def test_framing_hides_nothing(name, text, value, length):
    """What the search through a whole run must see, it sees at every place in the run."""
    outputs = [Output("a", "", None, 25, False), Output("b", "", None, 25, False)]
    made = plan(outputs, [MaskRule("r", entities=frozenset({name}))], b"key")
    raw = text.encode()
    long = raw + b" " * (length - len(raw))
    before = b"5" * (length % 7)

    [[same, masked], *_] = cells_of(rewrite(made, row(before, long) + row(long, before), Tally()))

    assert same == before
    assert value.encode() not in masked
    assert f"[{name}]".encode() in masked


@given(
    st.sampled_from(
        [25, 18, 114, 3802, 2950, 20, 21, 23, 1700, 701, 17, 869, 1009, 3807, 1016, 1231, 1001, 2249, 70000]
    ),
    st.booleans(),
    st.sampled_from(["redact", "partial", "hash", "null"]),
    st.binary(max_size=60),
)
def test_no_bytes_of_any_type_break_it(oid, binary, strategy, value):
    output = [Output("phone", "public.t", "ssn", oid, binary)]
    content = MaskRule("r", strategy, entities=frozenset({"personal", "secrets"}))

    for rule in (content, MaskRule("r", strategy, columns=("*",))):
        made = plan(output, [rule], b"key")
        if made is not None:
            assert len(cells_of(rewrite(made, row(value), Tally()))) == 1
