"""What every test can ask for. The fixtures themselves live beside the servers they start."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.hangs import pytest_runtest_protocol
from tests.testbed.fixtures import database, gateway, pg15_tls, pg16, pg18, spare, tap

__all__ = ["database", "gateway", "pg15_tls", "pg16", "pg18", "pytest_runtest_protocol", "spare", "tap"]

# How long an example takes on a machine that others use as well says nothing of what is tested.
settings.register_profile("vedette", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vedette")
