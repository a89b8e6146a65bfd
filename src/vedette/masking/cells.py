"""How one cell is opened and hidden, by type, format and what is to be done with it."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from vedette.masking.arrays import Malformed, hide_in_binary, hide_in_text
from vedette.masking.documents import hide_in_json
from vedette.masking.kinds import INT2, Kind, element_of, kind_of
from vedette.masking.numbers import double_text, integer_text, numeric_text, whole_part
from vedette.masking.scan import Scanner
from vedette.masking.scan import scanner as scanner_of
from vedette.masking.strategies import bytea_bytes, whole_value
from vedette.masking.tally import Tally

NULL_CELL = b"\xff\xff\xff\xff"
_LENGTH = struct.Struct("!I")

Cover = Callable[[bytes, Tally], bytes | None]
"""A cell's bytes to what is sent for them: None is NULL, the same object is no change."""


def whole_cover(rule: str, oid: int, binary: bool, strategy: str, keep: int, key: bytes) -> Cover:
    """Hides every value of a column.

    Raises:
        ValueError: the strategy needs a key and there is none.
    """
    kind = kind_of(oid)
    if kind is Kind.ARRAY and strategy != "null":
        element = element_of(oid)
        change = whole_value(kind_of(element), element, binary, strategy, keep, key)

        def array(value: bytes, tally: Tally) -> bytes | None:
            tally.add(rule)
            try:
                return hide_in_binary(value, element, change) if binary else hide_in_text(value, change)
            except Malformed:
                return None

        return array
    one = whole_value(kind, oid, binary, strategy, keep, key)

    def cover(value: bytes, tally: Tally) -> bytes | None:
        tally.add(rule)
        return one(value)

    return cover


def constant(oid: int, binary: bool, strategy: str) -> bytes | None:
    """The cell, length in front, that every value of a column hidden this way becomes; None: it depends."""
    kind = kind_of(oid)
    if strategy == "null":
        return NULL_CELL
    if strategy != "redact" or kind in (Kind.ARRAY, Kind.UUID):
        return None
    new = whole_value(kind, oid, binary, strategy, 0, b"")(b"")
    return NULL_CELL if new is None else _LENGTH.pack(len(new)) + new


def content_cover(oid: int, binary: bool, scanner: Scanner) -> tuple[Cover, bool] | None:
    """
    Hides what *scanner* finds in a column, and whether its bytes must be opened in every row.

    False means that the value stands in the row as readable text, so that a search
    through the whole run of rows tells whether there is anything to find. None
    where the type cannot hold what is sought.
    """
    kind = kind_of(oid)
    if kind in (Kind.INERT, Kind.UUID, Kind.LETTER):
        return None
    if kind is Kind.TEXT:
        return scanner.hide, False
    if kind in (Kind.JSON, Kind.JSONB):
        return _json(scanner, kind is Kind.JSONB and binary), False
    if kind is Kind.ADDRESS:
        return _address(binary, scanner)
    if kind in (Kind.INTEGER, Kind.NUMERIC, Kind.FLOAT):
        return _number(kind, oid, binary, scanner)
    if kind is Kind.BYTEA:
        return (_all_or_nothing(scanner), False) if binary else (_hex(scanner), True)
    if kind is Kind.ARRAY:
        return _array(oid, binary, scanner)
    return (_opaque(scanner), True) if binary else (_all_or_nothing(scanner), False)


def _found(scanner: Scanner, text: bytes, tally: Tally) -> bool:
    names = scanner.holds_any(text)
    for name in names:
        tally.add(name)
    return bool(names)


def _all_or_nothing(scanner: Scanner) -> Cover:
    """For values of which we cannot write a valid other one: NULL when anything is found."""
    return lambda value, tally: None if _found(scanner, value, tally) else value


_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _readable(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return _CONTROL.search(value) is None


def _opaque(scanner: Scanner) -> Cover:
    """Binary values of unknown types: read where they read as text (enums, citext), else NULL."""

    def cover(value: bytes, tally: Tally) -> bytes | None:
        if not _readable(value):
            tally.add("unreadable")
            return None
        return None if _found(scanner, value, tally) else value

    return cover


def _json(scanner: Scanner, versioned: bool) -> Cover:
    def cover(value: bytes, tally: Tally) -> bytes | None:
        return hide_in_json(value, scanner, tally)

    def behind_version(value: bytes, tally: Tally) -> bytes | None:
        if value[:1] != b"\x01":
            tally.add("unreadable")
            return None
        text = value[1:]
        new = hide_in_json(text, scanner, tally)
        return value if new is text else None if new is None else b"\x01" + new

    return behind_version if versioned else cover


def _hex(scanner: Scanner) -> Cover:
    """bytea as text is hexadecimal: what it stands for is read; what is no hex is not passed."""

    def cover(value: bytes, tally: Tally) -> bytes | None:
        raw = bytea_bytes(value)
        if raw is None:
            tally.add("unreadable")
            return None
        return None if _found(scanner, raw, tally) else value

    return cover


def _address(binary: bool, scanner: Scanner) -> tuple[Cover, bool] | None:
    names = {one.detector.name for one in scanner.sought}
    if "ip_address" not in names:
        return None

    def cover(value: bytes, tally: Tally) -> bytes | None:
        tally.add("ip_address")
        return None

    return cover, True


def _number(kind: Kind, oid: int, binary: bool, scanner: Scanner) -> tuple[Cover, bool] | None:
    """Cards fit into eight bytes; the rest is sought in numbers only where the name says so."""
    wide = not (kind is Kind.INTEGER and oid in (23, INT2))
    sought = tuple(
        one
        for one in scanner.sought
        if one.detector.numbers and oid != INT2 and (one.hinted or (wide and not one.detector.hinted))
    )
    if not sought:
        return None
    digits = scanner_of(sought, scanner.key)

    def text_of(value: bytes) -> bytes | None:
        if kind is Kind.FLOAT:
            return double_text(value) if binary else _float_text(value)
        if not binary:
            return value
        return integer_text(oid, value) if kind is Kind.INTEGER else numeric_text(value)

    def cover(value: bytes, tally: Tally) -> bytes | None:
        text = text_of(value)
        # Five digits or fewer are nobody's number; leading zeros do not survive in a number.
        if text is None or len(text) < 6:
            return value
        return None if _found(digits, text.zfill(9), tally) else value

    return cover, binary or kind is Kind.FLOAT or any(one.hinted for one in sought)


def _float_text(value: bytes) -> bytes | None:
    try:
        number = float(value)
    except ValueError:
        return value
    return whole_part(number) if number == number and abs(number) != float("inf") else None


def _array(oid: int, binary: bool, scanner: Scanner) -> tuple[Cover, bool] | None:
    element = element_of(oid)
    inner = content_cover(element, binary, scanner)
    if inner is None:
        return None
    hide, always = inner

    def cover(value: bytes, tally: Tally) -> bytes | None:
        def one(part: bytes) -> bytes | None:
            return hide(part, tally)

        try:
            return hide_in_binary(value, element, one) if binary else hide_in_text(value, one)
        except Malformed:
            tally.add("unreadable")
            return None

    return cover, always
