"""Asking the server what unqualified names mean now.

After something that may have changed it, the gateway asks on the session
itself, before the caller hears that it may go on; so what is judged next is
read with what is true. (PostgreSQL reports search_path by ParameterStatus from
version 18 on only.)
"""

from __future__ import annotations

from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.messages import ProtocolError, read_i32, read_u16
from vedette.sql.reading import State

# chr(31) cannot stand in an array's text form unquoted by accident of a name we would misread:
# names come one per line of a string, so nothing has to be unquoted.
PROBE = (
    "SELECT pg_catalog.array_to_string(pg_catalog.current_schemas(true), pg_catalog.chr(31)), "
    "pg_catalog.current_database(), current_user"
)


def read_probe(run: bytes) -> State:
    """The state in the one row that PROBE gives. Raises ProtocolError if it is anything else."""
    cells: list[str] = []
    end = m.message_end(run, 0)
    if end != len(run) or run[:1] != b"D":
        raise ProtocolError("the state of the session could not be read")
    (count,) = read_u16(run, 5)
    at = 7
    for _ in range(count):
        (length,) = read_i32(run, at)
        at += 4
        if length < 0 or at + length > end:
            raise ProtocolError("the state of the session could not be read")
        cells.append(run[at : at + length].decode("utf-8", "surrogateescape"))
        at += length
    if len(cells) != 3:
        raise ProtocolError("the state of the session could not be read")
    path = tuple(name for name in cells[0].split("\x1f") if name)
    return State(path, cells[1], cells[2])
