"""What a relay may ask of the shell around it: four things and no more.

A relay is a generator that yields these. The shell (``drive``) performs them.
Slotted and mutable rather than frozen: they are made per read, and a frozen
dataclass costs twice as much to make.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class ToUpstream:
    """Send these bytes to the resource. They have been judged, or need no judging."""

    data: bytes


@dataclass(slots=True)
class ToDownstream:
    """Send these bytes to the caller. They have been masked, or need no masking."""

    data: bytes


@dataclass(slots=True)
class Judge:
    """Have *draft* judged; answered by the protocol's ruling, on record by then.

    What a draft and a ruling are is between a relay and its engine: the relay
    never reads the action itself, so the reading can wait for a catalogue.
    """

    draft: Any


@dataclass(slots=True)
class Mask:
    """Have *run* (whole row messages) masked by *plan*; answered by bytes, perhaps after a while."""

    plan: Any
    run: bytes


Step = ToUpstream | ToDownstream | Judge | Mask
Steps = Generator[Step, Any, None]
