"""Text that is not a cell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.masking import CannotMask, Tally, hide, hide_message
from vedette.model import MaskRule

CONTENT = MaskRule("content", "null", entities=frozenset({"personal"}))
COLUMN = MaskRule("column", columns=("public.customers.ssn",))


def test_finds_are_hidden_and_counted():
    tally = Tally()

    assert hide("for jane@x.example, thanks", [CONTENT, COLUMN], b"", tally) == "for [email], thanks"
    assert tally.counts == {"email": 1}


def test_text_without_finds_is_the_same_object():
    text = "nothing here: \udc80"

    assert hide(text, [CONTENT], b"", Tally()) is text
    assert hide(text, [], b"", Tally()) is text


MESSAGES = [
    ("Key (ssn)=(123456789) already exists.", "123456789"),
    ("Failing row contains (1, Jane, 123456789).", "Jane"),
    ("Failing row contains (Jane).", "Jane"),
    ('invalid input syntax for type integer: "Jane"', "Jane"),
    ("ungültige Eingabesyntax für Typ integer: »Jane«", "Jane"),
    ("syntaxe en entrée invalide pour le type integer : « Jane »", "Jane"),
    ('value "99999999999" is out of range for type integer', "99999999999"),
]


@pytest.mark.parametrize(("message", "value"), MESSAGES)
def test_what_the_server_quotes_is_hidden_under_a_column_rule(message, value):
    tally = Tally()

    hidden = hide_message(message, [COLUMN], b"", tally)

    assert value not in hidden
    assert tally.counts["column"] >= 1
    assert hide_message(hidden, [COLUMN], b"", Tally()) == hidden
    assert hide_message(message, [], b"", Tally()) == message


@pytest.mark.parametrize("message", ['relation "nope" does not exist', 'syntax error at or near "selct"'])
def test_names_stay_readable(message):
    assert hide_message(message, [COLUMN, CONTENT], b"", Tally()) == message


@given(st.text())
def test_no_text_breaks_it(text):
    hidden = hide(text, [CONTENT], b"", Tally())

    assert hide(hidden, [CONTENT], b"", Tally()) == hidden


def test_an_unknown_entity_is_refused():
    with pytest.raises(CannotMask):
        hide("x", [MaskRule("r", entities=frozenset({"shoe_size"}))], b"", Tally())
