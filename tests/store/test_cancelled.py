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


async def test_a_caller_that_is_told_twice_to_go_leaves_nothing_waiting(tmp_path):
    store = await Store.open(tmp_path / "store.db")
    for patience in range(120):
        asking = asyncio.create_task(store.holds.find(("pending",), limit=1))
        for _ in range(patience // 3):
            await asyncio.sleep(0)
        for pause in range(1 + patience % 3):
            asking.cancel()
            for _ in range(pause):
                await asyncio.sleep(0)
        await asyncio.gather(asking, return_exceptions=True)
    await store.close()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        await asyncio.wait(left, timeout=5)
    assert {task for task in left if not task.done()} == set()
