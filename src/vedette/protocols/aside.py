"""Work that would keep the event loop too long, in threads beside it.

Python's threads share one lock, so what runs here still takes its turns with the loop;
`SWITCH_SECONDS` is how long the loop waits for its own at most, while the other is Python
and not one long call into C.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

SWITCH_SECONDS = 0.0001
# PostgreSQL's parser recurses without a check of its own, see `vedette.sql.size`.
STACK_BYTES = 16 << 20
THREADS = 2

_pool: ThreadPoolExecutor | None = None


async def aside(work: Callable[[], T]) -> T:
    """What *work* returns or raises; it runs in another thread and must not touch what the loop changes."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), work)


def _threads() -> ThreadPoolExecutor:
    """Made at first use, with stacks that bear the deepest statement that is read at all."""
    global _pool
    if _pool is None:
        sys.setswitchinterval(min(SWITCH_SECONDS, sys.getswitchinterval()))
        before = threading.stack_size(STACK_BYTES)
        try:
            _pool = ThreadPoolExecutor(THREADS, thread_name_prefix="aside")
            together = threading.Barrier(THREADS)
            # A thread gets its stack when it starts: start them all now.
            for done in [_pool.submit(together.wait, 10.0) for _ in range(THREADS)]:
                done.result()
        finally:
            threading.stack_size(before)
    return _pool
