from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vedette.config.reading import MAX_BYTES, MAX_VALUES, read_bytes, read_text
from vedette.policy import ConfigError, Problem


def value(text: str) -> object:
    document = read_text(text, "f.yaml")
    assert document.problems == ()
    return document.value


def problems(text: str) -> tuple[Problem, ...]:
    try:
        return read_text(text, "f.yaml").problems
    except ConfigError as error:
        return error.problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("# nothing", None),
        ("a: 1", {"a": 1}),
        ("a: -5", {"a": -5}),
        ("a: 1.5", {"a": 1.5}),
        ("a: true\nb: false\nc: null\nd: ~\ne:", {"a": True, "b": False, "c": None, "d": None, "e": None}),
        ("[yes, no, on, off, y, True, TRUE]", ["yes", "no", "on", "off", "y", "True", "TRUE"]),
        ("[12:30, 0x10, 010, 1_000, 1e3, .5, .inf]", ["12:30", "0x10", "010", "1_000", "1e3", ".5", ".inf"]),
        ("[2026-11-22, 127.0.0.1:6432]", ["2026-11-22", "127.0.0.1:6432"]),
        ("""['1', "true", '']""", ["1", "true", ""]),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ("a: >-\n  one\n  two\n", {"a": "one two"}),
        ("1: a\ntrue: b", {"1": "a", "true": "b"}),
        ("a: [1, {b: c}]", {"a": [1, {"b": "c"}]}),
        ('"<<": a', {"<<": "a"}),
    ],
)
def test_plain_values_are_read_as_they_look(text: str, expected: object) -> None:
    assert value(text) == expected


def test_every_value_and_key_has_its_place() -> None:
    marks = read_text("a:\n  - x\n  - b: c\n", "f.yaml").marks
    assert marks.at(("a", 1, "b")) == (3, 8)
    assert marks.key(("a", 1, "b")) == (3, 5)
    assert marks.at(("a", 1, "nowhere", "else")) == (3, 5)
    assert marks.within("a").at((0,)) == (2, 5)


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("a: 1\nb: 2\na: 3", 'the key "a" stands here twice', (3, 1)),
        ("a: &x 1\nb: 2", '"&x" names a value', (1, 4)),
        ("a: 1\nb: *x", '"*x" repeats another value', (2, 4)),
        ("a: !!python/object:os.system ls", "the tag", (1, 4)),
        ("a: !env X", 'the tag "!env" is not used here', (1, 4)),
        ("a: {<<: {b: 1}}", "merging of mappings", (1, 5)),
        ("a: 1\n---\nb: 2", "a second document begins here", (2, 1)),
        ("? [a, b]\n: c", "a key must be a plain text", (1, 3)),
        ("a: [1, 2", "this is not YAML", (2, 1)),
        ("a: 'x", "this is not YAML", (1, 6)),
        ("a:\n\t- b", "this is not YAML", (2, 1)),
        ("a: b: c", "this is not YAML", (1, 5)),
        ("a: \x01", "this is not YAML", (0, 0)),
        ("[" * 100 + "]" * 100, "nested deeper than 32", (1, 34)),
    ],
)
def test_what_is_refused_is_said_with_its_place(text: str, message: str, place: tuple[int, int]) -> None:
    (found,) = problems(text)
    assert message in found.message
    assert found.fix
    assert (found.line, found.column) == place


def test_several_slips_are_told_together() -> None:
    assert [found.line for found in problems("a: 1\na: 2\nb: &x 3\nc: !t 4")] == [2, 3, 4]


def test_a_few_bytes_cannot_stand_for_many() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )
    assert "repeats another value" in str(problems(bomb))


def test_too_many_values_are_refused_early() -> None:
    (found,) = problems("[" + "x," * (MAX_VALUES + 5) + "]")
    assert f"more than {MAX_VALUES} values" in found.message


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(ConfigError, match="settings have at most"):
        read_bytes(b"a" * (MAX_BYTES + 1), "f.yaml")


def test_bytes_that_are_not_utf8_are_refused_with_their_place() -> None:
    with pytest.raises(ConfigError) as caught:
        read_bytes("a: b\nc: ä".encode("latin-1"), "f.yaml")
    assert str(caught.value) == "f.yaml:2:4: this is not UTF-8; save the file as UTF-8"


def test_a_byte_order_mark_is_no_part_of_the_file() -> None:
    assert read_bytes(b"\xef\xbb\xbfa: 1", "f.yaml").value == {"a": 1}


@given(st.text(max_size=200) | st.text("[]{}:-&*!|>'\"#%@ \n\tab1?,", max_size=80))
@settings(deadline=None)
def test_any_text_is_read_or_refused_with_problems(text: str) -> None:
    try:
        read_text(text, "f.yaml")
    except ConfigError as error:
        assert error.problems


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_read_or_refused_with_problems(raw: bytes) -> None:
    try:
        read_bytes(raw, "f.yaml")
    except ConfigError as error:
        assert error.problems
