"""What can go wrong with the journal. All of them mean: no record, no passage."""

from __future__ import annotations


class JournalError(OSError):
    """A record could not be written, or what is there cannot be trusted."""


class JournalLocked(JournalError):
    """Another gateway works on this folder."""


class JournalDamaged(JournalError):
    """Bytes that are not what the journal wrote. *segment* and *offset* say where."""

    def __init__(self, segment: str, offset: int, reason: str) -> None:
        super().__init__(f"{segment}, byte {offset}: {reason}")
        self.segment = segment
        self.offset = offset
        self.reason = reason
