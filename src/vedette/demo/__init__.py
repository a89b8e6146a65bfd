"""``vedette demo``: an AutoGen agent works through the gateway, on this machine alone."""

from __future__ import annotations

from vedette.demo.play import Options, run

__all__ = ["Options", "run"]
