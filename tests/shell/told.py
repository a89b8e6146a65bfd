"""Touches as text."""

from __future__ import annotations

from vedette.shell import read


def told(command: str) -> str:
    """``effect object, effect object``: each touch that is not implied, in order."""
    touches = [touch for touch in read(command).touches if not touch.implied]
    return ", ".join(f"{touch.effect} {touch.object}".strip() for touch in touches)
