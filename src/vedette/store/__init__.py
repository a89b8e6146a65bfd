"""What the gateway looks up: an index of the journal, and what lives nowhere else (holds, tokens, keys)."""

from __future__ import annotations

from vedette.store.database import Store, StoreError

__all__ = ["Store", "StoreError"]
