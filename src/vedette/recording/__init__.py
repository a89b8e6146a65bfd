"""What of a session can be replayed: read from the journal, shown so that nothing in it acts."""

from __future__ import annotations

from vedette.recording.export import FORMATS, export
from vedette.recording.reader import Moment, timeline
from vedette.recording.replay import replay

__all__ = ["FORMATS", "Moment", "export", "replay", "timeline"]
