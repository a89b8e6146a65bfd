"""Where reads are cut does not matter, and any bytes at all lead to a ProtocolError at worst."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.postgres.dialogue import (
    BOUND,
    CLOSED,
    NO_PARAMETERS,
    NONCE,
    PARSED,
    Dialogue,
    bind,
    close,
    complete,
    describe,
    described,
    execute,
    row,
)
from vedette.model import Allow, Deny, Limit, MaskRule
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.messages import ProtocolError

SSN = MaskRule("hide-ssn", "redact", columns=("public.customers.ssn",))
MAIL = MaskRule("hide-mail", "partial", frozenset({"email"}))
MASKS = (SSN, MAIL)
VALUE, ADDRESS = b"457-55-5462", b"cy@example.net"
HEAD = described(("name", 16400, 2, 25), ("email", 16400, 3, 25), ("ssn", 16400, 4, 25))
ROW = row(b"Cy", ADDRESS, VALUE)
TEXT = "SELECT name, email, ssn FROM customers"
REFUSED = f"vedette_refused_{NONCE}"
SYNTAX = m.error("42601", f'syntax error at or near "{REFUSED}"')


@dataclass(frozen=True)
class Sample:
    """An exchange in turns: what the caller says, then what the server answers to it."""

    turns: tuple[tuple[bytes, bytes], ...]
    deny: str = "DROP"
    limits: tuple[Limit, ...] = ()


SAMPLES = {
    "simple": Sample(((m.query(TEXT), HEAD + ROW * 5 + complete("SELECT 5") + m.ready()),)),
    "extended, prepared once and run twice": Sample(
        (
            (
                m.parse("s", TEXT) + describe("S", "s") + bind("", "s") + execute() + m.sync(),
                PARSED + NO_PARAMETERS + HEAD + BOUND + ROW * 3 + complete("SELECT 3") + m.ready(),
            ),
            (bind("", "s") + execute() + m.sync(), BOUND + ROW * 2 + complete("SELECT 2") + m.ready()),
            (close("S", "s") + m.sync(), CLOSED + m.ready()),
        )
    ),
    "refusals": Sample(
        (
            (m.query("DROP TABLE customers"), SYNTAX + m.ready()),
            (
                m.parse("", "DROP TABLE x") + bind() + execute() + m.sync() + m.query("SELECT 1"),
                SYNTAX + m.ready() + described(("one", 0, 0, 23)) + row(b"1") + complete("SELECT 1") + m.ready(),
            ),
        )
    ),
    "copy out": Sample(
        (
            (
                m.query("COPY customers TO STDOUT"),
                m.message(b"H", b"\0\0\4" + bytes(8))
                + m.message(b"d", b"3\tCy\t" + ADDRESS + b"\t" + VALUE + b"\n") * 3
                + m.message(b"c") + complete("COPY 3") + m.ready(),
            ),
        )
    ),
    "copy in": Sample(
        (
            (m.query("COPY customers FROM STDIN"), m.message(b"G", b"\0\0\4" + bytes(8))),
            (m.message(b"d", b"1\tx\n") * 3 + m.message(b"c"), complete("COPY 3") + m.ready()),
        )
    ),
    "errors, notices and what comes unasked": Sample(
        (
            (
                m.query(TEXT),
                m.notice("seen " + ADDRESS.decode()) + m.parameter_status("TimeZone", "UTC")
                + m.message(b"A", b"\0\0\0\7news\0write to " + ADDRESS + b"\0")
                + m.error("23505", "duplicate", detail=f"Key (email)=({ADDRESS.decode()})") + m.ready(b"E"),
            ),
        )
    ),
    "a portal with a row limit": Sample(
        (
            (
                m.parse("", TEXT) + bind("p", "") + describe("P", "p") + execute("p", 2) + m.sync(),
                PARSED + BOUND + HEAD + ROW * 2 + m.message(b"s") + m.ready(b"T"),
            ),
            (execute("p", 2) + m.sync(), ROW + complete("SELECT 1") + m.ready()),
        )
    ),
    "two results in one string": Sample(
        (
            (
                m.query(f"{TEXT}; SELECT 1"),
                HEAD + ROW + complete("SELECT 1") + described(("one", 0, 0, 23)) + row(b"1")
                + complete("SELECT 1") + m.ready(),
            ),
        )
    ),
}  # fmt: skip


def _judge(sample: Sample, masks: tuple[MaskRule, ...]):
    return lambda draft: (
        Deny("no", "not here")
        if draft.text and sample.deny in draft.text
        else Allow("test", masks, sample.limits)
    )


def _cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(each % (len(data) + 1) for each in at)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


def _play(
    sample: Sample, at: list[int] | None, *, express: bool = True, masks: tuple[MaskRule, ...] = MASKS
) -> tuple[object, ...]:
    """All that can be seen of an exchange whose reads are cut at *at* (by each turn's length)."""
    talk = Dialogue(_judge(sample, masks), masks=masks, express=express)
    for said, answered in sample.turns:
        talk.caller_says(*(_cut(said, at) if at else [said]))
        talk.server_says(*(_cut(answered, at) if at else [answered]))
    outcomes = [(o.tag, o.rows, o.size, o.sqlstate, dict(o.masked)) for o in talk.outcomes]
    drafts = [(d.kind, d.text, d.message, d.parameters) for d in talk.drafts]
    return talk.up, talk.down, outcomes, drafts


WHOLE = {name: _play(sample, None) for name, sample in SAMPLES.items()}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_hide_what_they_must(name):
    up, down, _outcomes, drafts = WHOLE[name]
    assert drafts
    assert up
    assert VALUE not in down
    assert ADDRESS not in down


@pytest.mark.parametrize("name", SAMPLES)
def test_cut_at_every_byte(name):
    sample = SAMPLES[name]
    longest = max(len(piece) for turn in sample.turns for piece in turn)
    assert _play(sample, list(range(longest))) == WHOLE[name], "a byte at a time"
    for place in range(1, longest):
        assert _play(sample, [place]) == WHOLE[name], f"cut at {place}"


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(SAMPLES)), at=st.lists(st.integers(0, 2000), min_size=1, max_size=12))
def test_wherever_reads_are_cut(name, at):
    assert _play(SAMPLES[name], at) == WHOLE[name]


MESSAGES = st.one_of(
    st.binary(max_size=60),
    st.builds(m.message, st.sampled_from([bytes((tag,)) for tag in b"QPBEDCSHFXdcfpvABGHIKNRTWZ1235nst\0"]), st.binary(max_size=40)),
    st.sampled_from([piece for sample in SAMPLES.values() for turn in sample.turns for piece in turn]),
)  # fmt: skip
BYTES = st.lists(MESSAGES, max_size=8).map(b"".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(said=BYTES, answered=BYTES, at=st.lists(st.integers(0, 500), max_size=4))
@example(said=m.query(TEXT), answered=HEAD + ROW[:-3], at=[])
def test_any_bytes_lead_to_a_protocol_error_at_worst(said, answered, at):
    talk = Dialogue(_judge(SAMPLES["simple"], MASKS), masks=MASKS)
    try:
        talk.caller_says(*_cut(said, at))
        talk.server_says(*_cut(answered, at))
        talk.caller_says(m.query(TEXT))
        talk.server_says(HEAD + ROW + complete("SELECT 1") + m.ready())
    except ProtocolError:
        pass


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(answered=BYTES, at=st.lists(st.integers(0, 500), max_size=4))
def test_a_server_that_says_anything_never_shows_a_masked_column_of_a_described_row(answered, at):
    talk = Dialogue(_judge(SAMPLES["simple"], MASKS), masks=MASKS)
    talk.caller_says(m.query(TEXT))
    try:
        talk.server_says(HEAD)
        talk.server_says(*_cut(answered + ROW, at))
    except ProtocolError:
        pass
    # An e-mail address is found by its content wherever it stands; a column by where it comes from.
    assert HEAD[:40] in talk.down
    # Unless the server itself described its rows anew, it stays hidden.
    assert VALUE not in talk.down or b"T" in answered


# --- the short cut ------------------------------------------------------------------------------

ORDINARY = Sample(
    (
        (m.query("SELECT 1"), described(("one", 0, 0, 23)) + row(b"1") + complete("SELECT 1") + m.ready()),
        (m.query("DELETE FROM customers WHERE id = 1"), complete("DELETE 1") + m.ready()),
        (
            m.parse("", TEXT) + bind() + describe("P") + execute() + m.sync(),
            PARSED + BOUND + HEAD + ROW * 2 + complete("SELECT 2") + m.ready(b"T"),
        ),
        (
            bind("", "") + describe("P") + execute() + m.sync(),
            BOUND + HEAD + ROW + complete("SELECT 1") + m.ready(b"T"),
        ),
        (m.query("COMMIT"), complete("COMMIT") + m.ready()),
        (
            m.parse("s", "SELECT name FROM customers WHERE id = $1") + describe("S", "s") + m.sync(),
            PARSED + m.message(b"t", b"\0\1\0\0\0\x17") + described(("name", 16400, 2, 25)) + m.ready(),
        ),
        (
            bind("", "s", b"7") + execute("", 1) + m.sync(),
            BOUND + row(b"Cy") + m.message(b"s") + m.ready(),
        ),
        (
            bind("p", "s", None) + describe("P", "p") + execute("p") + m.sync(),
            BOUND + described(("name", 16400, 2, 25)) + complete("SELECT 0") + m.ready(),
        ),
        (bind("", "s", b"x") + execute() + m.sync(), m.error("22P02", "no number") + m.ready()),
    )
)  # fmt: skip


@pytest.mark.parametrize("masks", [(), (SSN,), MASKS], ids=["no masks", "a column", "masks"])
@pytest.mark.parametrize("name", [*SAMPLES, "ordinary"])
def test_the_short_cut_changes_nothing(name, masks):
    sample = SAMPLES.get(name, ORDINARY)
    assert _play(sample, None, masks=masks) == _play(sample, None, express=False, masks=masks)


def test_the_short_cut_is_taken():
    talk = Dialogue(_judge(ORDINARY, ()))
    taken = []
    for said, answered in ORDINARY.turns:
        passed = talk.relay.quick_downstream(said)
        talk.up += said[:passed]
        taken.append(passed == len(said))
        if not passed:
            talk.caller_says(said)
        talk.server_says(answered)
    assert taken == [True, True, True, True, False, False, True, True, True]


TURNS = st.lists(
    st.tuples(
        st.lists(st.sampled_from([piece for said, _ in ORDINARY.turns for piece in [said, said[:9]]]), min_size=1, max_size=2).map(b"".join),
        st.lists(st.sampled_from([
            PARSED, BOUND, CLOSED, HEAD, ROW, NO_PARAMETERS, complete("SELECT 1"), m.ready(), m.ready(b"T"),
            m.ready(b"E"), m.error("42P01", "no"), m.message(b"s"), m.message(b"n"), m.message(b"I"),
            m.parameter_status("TimeZone", "UTC"), *(answered for _, answered in ORDINARY.turns),
        ]), max_size=6).map(b"".join),
    ),
    max_size=5,
)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(turns=TURNS, masks=st.sampled_from([(), (SSN,), MASKS]))
def test_whatever_is_said_the_short_cut_changes_nothing(turns, masks):
    def play(express: bool) -> tuple[object, ...]:
        talk = Dialogue(_judge(ORDINARY, masks), masks=masks, express=express)
        trouble = ""
        try:
            for said, answered in turns:
                talk.caller_says(said)
                talk.server_says(answered)
        except ProtocolError as problem:
            trouble = str(problem)
        drafts = [(d.kind, d.text, d.message, d.parameters) for d in talk.drafts]
        return trouble, talk.up, talk.down, drafts, [(o.tag, o.rows, o.sqlstate) for o in talk.outcomes]

    whole, cut = play(express=False), play(express=True)
    assert cut[:2] == whole[:2]
    assert cut[3:] == whole[3:]
    # Where it ends in a ProtocolError, some of the last read may have been passed on before.
    assert cut[2] == whole[2] or cut[0]
