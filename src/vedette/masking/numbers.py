"""Numbers as PostgreSQL writes them in binary, to and from decimal text.

Source: ``src/backend/utils/adt/numeric.c``, numeric_send: int16 count of
base-10000 digits, int16 weight of the first, uint16 sign, uint16 display scale.
"""

from __future__ import annotations

import struct

from vedette.masking.kinds import INT2, INT4, INT8

_HEAD = struct.Struct("!hhHH")
_POSITIVE, _NEGATIVE = 0x0000, 0x4000
# A numeric may have 131,072 digits before the point; no value we look for has 40.
_LONGEST_WEIGHT = 250
_SIZES = {INT2: 2, INT4: 4, INT8: 8}


def integer_text(oid: int, raw: bytes) -> bytes | None:
    """Decimal digits of a binary int2, int4 or int8; None when *raw* has another size."""
    if len(raw) != _SIZES[oid]:
        return None
    return b"%d" % int.from_bytes(raw, "big", signed=True)


def integer_bytes(oid: int, value: int) -> bytes:
    return value.to_bytes(_SIZES[oid], "big", signed=True)


def double_text(raw: bytes) -> bytes | None:
    """The integral part of a binary float8 in decimal; None where there is none to read."""
    if len(raw) != 8:
        return None
    return whole_part(struct.unpack("!d", raw)[0])


def whole_part(value: float) -> bytes | None:
    """Decimal digits of a whole number below 2**53 (beyond, its last digits are noise)."""
    if abs(value) < 2**63 and value == int(value):
        return b"%d" % int(value)
    return None


def numeric_text(raw: bytes) -> bytes | None:
    """A binary numeric in decimal; None for NaN, infinity, or what is malformed or too long."""
    if len(raw) < 8:
        return None
    count, weight, sign, scale = _HEAD.unpack_from(raw)
    if sign not in (_POSITIVE, _NEGATIVE) or len(raw) != 8 + 2 * count or count < 0:
        return None
    if abs(weight) > _LONGEST_WEIGHT or count > 2 * _LONGEST_WEIGHT:
        return None
    digits = struct.unpack_from(f"!{count}h", raw, 8)
    if not all(0 <= digit <= 9999 for digit in digits):
        return None
    whole = "".join(f"{digits[i] if i < count else 0:04d}" for i in range(weight + 1)) or "0"
    fraction = "0000" * max(0, -weight - 1) + "".join(
        f"{digit:04d}" for digit in digits[max(0, weight + 1) :]
    )
    text = ("-" if sign == _NEGATIVE else "") + (whole.lstrip("0") or "0")
    if scale:
        text += "." + fraction.ljust(scale, "0")[:scale]
    return text.encode("ascii")


def numeric_bytes(value: int) -> bytes:
    """A whole number, zero or more, as binary numeric."""
    digits: list[int] = []
    while value:
        value, digit = divmod(value, 10000)
        digits.insert(0, digit)
    weight = len(digits) - 1
    while digits and digits[-1] == 0:
        digits.pop()
    return _HEAD.pack(len(digits), max(weight, 0), _POSITIVE, 0) + struct.pack(f"!{len(digits)}h", *digits)
