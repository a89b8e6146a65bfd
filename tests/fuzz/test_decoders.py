"""Damaged inputs to everything that reads what others wrote. Brief here, long in `make fuzz`."""

from __future__ import annotations

import pytest

from tests.fuzz.mutations import inputs
from tests.fuzz.targets import TARGETS, Target

pytestmark = pytest.mark.fuzz


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_nothing_but_the_stated_errors(target: Target) -> None:
    for data in inputs(target.name, target.seeds):
        try:
            target.run(data)
        except Exception as failure:
            raise AssertionError(f"{target.name} fails on {data[:2000]!r}") from failure
