"""The file that ``vedette init`` writes."""

from __future__ import annotations

from importlib import resources


def starter() -> str:
    """A commented vedette.yaml that loads as it is."""
    return resources.files(__package__).joinpath("first.yaml").read_text("utf-8")
