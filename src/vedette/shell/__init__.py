"""Reading shell commands: what one would do, to which files, programs and hosts. Pure."""

from __future__ import annotations

from vedette.shell.facts import Facts
from vedette.shell.reading import read

__all__ = ["Facts", "read"]
