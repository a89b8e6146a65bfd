"""What the collections need of the store."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection


class Database(Protocol):
    """Two kinds of transaction, and what the database speaks; see ``Store``."""

    @property
    def dialect(self) -> str: ...
    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]: ...
    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]: ...
