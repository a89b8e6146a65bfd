from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vedette.policy import units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h30m", 5400), ("2d", 172800), ("500ms", 0.5), ("0s", 0)],
)
def test_durations(text: str, seconds: float) -> None:
    assert units.duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "15", "15 m", "1.5h", "m", "-5m", "5m5m", "5M", "١m", "5m\n", "9999999999s"]
)
def test_what_is_no_duration(text: str) -> None:
    assert units.duration(text) is None


@pytest.mark.parametrize(
    ("text", "size"),
    [("10", 10), ("64KiB", 65536), ("50MB", 50_000_000), ("1 GiB", 1 << 30), ("1kB", 1000), ("3B", 3)],
)
def test_sizes(text: str, size: int) -> None:
    assert units.size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "1.5MB", "5mb", "5 M", "-1", "5iB", "1KiB\n"])
def test_what_is_no_size(text: str) -> None:
    assert units.size(text) is None


@given(st.integers(1, 10**9))
@settings(deadline=None)
def test_a_spoken_duration_is_the_same_duration(seconds: int) -> None:
    assert units.duration(units.spoken(seconds)) == seconds
