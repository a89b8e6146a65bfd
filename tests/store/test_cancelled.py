"""Callers go whenever they like: the store keeps its connections, and gives them to the next."""

from __future__ import annotations

import asyncio
import gc

import pytest

from vedette.store import Store


@pytest.mark.filterwarnings("error::ResourceWarning")
async def test_a_caller_that_goes_at_any_moment_costs_no_connection(tmp_path):
    for patience in range(40):
        store = await Store.open(tmp_path / "store.db")
        await store._engine.dispose()  # so that the next has to make its own
        asking = asyncio.create_task(store.holds.find(("pending",), limit=1))
        for _ in range(patience):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert list(await store.holds.find(("pending",), limit=1)) == []
        await store.close()
        assert store._engine.pool.checkedout() == 0
    gc.collect()
