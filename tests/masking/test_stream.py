"""Text that comes bit by bit: where it is cut does not matter, what holds no value passes, no value survives."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vedette.masking import CannotMask, Tally
from vedette.masking.controls import shown
from vedette.masking.detectors import DETECTORS
from vedette.masking.prose import text_scanner
from vedette.masking.stream import HELD_SECONDS, TextMask
from vedette.masking.telling import ENTITIES
from vedette.model import MaskRule

EVERYTHING = [MaskRule("everything", entities=frozenset({"personal", "secrets"}))]
KEY = b"stream-test"
CARD, MAIL, SSN = b"4111 1111 1111 1111", b"ada@example.com", b"123-45-6789"
PEM = b"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\nc2VjcmV0\n-----END RSA PRIVATE KEY-----"

VALUES = [
    CARD, b"4111111111111111", MAIL, SSN, b"GB29 NWBK 6016 1331 9268 19", b"DE89370400440532013000", b"192.168.17.4",
    b"+49 171 2345678", b"(202) 555-0143", b"phone: 5551234", b"ssn 123456789", b"AKIAIOSFODNN7EXAMPLE",
    b"aws secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", b" wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY is the secret",
    b"ghp_" + b"a1B2" * 9, b"xoxb-1234567890-abcdefghij", b"https://bob:hunter2@host.example/x", b"2001:db8::ff00:42:8329",
    "４１１１ １１１１ １１１１ １１１１".encode(), b"ada%40example.com", PEM,
    b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", b"ada@example.com4111 1111 1111 1111",
]  # fmt: skip
FILLER = [
    b" ", b"  ", b"\n", b"\r\n", b"\t", b": ", b", ", b'"', b"<", b">", b"word", b"user@host:~$ ", b"12", b"3.14", b"1", b"-", b"(",
    b")", b"+", b"\x1b[31m", b"\x1b[0m", b"\x1b[38;5;196m", b"\x1b]0;title\x07", b"\x1b(B", b"\x0e", b"\x00", b"\x1b", b"\x1b[",
    b"\x1b]0;", b"\xe2\x9d\xaf ", "é".encode(), b"\xff", b"\xc3", b"%41", b"2026-11-22T10:00:00Z", b"\x07", b"gb29 ", b"= ", b"0",
]  # fmt: skip
# What is put in place of a value may complete a sequence that broke off before it.
WHOLE = [piece for piece in FILLER if piece not in (b"\x1b", b"\x1b[", b"\x1b]0;")]
WHOLE_TEXTS = st.lists(st.one_of(st.sampled_from(VALUES), st.sampled_from(WHOLE)), max_size=12).map(b"".join)
TEXTS = st.lists(st.one_of(st.sampled_from(VALUES), st.sampled_from(FILLER)), max_size=12).map(b"".join)


def masked(pieces: list[bytes], masks=EVERYTHING, **named) -> bytes:
    mask = TextMask(masks, KEY, Tally(), **named)
    return b"".join([*(mask.feed(piece) for piece in pieces), mask.finish()])


def slowly(pieces: list[bytes], masks=EVERYTHING, **named) -> bytes:
    """As `masked`, with a pause behind each piece."""
    mask = TextMask(masks, KEY, Tally(), **named)
    return b"".join([*(mask.feed(piece) + mask.pause() for piece in pieces), mask.finish()])


def cut(text: bytes, places: list[int]) -> list[bytes]:
    ends = [*sorted({place % (len(text) + 1) for place in places}), len(text)]
    return [text[low:high] for low, high in zip([0, *ends[:-1]], ends, strict=True)]


@pytest.mark.parametrize("value", [*VALUES, b'"john"@example.com'])
@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("same_size", [False, True])
def test_each_value_cut_at_every_byte(value, terminal, same_size):
    text = b"before " + value + b" behind\n"
    named = {"terminal": terminal, "same_size": same_size}
    whole = masked([text], **named)
    assert value not in whole
    assert masked([text[i : i + 1] for i in range(len(text))], **named) == whole
    for place in range(len(text)):
        assert masked([text[:place], text[place:]], **named) == whole
    assert not same_size or len(whole) == len(text)


@settings(deadline=None)
@example(b"\x1b[1@e.co", [5], False, False)
@example(b"\x1b[31m\x1b123-45-6789", [7], False, False)
@given(TEXTS, st.lists(st.integers(0, 2000), max_size=8), st.booleans(), st.booleans())
def test_where_reads_are_cut_does_not_matter(text, places, terminal, same_size):
    named = {"terminal": terminal, "same_size": same_size}
    assert masked(cut(text, places), **named) == masked([text], **named)


@settings(deadline=None)
@given(WHOLE_TEXTS, st.sampled_from(["partial", "redact", "hash", "null"]))
def test_nothing_is_found_in_what_was_masked(text, strategy):
    masks = [MaskRule("everything", strategy, frozenset({"personal", "secrets"}))]
    once = shown(masked([text], masks))
    scan = text_scanner(tuple(masks), KEY)
    for line in once.splitlines():
        # Some are found near a word: what is hidden between may bring the word nearer.
        assert scan.holds_any(line) <= {"phone", "us_ssn", "aws_key"}


@settings(deadline=None)
@given(TEXTS, st.lists(st.integers(0, 2000), max_size=8))
def test_what_holds_no_value_passes_unchanged(text, places):
    mask = TextMask(EVERYTHING, KEY, tally := Tally())
    out = b"".join([*(mask.feed(piece) for piece in cut(text, places)), mask.finish()])
    assert tally.counts or out == text
    assert out == text or tally.counts


@settings(deadline=None)
@given(TEXTS, st.lists(st.integers(0, 2000), max_size=8))
def test_with_values_as_long_as_they_were_the_text_is_too(text, places):
    assert len(masked(cut(text, places), same_size=True)) == len(text)


# --- pauses -----------------------------------------------------------------------------------------


def test_a_prompt_is_never_held():
    mask = TextMask(EVERYTHING, KEY, Tally())
    for prompt in (
        b"user@host:~$ ",
        b"# ",
        b"Password: ",
        b"\x1b[1;32mroot\x1b[0m> ",
        b"Proceed? [y/N] ",
        b"(gdb) ",
    ):
        assert mask.feed(prompt) == prompt
        assert mask.patience is None


def test_what_is_held_is_one_unfinished_candidate():
    mask = TextMask(EVERYTHING, KEY, Tally())

    assert mask.feed(b"from here to 4111 1111") == b"from here to "
    assert mask.patience == HELD_SECONDS
    assert mask.feed(b" 1111 1111") == b""
    assert mask.feed(b" and on\n") == b"[credit_card] and on\n"
    assert mask.patience is None


def test_an_echo_is_not_held_on_a_terminal_and_nothing_that_tells_is_let_go():
    mask = TextMask(EVERYTHING, KEY, Tally(), terminal=True)
    for letter in b"git push origin":
        out = mask.feed(bytes([letter]))
        assert out or mask.patience == 0.0
        assert out + mask.pause() == bytes([letter])
    mask.feed(b"\r\nto ada@example.c")
    assert mask.patience == HELD_SECONDS


def test_another_candidate_has_another_mark():
    mask = TextMask(EVERYTHING, KEY, Tally())
    mask.feed(b"41")
    first = mask.mark
    mask.feed(b"11")
    assert mask.mark == first
    mask.feed(b" x 52")
    assert mask.mark != first


# A word that says what stood before it comes too late where there was a pause between them.
SLOW = [value for value in VALUES if b"is the secret" not in value]


@pytest.mark.parametrize("value", [*SLOW, b"aws_secret=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"])
def test_a_value_parted_by_one_pause_is_not_shown_whole(value):
    for place in range(1, len(value)):
        out = slowly([b"x " + value[:place], value[place:] + b" y\n"])
        assert value not in out
        assert out.startswith(b"x ")
        assert out.endswith(b" y\n")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b"4539148803436467", 7), (b"4539 1488 0343 6467", 9), (SSN, 6), (MAIL, 4), (b"DE89370400440532013000", 11), (b"192.168.17.4", 8),
        (b"+49 171 2345678", 8), (b"AKIAIOSFODNN7EXAMPLE", 8), (b"ghp_" + b"a1B2" * 9, 4), (b"(202) 555-0143", 9),
        (b"https://bob:hunter2@host.example/x", 12),
    ],
)  # fmt: skip
def test_a_value_printed_byte_by_byte_with_pauses_shows_no_more_than_its_beginning(value, told):
    out = slowly([bytes([byte]) for byte in b"x " + value + b"\n"])
    shared = next((i for i, (a, b) in enumerate(zip(out[2:], value, strict=False)) if a != b), len(value))
    assert shared <= told
    hidden = value[told + 1 :].strip(b"@/")
    assert hidden[:4] not in out


@settings(deadline=None)
@example([b"https://bob:hunter2@host.example/x"], [22])
@given(st.lists(st.sampled_from(SLOW), max_size=8), st.lists(st.integers(0, 2000), max_size=8))
def test_pauses_never_bring_out_a_whole_value(values, places):
    out = slowly(cut(b"; ".join(values), places))
    for value in (CARD, MAIL, SSN, b"AKIAIOSFODNN7EXAMPLE", b"hunter2"):
        assert value not in out


def test_every_entity_says_how_it_begins():
    assert set(DETECTORS) == ENTITIES


# --- bounds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unit", [b"x", b"1", b"ab12", b"4111 ", b"\x1b[31m", b"\x1b]0;", b"\x00", b"\xff", b"a@", b"\xc2\x9b"]
)
def test_a_line_without_end_is_held_in_bounds(unit):
    mask = TextMask(EVERYTHING, KEY, Tally())
    block = unit * (4096 // len(unit))
    out = 0
    for _ in range(40):
        out += len(mask.feed(block))
        assert len(mask._held) + len(mask._before) < 48 << 10
    assert out + len(mask.finish()) > 0


def test_a_value_across_two_pieces_of_a_long_line_is_hidden():
    for before in range((16 << 10) - 20, (16 << 10) + 4):
        text = b"x" * (before - 1) + b"," + CARD.replace(b" ", b"") + b"," + b"y" * 40_000
        out = masked([text[i : i + 5000] for i in range(0, len(text), 5000)])
        assert CARD.replace(b" ", b"") not in out
        assert out == masked([text])


def test_a_token_longer_than_a_piece_is_hidden_to_its_end():
    text = b"token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0." + b"Ab1_" * 20_000 + b" behind\n"
    out = masked([text[i : i + 3000] for i in range(0, len(text), 3000)])
    assert b"Ab1_Ab1_" not in out
    assert out.endswith(b"behind\n")
    assert out == masked([text])


# --- private keys ------------------------------------------------------------------------------------------


def test_a_key_without_an_end_hides_all_that_follows():
    head = b"-----BEGIN PRIVATE KEY-----\n"
    mask = TextMask(EVERYTHING, KEY, Tally())
    out = (
        mask.feed(b"a\n" + head)
        + b"".join(mask.feed(b"QUJD" * 16 + b"\n") for _ in range(5000))
        + mask.finish()
    )
    assert out == b"a\n[private_key]"


def test_on_a_terminal_a_prompt_ends_a_key_that_has_no_end():
    mask = TextMask(EVERYTHING, KEY, Tally(), terminal=True)
    out = mask.feed(b"$ cat k\r\n-----BEGIN OPENSSH PRIVATE KEY-----\r\nb3BlbnNzaC1rZXk\r\n\r\nuser@host:~$ ")
    assert b"b3Bl" not in out
    assert out.endswith(b"@host:~$ ")


def test_names_in_front_of_a_keys_body_do_not_end_it():
    body = b"-----BEGIN PGP PRIVATE KEY BLOCK-----\nComment: Ada <a@b> $ (x)\n\nlQOYBGVsbG8\n"
    assert b"lQOY" not in masked([body], terminal=True)


# --- what it is made with ------------------------------------------------------------------------------------


def test_column_rules_say_nothing_about_text():
    assert masked([CARD + b"\n"], [MaskRule("c", columns=("public.t.c",))]) == CARD + b"\n"


def test_what_cannot_be_applied_is_refused():
    with pytest.raises(CannotMask):
        TextMask([MaskRule("h", "hash", frozenset({"email"}))], b"", Tally())


def test_values_are_counted():
    mask = TextMask(EVERYTHING, KEY, tally := Tally())
    mask.feed(MAIL + b" " + MAIL + b"\n" + CARD + b"\n" + PEM + b"\n")
    assert tally.counts == {"email": 2, "credit_card": 1, "private_key": 1}


def test_partial_shows_of_a_value_that_was_begun_nothing():
    partial = [MaskRule("p", "partial", frozenset({"credit_card"}))]
    assert masked([CARD], partial) == b"**** **** **** 1111"
    out = slowly([b"x 4111 11", b"11 1111 1111\n"], partial)
    assert b"1111\n" not in out


@pytest.mark.parametrize("end", [b"\x1b", b"\x1b[3", b"\x1b]0;x", b"\xc2", b"QUJD\x1b"])
def test_a_key_that_breaks_off_within_a_sequence_ends(end):
    text = b"-----BEGIN PRIVATE KEY-----\nQUJD\n" + end
    assert masked([text]) == masked([text[i : i + 1] for i in range(len(text))]) == b"[private_key]"
