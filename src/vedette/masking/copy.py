"""What COPY sends, masked: text, CSV and binary, however the bytes are cut.

Source: PostgreSQL manual, COPY, "File Formats". The server sends one row per
CopyData message today; nothing here relies on it.
"""

from __future__ import annotations

from typing import Literal, Protocol

from vedette.masking.copy_binary import BinaryRows
from vedette.masking.copy_csv import CsvSyntax
from vedette.masking.copy_lines import LineRows
from vedette.masking.copy_text import TextSyntax
from vedette.masking.plan import CannotMask, Plan
from vedette.masking.tally import Tally

MAX_HELD_BYTES = 64 << 20
"""The longest row that is held back until its end arrives."""


class Rows(Protocol):
    """One format: where rows end, and how whole ones are masked."""

    def whole(self, held: bytearray) -> int:
        """Offset behind the last whole row of *held*; the caller takes what is before it away."""

    def masked(self, ready: bytes, tally: Tally) -> bytes:
        """Whole rows (or the last, unfinished line of a stream) with their values hidden."""

    def rest(self, held: bytes) -> bytes:
        """What of *held* is a row although no more comes. Raises CannotMask where that is not all."""


class CopyMask:
    """
    The masking of one COPY stream. *plan* comes from ``plan``, with ``binary`` as *format* is.

    *null*, *quote*, *escape* and *delimiter* are as the statement says, or
    PostgreSQL's defaults for *format*; *header*: the first line names columns.
    Once it has raised it raises again: nothing more of that stream can be masked.

    Raises:
        CannotMask: a delimiter, quote or escape that is not one byte.
    """

    def __init__(
        self,
        plan: Plan,
        format: Literal["text", "csv", "binary"],
        delimiter: str,
        null: str,
        quote: str,
        escape: str,
        header: bool,
        tally: Tally | None = None,
    ) -> None:
        self.tally = Tally() if tally is None else tally
        self._held = bytearray()
        self._broken = ""
        self._rows: Rows
        if format == "binary":
            self._rows = BinaryRows(plan)
        elif format == "csv":
            csv = CsvSyntax(_byte(delimiter), null.encode(), _byte(quote), _byte(escape))
            self._rows = LineRows(plan, csv, header)
        elif format == "text":
            self._rows = LineRows(plan, TextSyntax(_byte(delimiter), null.encode()), header)
        else:
            raise CannotMask("a COPY format that is not known")

    def feed(self, data: bytes) -> bytes:
        """
        The rows that *data* completes, masked; what is not yet a whole row is held back.

        Raises:
            CannotMask: the stream is not what the plan was made for, or a row is over MAX_HELD_BYTES.
        """
        self._held += data
        return self._guarded(last=False)

    def finish(self) -> bytes:
        """
        What is still held back, masked, at the end of the stream.

        Raises:
            CannotMask: the stream ended inside a row.
        """
        return self._guarded(last=True)

    def _guarded(self, last: bool) -> bytes:
        if self._broken:
            raise CannotMask(self._broken)
        try:
            return self._taken(last)
        except CannotMask as error:
            self._broken = str(error)
            self._held.clear()
            raise

    def _taken(self, last: bool) -> bytes:
        end = self._rows.whole(self._held)
        ready = bytes(self._held[:end])
        del self._held[:end]
        if last:
            ready += self._rows.rest(bytes(self._held))
            self._held.clear()
        elif len(self._held) > MAX_HELD_BYTES:
            raise CannotMask("a COPY row too long to mask")
        return self._rows.masked(ready, self.tally) if ready else b""


def _byte(char: str) -> bytes:
    raw = char.encode()
    if len(raw) != 1:
        raise CannotMask("a COPY delimiter, quote or escape that is not one byte")
    return raw
