"""SQL in a string that runs as part of the statement it stands in."""

from __future__ import annotations

from vedette.sql.parse import Unreadable, statements
from vedette.sql.reader import Reader


def read_text(r: Reader, text: str) -> None:
    """Read statements that run as part of this one; what cannot be parsed is unknown."""
    with r.inside(("text", text, r.implied, r.quiet, r.planned, r.path)) as first:
        if not first:
            return
        try:
            found = statements(text)
        except Unreadable as error:
            r.notes.unknown(f"SQL inside a string: {error}")
            return
        for statement in found:
            r.statement(statement["stmt"])
