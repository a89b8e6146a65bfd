"""docs/masking.md says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from vedette.masking.detectors import DETECTORS, GROUPS
from vedette.masking.strategies import STRICTNESS

PAGE = (Path(__file__).parents[2] / "docs" / "masking.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DETECTORS)
def test_each_entity_has_a_line(name):
    assert f"| `{name}` |" in PAGE


@pytest.mark.parametrize("name", STRICTNESS)
def test_each_strategy_is_explained(name):
    assert f"`{name}`" in PAGE


def test_each_group_lists_its_members():
    prose = " ".join(PAGE.split())
    for group, members in GROUPS.items():
        start = prose.index(f"`{group}` (")
        listed = prose[start : prose.index(")", start)].partition("(")[2].split(", ")
        assert set(listed) == members
