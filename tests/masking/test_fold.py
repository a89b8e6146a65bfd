"""Disguises seen through, and the way back to the bytes that were there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vedette.masking.fold import DISGUISES, Folded, fold
from vedette.masking.patterns import Which, compile_bytes

ANY = compile_bytes(DISGUISES)


@given(
    st.one_of(st.text(max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass")), st.binary(max_size=60))
)
def test_every_text_that_folds_inside_shows_a_disguise(text):
    text = text.replace(b"\0", b"")
    folded = fold(b"a" + text + b"b")

    if folded is not None and folded.text != b"a" + text + b"b":
        assert ANY.search(b"a" + text + b"b") is not None


@given(st.binary(max_size=60))
def test_spans_lead_back_to_the_original(text):
    folded = fold(text)
    if folded is None:
        return
    for start in range(len(folded.text)):
        low, high = folded.original(start, start + 1)
        assert 0 <= low < high <= len(text)
        if high - low == 1 and folded.text[start] == text[low]:
            continue
        assert fold(text[low:high]) is not None or folded.text[start : start + 1] in text[low:high]
    if folded.text:
        assert folded.original(0, len(folded.text))[1] <= len(text)


def test_the_map_by_example():
    folded = Folded(b"ab%40cd", [(2, 5, b"@")])

    assert folded.text == b"ab@cd"
    assert folded.original(2, 3) == (2, 5)
    assert folded.original(1, 4) == (1, 6)
    assert folded.original(3, 5) == (5, 7)


def test_ordinary_text_does_not_fold():
    assert fold(b"plain") is None
    assert fold("Müller, 東京, Привет".encode()) is None
    assert ANY.search("Müller, 東京, Привет".encode()) is None


def test_a_set_that_cannot_answer_is_never_made():
    assert Which((b"a", b"[0-9]")).of(b"1a") == [0, 1]
    assert Which(()).of(b"anything") == []
