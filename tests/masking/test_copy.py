"""COPY streams masked, in every format and however they are cut."""

from __future__ import annotations

import csv
import io
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.masking.rows import row
from vedette.masking import CannotMask, CopyMask, Output, Tally, plan, rewrite
from vedette.masking import copy as copying
from vedette.model import MaskRule

RULES = [
    MaskRule("content", entities=frozenset({"email", "credit_card"})),
    MaskRule("ssn", columns=("*.ssn",)),
]
NAMES = ("id", "note", "ssn")


def made(binary=False):
    result = plan([Output(n, "public.t", n, 25, binary) for n in NAMES], RULES, b"key")
    assert result is not None
    return result


def mask(format="text", delimiter=None, null=None, quote='"', escape='"', header=False):
    delimiter = delimiter or ("," if format == "csv" else "\t")
    null = null if null is not None else ("" if format == "csv" else "\\N")
    return CopyMask(made(format == "binary"), format, delimiter, null, quote, escape, header)


def all_of(masker, data, cuts=()):
    edges = [0, *sorted(cuts), len(data)]
    out = b"".join(masker.feed(data[a:b]) for a, b in pairwise(edges))
    return out + masker.finish()


TEXT = (
    b"1\tmail jane@x.example\\n4111 1111\\t\t123\n2\t\\N\t\\N\n"
    b"3\tnothing\\\\\tx\n4\t4111\\ 1111 1111 1111\ty\n"
)
TEXT_MASKED = (
    b"1\tmail [email]\\n4111 1111\\t\t[redacted]\n2\t\\N\t\\N\n"
    b"3\tnothing\\\\\t[redacted]\n4\t[credit_card]\t[redacted]\n"
)
CSV = b'id,note,ssn\n1,"a ""jane@x.example""\nnext, line",123\n2,,\n3,"",x\n"4",4111-1111-1111-1111,"y"\n'
CSV_MASKED = (
    b'id,note,ssn\n1,"a ""[email]""\nnext, line",[redacted]\n2,,\n'
    b'3,"",[redacted]\n"4",[credit_card],[redacted]\n'
)


def binary(*rows):
    head = b"PGCOPY\n\xff\r\n\0" + struct.pack("!II", 0, 0)
    return head + b"".join(row(*cells)[5:] for cells in rows) + b"\xff\xff"


BINARY = binary((b"1", b"jane@x.example", b"123"), (b"2", None, None), (b"3", b"", b"x"))
BINARY_MASKED = binary((b"1", b"[email]", b"[redacted]"), (b"2", None, None), (b"3", b"", b"[redacted]"))

STREAMS = [
    pytest.param({"format": "text"}, TEXT, TEXT_MASKED, id="text"),
    pytest.param({"format": "csv", "header": True}, CSV, CSV_MASKED, id="csv"),
    pytest.param({"format": "binary"}, BINARY, BINARY_MASKED, id="binary"),
]


@pytest.mark.parametrize(("options", "data", "masked"), STREAMS)
def test_it_is_masked(options, data, masked):
    masker = mask(**options)

    assert all_of(masker, data) == masked
    assert masker.tally.counts["email"] == 1


@pytest.mark.parametrize(("options", "data", "masked"), STREAMS)
def test_where_it_is_cut_does_not_matter(options, data, masked):
    for cut in range(len(data) + 1):
        assert all_of(mask(**options), data, [cut]) == masked
    assert all_of(mask(**options), data, range(len(data))) == masked


@given(st.data())
def test_random_cuts(data):
    options, stream, masked = data.draw(st.sampled_from([p.values for p in STREAMS]))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=5))

    assert all_of(mask(**options), stream, cuts) == masked


@pytest.mark.parametrize(("options", "data", "masked"), STREAMS)
def test_masking_twice_is_masking_once(options, data, masked):
    assert all_of(mask(**options), masked) == masked


def test_rows_come_out_as_they_come_in():
    masker = mask()

    assert masker.feed(b"1\ta@b.example\tx\n2\tb") == b"1\t[email]\t[redacted]\n"
    assert masker.feed(b"\ty\n") == b"2\tb\t[redacted]\n"
    assert masker.finish() == b""


fields = st.lists(st.text(max_size=8), min_size=3, max_size=3)


@given(
    st.lists(fields, min_size=1, max_size=4),
    st.sampled_from([",", ";", "|", "@", "4"]),
    st.sampled_from(['"', "'", "~"]),
    st.sampled_from(['"', "'", "\\", "~"]),
    st.sets(st.integers(0, 200), max_size=4),
)
def test_csv_of_any_dialect_keeps_its_fields(rows, delimiter, quote, escape, cuts):
    rows = [[a, b + "jane@x.example", c or "x"] for a, b, c in rows]

    def written(field):
        inside = field.replace(escape, escape * 2)
        if quote != escape:
            inside = inside.replace(quote, escape + quote)
        return quote + inside + quote

    data = "".join(delimiter.join(map(written, r)) + "\n" for r in rows).encode("utf-8", "replace")

    masked = all_of(mask("csv", delimiter, "NULL", quote, escape), data, {c for c in cuts if c < len(data)})

    assert b"jane" not in masked
    if quote == escape and "\0" not in masked.decode():
        read = list(
            csv.reader(io.StringIO(masked.decode(), newline=""), delimiter=delimiter, quotechar=quote)
        )
        assert [r[0] for r in read] == [r[0].encode("utf-8", "replace").decode() for r in rows]
        assert [r[2] for r in read] == ["[redacted]"] * len(rows)


@given(st.lists(fields, min_size=1, max_size=4), st.sampled_from(["\t", "|", ",", "@"]))
def test_text_of_any_delimiter_keeps_its_fields(rows, delimiter):
    escapes = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", delimiter: "\\" + delimiter}

    def written(field):
        return "".join(escapes.get(char, char) for char in field).encode("utf-8", "replace")

    lines = [[a, b + " jane@x.example ", c] for a, b, c in rows]
    data = b"".join(delimiter.encode().join(map(written, line)) + b"\n" for line in lines)

    masked = all_of(mask("text", delimiter), data)

    assert b"jane" not in masked
    assert masked.count(b"\n") == len(rows)
    assert masked.count(b"[redacted]") == len(rows)


@given(st.lists(st.lists(st.one_of(st.none(), st.binary(max_size=30)), min_size=3, max_size=3), max_size=4))
def test_binary_copy_masks_as_rows_do(rows):
    masked = all_of(mask("binary"), binary(*rows))

    as_rows = [rewrite(made(True), row(*cells), Tally())[5:] for cells in rows]
    assert masked == binary()[:19] + b"".join(as_rows) + b"\xff\xff"


def test_a_custom_null_is_kept_and_used():
    masker = CopyMask(
        plan([Output("a", "public.t", "a", 23, False)], [MaskRule("r", columns=("*",))], b""),
        "text", "|", "nil", '"', '"', False,
    )  # fmt: skip

    assert all_of(masker, b"5\nnil\n") == b"nil\nnil\n"


def test_hexadecimal_and_octal_escapes_hide_nothing():
    data = b"1\tjane\\x40x.example, joe\\100y.example\tz\n"

    assert all_of(mask(), data) == b"1\t[email], [email]\t[redacted]\n"


def test_the_old_end_marker_and_a_last_line_without_end():
    assert all_of(mask(), b"1\ta@b.example\tx\r\n\\.\n") == b"1\t[email]\t[redacted]\r\n\\.\n"
    assert all_of(mask(), b"1\ta@b.example\tx") == b"1\t[email]\t[redacted]"


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("text", b"1\ta@b.example\n"),
        ("text", b"1\t2\t3\t4\n"),
        ("csv", b"1,2\n"),
        ("csv", b'1,"2,3\n'),
        ("binary", b"PGCOPX\n\xff\r\n\0" + bytes(8)),
        ("binary", BINARY[:11] + b"\0\1\0\0" + BINARY[15:]),
        ("binary", BINARY + b"\0"),
        ("binary", BINARY[:-1]),
        ("binary", BINARY[:-2]),
        ("binary", BINARY[:19] + b"\0\2" + BINARY[21:]),
        ("binary", BINARY[:21] + b"\x80\0\0\0" + BINARY[25:]),
        ("binary", BINARY[:15] + b"\xff\xff\xff\xff" + BINARY[19:]),
        ("binary", b""),
    ],
)
def test_what_the_plan_was_not_made_for_is_refused_for_good(format, data):
    masker = mask(format)

    with pytest.raises(CannotMask):
        all_of(masker, data)
    with pytest.raises(CannotMask):
        masker.feed(b"")


def test_a_row_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(copying, "MAX_HELD_BYTES", 100)
    masker = mask()
    masker.feed(b"x" * 100)

    with pytest.raises(CannotMask, match="too long"):
        masker.feed(b"x")


@pytest.mark.parametrize("options", [{"delimiter": "ab"}, {"format": "csv", "quote": ""}, {"format": "xml"}])
def test_syntax_that_cannot_be_is_refused(options):
    with pytest.raises(CannotMask):
        mask(**{"delimiter": ",", "null": "", **options})
