"""The provider over plain http on loopback, as in a trial; tests/testbed/provider.py has it over https."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.testbed.provider import Provider, providing


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with providing() as found:
        yield found
