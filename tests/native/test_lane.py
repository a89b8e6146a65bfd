"""The compiled lane does what Python does, byte for byte, down to the journal and to what later messages hang on."""

from __future__ import annotations

import gc
import itertools
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.native.both import SSN, Both, Rules, Turn, same, using
from tests.postgres.dialogue import (
    BOUND,
    CLOSED,
    NO_DATA,
    NO_PARAMETERS,
    PARSED,
    bind,
    close,
    complete,
    describe,
    described,
    execute,
    row,
)
from vedette import native
from vedette.model import Limit
from vedette.protocols.postgres import messages as m

pytestmark = pytest.mark.skipif(native.compiled is None, reason="the compiled twin is not here: make native")

NAMES = described(("name", 16400, 2, 25))
HIDDEN = described(("ssn", 16400, 4, 25))
ONE = described(("one", 0, 0, 23))
BY_ID = "SELECT name FROM customers WHERE id = $1"
PREPARE = m.parse("s", BY_ID) + describe("S", "s") + m.sync()
PREPARED = PARSED + m.message(b"t", b"\0\1\0\0\0\x17") + NAMES + m.ready()
BINARY = m.message(b"B", b"\0s\0\0\1\0\1\0\1\0\0\0\4" + struct.pack("!i", -7) + b"\0\0")


def asks(number: object, what: str = "name") -> bytes:
    return m.query(f"SELECT {what} FROM customers WHERE id = {number}")


def rows(count: int, tag: str = "SELECT", columns: bytes = NAMES, status: bytes = b"I") -> bytes:
    return columns + row(b"Cy") * count + complete(f"{tag} {count}") + m.ready(status)


def once(text: str = "SELECT name FROM customers WHERE id = $1", *values: bytes | None) -> bytes:
    return m.parse("", text) + bind("", "", *values) + describe("P") + execute() + m.sync()


ORDINARY: list[Turn] = [
    *(([asks(n)], [rows(n)]) for n in range(4)),
    ([m.query("DELETE FROM customers WHERE id = 1")], [complete("DELETE 1") + m.ready()]),
    ([m.query("DELETE FROM customers WHERE id = 2")], [complete("DELETE 1") + m.ready()]),
    *(([once(BY_ID, b"7")], [PARSED + BOUND + rows(2)]) for _ in range(3)),
    ([bind("", "", None) + describe("P") + execute() + m.sync()], [BOUND + rows(1)]),
    ([PREPARE], [PREPARED]),
    *(([bind("", "s", b"7") + execute() + m.sync()], [BOUND + row(b"Cy") + complete("SELECT 1") + m.ready()]) for _ in range(3)),
    *(([BINARY + describe("P") + execute() + m.sync()], [BOUND + rows(1)]) for _ in range(2)),
    ([m.query("SELECT name FROM customers WHERE name = 'é\"\\'")], [rows(0)]),
    *(([m.query("SELECT 'é' FROM customers")], [rows(1, columns=ONE)]) for _ in range(2)),
]  # fmt: skip


@pytest.mark.parametrize("masks", [(), (SSN,)], ids=["no masks", "a masked column"])
def test_ordinary_work_comes_to_the_same_and_goes_by_the_lane(masks):
    turns = ORDINARY
    assert same(turns, rules=Rules(masks)) >= len(turns) - 6


def test_the_lane_itself_takes_it():
    """What the lane took left nothing in the exchange: nobody but it knows of the answers that are due."""
    with TemporaryDirectory() as folder, using(True):
        both = Both(Path(folder, "journal"), Rules((SSN,)))
        both.play([([asks(1)], [rows(1)]), ([asks(2)], [])])
        assert both.lane is not None
        assert not both.exchange.pending
        assert both.relay.busy
        assert [entry.kind for entry in both.exchange.pending] == ["Q"]
        both.journal.close()


def test_a_session_that_is_over_is_let_go_of():
    """The lane and the session hold on to each other: Python's collector sees through both."""

    def lanes() -> int:
        gc.collect()
        return sum(type(one) is native.compiled.Lane for one in gc.get_objects())

    before = lanes()
    with TemporaryDirectory() as folder, using(True):
        both = Both(Path(folder, "journal"), Rules((SSN,)))
        both.play(ORDINARY)
        assert lanes() == before + 1
        both.journal.close()
        del both
    assert lanes() == before


OUT_OF_THE_ORDINARY: dict[str, list[Turn]] = {
    "an error": [([asks(1)], [rows(1)]), ([asks(2)], [NAMES + m.error("22012", "no") + m.ready()]), ([asks(3)], [rows(1)])],
    "a notice in the middle": [([asks(1)], [rows(1)]), ([asks(2)], [m.notice("x") + rows(2)]), ([asks(3)], [rows(1)])],
    "an error of a bind": [
        ([once(BY_ID, b"7")], [PARSED + BOUND + rows(2)]), ([once(BY_ID, b"8")], [PARSED + BOUND + rows(2)]),
        ([once(BY_ID, b"x")], [PARSED + m.error("22P02", "no") + m.ready()]),
        ([execute() + m.sync()], [m.error("34000", "no") + m.ready()]),
        ([bind("", "", b"7") + execute() + m.sync()], [BOUND + row(b"Cy") + complete("SELECT 1") + m.ready()]),
    ],
    "an error of a parse": [
        ([once(BY_ID, b"7")], [PARSED + BOUND + rows(2)]), ([once(BY_ID, b"8")], [PARSED + BOUND + rows(2)]),
        ([once(BY_ID, b"x")], [m.error("42601", "no") + m.ready()]),
        ([bind("", "", b"7") + execute() + m.sync()], [BOUND + row(b"Cy") + complete("SELECT 1") + m.ready()]),
    ],
    "a transaction": [
        ([asks(1)], [rows(1)]), ([m.query("BEGIN")], [complete("BEGIN") + m.ready(b"T")]),
        ([asks(1)], [rows(1, status=b"T")]), ([asks(2)], [m.error("22012", "no") + m.ready(b"E")]),
        ([asks(3)], [m.error("25P02", "no") + m.ready(b"E")]), ([m.query("ROLLBACK")], [complete("ROLLBACK") + m.ready()]),
        ([asks(4)], [rows(4)]),
    ],
    "a masked result": [
        ([asks(1, "ssn")], [HIDDEN + row(b"457-55-5462") + complete("SELECT 1") + m.ready()]),
        ([asks(2, "ssn")], [HIDDEN + row(b"457-55-5463") + complete("SELECT 1") + m.ready()]),
        ([asks(3, "ssn")], [HIDDEN + row(b"457-55-5464") + complete("SELECT 1") + m.ready()]),
    ],
    "a pipeline": [
        ([asks(1)], [rows(1)]), ([asks(2), asks(3)], [rows(1) + rows(2)]),
        ([once(BY_ID, b"7")], [PARSED + BOUND + rows(1)]),
        ([once(BY_ID, b"8"), once(BY_ID, b"9")], [PARSED + BOUND + rows(1) + PARSED + BOUND + rows(2)]),
    ],
    "a row limit": [
        ([PREPARE], [PREPARED]), ([bind("", "s", b"7") + execute() + m.sync()], [BOUND + row(b"Cy") + complete("SELECT 1") + m.ready()]),
        ([bind("", "s", b"7") + execute("", 1) + m.sync()], [BOUND + row(b"Cy") + m.message(b"s") + m.ready(b"T")]),
        ([bind("", "s", b"7") + execute("", 1) + m.sync()], [BOUND + row(b"Cy") + m.message(b"s") + m.ready(b"T")]),
        ([execute("", 1) + m.sync()], [complete("SELECT 0") + m.ready()]),
    ],
    "a statement that goes": [
        ([PREPARE], [PREPARED]), ([bind("", "s", b"7") + execute() + m.sync()], [BOUND + row(b"Cy") + complete("SELECT 1") + m.ready()]),
        ([close("S", "s") + m.sync()], [CLOSED + m.ready()]),
        ([bind("", "s", b"7") + execute() + m.sync()], [m.error("26000", "no") + m.ready()]),
    ],
    "a name that SQL gives": [
        ([PREPARE], [PREPARED]), ([bind("", "s", b"7") + execute() + m.sync()], [BOUND + row(b"Cy") + complete("SELECT 1") + m.ready()]),
        ([m.query("PREPARE s AS SELECT 1")], [complete("PREPARE") + m.ready()]),
        ([bind("", "s", b"7") + execute() + m.sync()], [BOUND + row(b"Cy") + complete("SELECT 1") + m.ready()]),
    ],
    "locks in a transaction": [
        ([once("DELETE FROM customers WHERE id = $1", b"7")], [PARSED + BOUND + NO_DATA + complete("DELETE 1") + m.ready()]),
        ([m.query("BEGIN")], [complete("BEGIN") + m.ready(b"T")]),
        ([once("DELETE FROM customers WHERE id = $1", b"8")], [PARSED + BOUND + NO_DATA + complete("DELETE 1") + m.ready(b"T")]),
    ],
    "no description where one is due": [([asks(1)], [rows(1)]), ([asks(2)], [row(b"Cy") + complete("SELECT 1") + m.ready()])],
    "no columns": [
        ([once("SELECT FROM customers")], [PARSED + BOUND + NO_DATA + complete("SELECT 0") + m.ready()]),
        ([once("SELECT FROM customers")], [PARSED + BOUND + NO_DATA + complete("SELECT 0") + m.ready()]),
        ([once("SELECT FROM customers")], [PARSED + BOUND + NO_DATA + row() + complete("SELECT 0") + m.ready()]),
    ],
    "rows that lie": [([asks(1)], [rows(1)]), ([asks(2)], [NAMES + row(b"Cy") + b"D\0\0\0\3"])],
    "ready too early": [([asks(1)], [rows(1)]), ([once(BY_ID, b"7")], [PARSED + BOUND + rows(1)]), ([once(BY_ID, b"7")], [PARSED + m.ready()])],
    "an unknown state": [([asks(1)], [rows(1)]), ([asks(2)], [NAMES + complete("SELECT 0") + m.message(b"Z", b"?")])],
    "labels that are no UTF-8": [([asks(1)], [rows(1)]), ([asks(2)], [rows(1, columns=m.message(b"T", b"\0\1a\xff\xe2\x82\0" + bytes(18)))])],
    "a description that lies": [([asks(1)], [rows(1)]), ([asks(2)], [m.message(b"T", b"\0\2a\0" + bytes(18)) + complete("SELECT 0")])],
    "two results in one": [([asks(1)], [rows(1)]), ([asks(2)], [NAMES + row(b"a") + complete("SELECT 1") + rows(2)])],
    "what is refused": [([asks(1)], [rows(1)]), ([m.query("DROP TABLE customers")], [m.error("42601", "no") + m.ready()]), ([asks(2)], [rows(2)])],
}  # fmt: skip


@pytest.mark.parametrize("masks", [(), (SSN,)], ids=["no masks", "a masked column"])
@pytest.mark.parametrize("name", OUT_OF_THE_ORDINARY)
def test_what_is_out_of_the_ordinary_comes_to_the_same(name, masks):
    same(OUT_OF_THE_ORDINARY[name], rules=Rules(masks))


@pytest.mark.parametrize("name", OUT_OF_THE_ORDINARY)
def test_cut_at_every_byte(name):
    turns = OUT_OF_THE_ORDINARY[name]
    said, answered = turns[1]
    for place in range(1, len(answered[0]) if answered else 1):
        cut = [answered[0][:place], answered[0][place:]]
        same([turns[0], (said, cut), *turns[2:]], rules=Rules((SSN,)))
    for place in range(1, len(said[0])):
        same([turns[0], ([said[0][:place], said[0][place:], *said[1:]], answered), *turns[2:]])


def test_more_is_asked_in_the_middle_of_an_answer():
    """The lane leaves what it was in the middle of, a row's rest included."""
    answered = rows(2)
    for place in range(1, len(answered)):
        first, rest = answered[:place], answered[place:]
        same(
            [
                ([asks(1)], [rows(1)]),
                ([asks(2)], [first]),
                ([asks(3)], [rest + rows(1)]),
                ([asks(4)], [rows(1)]),
            ]
        )


def test_checkpoints_fall_on_the_same_records():
    for every in (1, 2, 3, 7):
        same(ORDINARY, every=every)


def test_a_catalogue_that_is_no_longer_trusted_is_noticed():
    taken = same(ORDINARY, lose=3)
    assert taken < same(ORDINARY)


def test_limits_are_not_for_the_lane():
    same(ORDINARY, rules=Rules((), (Limit("few", rows=3),)))


PIECES = [piece for turns in [ORDINARY, *OUT_OF_THE_ORDINARY.values()] for said, _ in turns for piece in said]
ANSWERS = [
    PARSED, BOUND, CLOSED, NAMES, HIDDEN, ONE, row(b"Cy"), row(b"x") * 3, NO_PARAMETERS, NO_DATA, complete("SELECT 1"),
    m.ready(), m.ready(b"T"), m.ready(b"E"), m.error("42P01", "no"), m.message(b"s"), m.message(b"I"),
    m.parameter_status("TimeZone", "UTC"),
]  # fmt: skip
FITTING = [turn for turns in [ORDINARY, *OUT_OF_THE_ORDINARY.values()] for turn in turns]


def _cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(each % (len(data) + 1) for each in at)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


CUTS = st.lists(st.integers(0, 400), max_size=3)
ANY_TURN = st.one_of(
    st.sampled_from(FITTING).map(lambda turn: (turn[0], turn[1])),
    st.tuples(
        st.lists(st.sampled_from(PIECES), min_size=1, max_size=2),
        st.tuples(st.lists(st.sampled_from(ANSWERS), max_size=6).map(b"".join), CUTS).map(
            lambda pair: _cut(*pair)
        ),
    ),
    st.tuples(
        st.tuples(st.sampled_from(PIECES), CUTS).map(lambda pair: _cut(*pair)),
        st.lists(st.sampled_from(ANSWERS), max_size=3),
    ),
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(turns=st.lists(ANY_TURN, min_size=1, max_size=8), masks=st.sampled_from([(), (SSN,)]))
def test_whatever_is_said_both_come_to_the_same(turns, masks):
    same([([asks(1)], [rows(1)]), *turns], rules=Rules(masks))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    which=st.sampled_from(ORDINARY),
    damage=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), min_size=1, max_size=3),
    upstream=st.booleans(),
)
def test_damaged_bytes_come_to_the_same(which, damage, upstream):
    """The session is warm, so that the lane would take what is damaged then."""
    said, answered = list(which[0]), list(which[1])
    target = answered if upstream else said
    data = bytearray(target[0])
    for place, value in damage:
        data[place % len(data)] = value
    target[0] = bytes(data)
    same([*ORDINARY[:12], (said, answered), ([asks(9)], [rows(1)])], rules=Rules((SSN,)))
