"""The append-only, hash-chained log that everything else is derived from."""

from __future__ import annotations

from vedette.journal.append import Journal
from vedette.journal.errors import JournalError, JournalLocked
from vedette.journal.keys import JournalKeys
from vedette.journal.read import Entry, read
from vedette.journal.verify import Report, verify

__all__ = ["Entry", "Journal", "JournalError", "JournalKeys", "JournalLocked", "Report", "read", "verify"]
