"""Asking people: holds, who may decide them, and what an approval is good for."""

from __future__ import annotations

from vedette.approvals.desk import Desk
from vedette.approvals.digest import digest
from vedette.approvals.quorum import NotAllowed
from vedette.approvals.render import describe

__all__ = ["Desk", "NotAllowed", "describe", "digest"]
