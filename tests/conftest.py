"""What every test can ask for. The fixtures themselves live beside the servers they start."""

from __future__ import annotations

from tests.hangs import pytest_runtest_protocol
from tests.testbed.fixtures import database, gateway, pg15_tls, pg16, pg18, spare, tap

__all__ = ["database", "gateway", "pg15_tls", "pg16", "pg18", "pytest_runtest_protocol", "spare", "tap"]
