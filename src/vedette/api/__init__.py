"""The gateway's HTTP API. docs/api.md is the reference."""

from __future__ import annotations

from vedette.api.application import build
from vedette.api.context import Gateway

__all__ = ["Gateway", "build"]
