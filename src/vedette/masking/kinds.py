"""What the types of PostgreSQL mean to a mask.

Source: ``pg_type.dat`` of PostgreSQL 16; the object identifiers of built-in
types never change. Everything not listed (enums, domains are reported as their
base type, composites, ranges over user types, extensions) is OPAQUE.
"""

from __future__ import annotations

from enum import Enum, auto


class Kind(Enum):
    """How the value of a column is opened, and what a masked one may look like."""

    TEXT = auto()  # any text is a valid value; binary is the same bytes
    LETTER = auto()  # "char": one byte
    JSON = auto()  # text in both formats
    JSONB = auto()  # binary has a version byte in front
    UUID = auto()
    INTEGER = auto()
    NUMERIC = auto()
    FLOAT = auto()
    BYTEA = auto()
    ADDRESS = auto()  # inet and cidr
    ARRAY = auto()
    INERT = auto()  # cannot hold what a detector looks for: dates, booleans, geometry, ...
    OPAQUE = auto()  # may hold anything, and we cannot write a valid value of it


_SCALARS: dict[Kind, tuple[int, ...]] = {
    # text varchar bpchar name xml cstring unknown refcursor
    Kind.TEXT: (25, 1043, 1042, 19, 142, 2275, 705, 1790),
    Kind.LETTER: (18,),
    Kind.JSON: (114,),
    Kind.JSONB: (3802,),
    Kind.UUID: (2950,),
    Kind.INTEGER: (20, 23, 21),
    Kind.NUMERIC: (1700,),
    Kind.FLOAT: (701,),
    Kind.BYTEA: (17,),
    Kind.ADDRESS: (869, 650),
    Kind.INERT: (
        # bool oid float4 money tid xid cid xid8 pg_lsn pg_snapshot txid_snapshot void
        16, 26, 700, 790, 27, 28, 29, 5069, 3220, 5038, 2970, 2278,
        # date time timestamp timestamptz interval timetz, macaddr macaddr8, bit varbit
        1082, 1083, 1114, 1184, 1186, 1266, 829, 774, 1560, 1562,
        # point lseg path box polygon line circle
        600, 601, 602, 603, 604, 628, 718,
        # regproc regprocedure regoper regoperator regclass regtype regrole regnamespace regconfig
        24, 2202, 2203, 2204, 2205, 2206, 4096, 4089, 3734, 3769, 4191,
        # int4range tsrange tstzrange daterange and their multiranges
        3904, 3908, 3910, 3912, 4451, 4533, 4534, 4535,
        # int2vector oidvector
        22, 30,
    ),
}  # fmt: skip

_ELEMENTS: dict[int, int] = {
    1009: 25, 1015: 1043, 1014: 1042, 1003: 19, 143: 142, 1263: 2275, 2201: 1790, 1002: 18, 199: 114,
    3807: 3802, 2951: 2950, 1016: 20, 1007: 23, 1005: 21, 1231: 1700, 1022: 701, 1001: 17, 1041: 869,
    651: 650,
}  # fmt: skip

_INERT_ARRAYS = (
    # bool oid float4 money tid xid cid xid8 pg_lsn pg_snapshot txid_snapshot
    1000, 1028, 1021, 791, 1010, 1011, 1012, 271, 3221, 5039, 2949,
    # date time timestamp timestamptz interval timetz macaddr macaddr8 bit varbit
    1182, 1183, 1115, 1185, 1187, 1270, 1040, 775, 1561, 1563,
    # point lseg path box polygon line circle
    1017, 1018, 1019, 1020, 1027, 629, 719,
    # reg*
    1008, 2207, 2208, 2209, 2210, 2211, 4097, 4090, 3735, 3770, 4192,
    # int4range tsrange tstzrange daterange, int2vector oidvector
    3905, 3909, 3911, 3913, 1006, 1013,
)  # fmt: skip

_KINDS: dict[int, Kind] = {
    **{oid: kind for kind, oids in _SCALARS.items() for oid in oids},
    **dict.fromkeys(_ELEMENTS, Kind.ARRAY),
    **dict.fromkeys(_INERT_ARRAYS, Kind.INERT),
}

INT2, INT4, INT8 = 21, 23, 20


def kind_of(oid: int) -> Kind:
    """What a type means to a mask; OPAQUE for one that is not built in."""
    return _KINDS.get(oid, Kind.OPAQUE)


def element_of(oid: int) -> int:
    """The element type of an ARRAY type. Raises KeyError for any other."""
    return _ELEMENTS[oid]
