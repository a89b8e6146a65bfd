"""The PostgreSQL relay under damaged conversations: what a refusal stops, and that cuts do not matter."""

from __future__ import annotations

import contextlib

import pytest

from tests.fuzz.mutations import inputs
from tests.postgres import dialogue as d
from vedette.model import Deny, MaskRule
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.messages import ProtocolError

pytestmark = pytest.mark.fuzz

CANARY = b"canary_7f3a"
TEXT = f"SELECT '{CANARY.decode()}' FROM customers"
REQUESTS = (
    m.query(TEXT) + m.query("SELECT 1"),
    m.parse("s", TEXT) + d.describe("S", "s") + m.message(b"H") + d.bind("", "s") + d.execute() + m.sync(),
    m.parse("", TEXT)
    + d.bind("p", "", b"1")
    + d.describe("P", "p")
    + d.execute("p", 5)
    + d.close("P", "p")
    + m.sync(),
    m.query(f"COPY customers FROM STDIN /* {CANARY.decode()} */")
    + m.message(b"d", b"1\t2\n")
    + m.message(b"c"),
    m.query(f"BEGIN; {TEXT}; COMMIT") + m.message(b"F", b"\0\0\0\1" + CANARY + bytes(8)) + m.terminate(),
)
ROW = d.row(b"1", b"Ada", b"ada@example.com", b"078-05-1120")
DESCRIBED = d.described(
    ("id", 16400, 1, 23), ("name", 16400, 2, 25), ("email", 16400, 3, 25), ("ssn", 16400, 4, 25)
)
ANSWERS = (
    DESCRIBED + ROW * 3 + d.complete("SELECT 3") + m.ready(),
    m.error("42P01", "no such table") + m.ready(b"E"),
    m.notice("a word")
    + m.parameter_status("TimeZone", "UTC")
    + DESCRIBED
    + ROW
    + d.complete("SELECT 1")
    + m.ready(),
    m.message(b"H", b"\0\0\1\0\0")
    + m.message(b"d", b"1\tada@example.com\n")
    + m.message(b"c")
    + d.complete("COPY 1")
    + m.ready(),
)
MASKS = (
    MaskRule("m", "redact", frozenset({"email"})),
    MaskRule("c", "null", columns=("public.customers.ssn",)),
)


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_nothing_of_a_refused_statement_goes_up() -> None:
    for data in inputs("relay-refused", REQUESTS):
        dialogue = d.Dialogue(lambda draft: Deny("no", "because"))
        with contextlib.suppress(ProtocolError):
            dialogue.caller_says(*_cut(data, 1 + len(data) % 37))
        assert CANARY not in dialogue.up, f"{data!r} went up as {dialogue.up!r}"


def _outcome(pieces: list[bytes]) -> tuple[bytes, bytes, list[str | None], bool]:
    """What went up and down, the texts put to judgement, and whether the bytes were called unreadable."""
    dialogue = d.Dialogue()
    broken = False
    try:
        dialogue.caller_says(*pieces)
    except ProtocolError:
        broken = True
    return dialogue.up, dialogue.down, [draft.text for draft in dialogue.drafts], broken


def test_where_the_callers_reads_are_cut_does_not_matter() -> None:
    for data in inputs("relay-cut", REQUESTS):
        whole = _outcome([data])
        for size in (1, 3, 17):
            cut = _outcome(_cut(data, size))
            assert cut == whole, f"{data!r} cut every {size} bytes"


def _answered(pieces: list[bytes]) -> tuple[bytes, bool]:
    dialogue = d.Dialogue(masks=MASKS)
    dialogue.caller_says(m.query("SELECT * FROM customers"))
    broken = False
    try:
        dialogue.server_says(*pieces)
    except ProtocolError:
        broken = True
    return dialogue.down, broken


def test_damaged_answers_raise_only_protocol_errors_however_they_are_cut() -> None:
    for data in inputs("relay-answers", ANSWERS):
        shown, broken = _answered([data])
        for size in (1, 7):
            cut, cut_broken = _answered(_cut(data, size))
            assert cut_broken == broken, f"{data!r} cut every {size} bytes"
            # A row that cannot be masked takes with it the run of rows that arrived together.
            if not broken and b"mask" not in shown + cut:
                assert cut == shown, f"{data!r} cut every {size} bytes"
