"""Asking people: holds, who may decide them, and what an approval is good for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vedette.approvals.digest import digest
from vedette.approvals.quorum import NotAllowed
from vedette.approvals.render import describe

if TYPE_CHECKING:
    from vedette.approvals.desk import Desk

__all__ = ["Desk", "NotAllowed", "describe", "digest"]


def __getattr__(name: str) -> Any:
    """The desk when it is asked for: with it comes the store, which a command that only prints can spare."""
    if name == "Desk":
        from vedette.approvals.desk import Desk

        return Desk
    raise AttributeError(name)
