from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console.stand import Stand, standing
from tests.testbed.chromium import Chromium, chromium
from tests.testbed.postgres import Postgres
from vedette.api.console import BUILT, INDEX


@pytest.fixture
async def stand(pg16: Postgres, database: str, tmp_path: Path) -> AsyncIterator[Stand]:
    if not (BUILT / INDEX).is_file():
        pytest.skip("the console is not built: make console")
    async with standing(pg16, database, tmp_path) as found:
        yield found


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Chromium]:
    async with chromium(tmp_path / "browser") as found:
        yield found
