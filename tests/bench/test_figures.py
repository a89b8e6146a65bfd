"""The table says met only where it was measured and is so."""

from __future__ import annotations

import os

import pytest

from tests.bench import accounting, cases, figures
from tests.bench.figures import Figure


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("a", "b", 1.9, 2.0), True),
        (Figure("a", "b", 2.1, 2.0), False),
        (Figure("a", "b", 0.9, 0.85, at_least=True), True),
        (Figure("a", "b", 0.8, 0.85, at_least=True), False),
        (Figure("a", "b", None, 2.0), None),
    ],
)
def test_a_target_is_met_or_not_or_unknown(figure: Figure, met: bool | None) -> None:
    assert figure.met is met
    assert figure.as_dict()["met"] is met


def test_what_did_not_run_says_so_in_the_table() -> None:
    lines = figures.table(
        [Figure("CPU", "pgbouncer", None, 2.0, beside="pgbouncer is not installed")]
    ).splitlines()
    assert "not run" in lines[-1]
    assert lines[-1].endswith("pgbouncer is not installed")


def test_this_process_uses_memory_and_belongs_to_its_own_family() -> None:
    assert accounting.family(os.getpid())[0] == os.getpid()
    assert accounting.resident_bytes(os.getpid()) > 1 << 20
    assert accounting.cpu(os.getpid()).own > 0


def test_every_figure_has_a_case() -> None:
    assert set(cases.CASES) == {
        *("simple", "extended", "prepared", "tls", "delay"),
        *("rows", "sessions", "idle", "slow", "neighbours"),
        *("identity", "logins", "search", "ssh", "clusters"),
    }
