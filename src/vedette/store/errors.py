"""What can go wrong with the store."""

from __future__ import annotations


class StoreError(OSError):
    """The database does not answer, or is not one of ours."""
