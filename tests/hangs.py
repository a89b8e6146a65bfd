"""
Ends the run when one test hangs, and says where: the frames of this project, and what each task awaits.

`faulthandler` shows threads only, and a hung asyncio test is one thread in `select`. Its output also
begins with what matters, while a log cut short keeps its end.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import sys
import threading
import traceback
from collections.abc import Generator, Iterator
from types import FrameType

import pytest

PATIENCE_SECONDS = float(os.environ.get("VEDETTE_TEST_PATIENCE", "180"))
_SHOWN = 40


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """One test, with what its fixtures do before and after it."""
    if item.get_closest_marker("slow") or item.get_closest_marker("fuzz"):
        return (yield)
    watch = threading.Timer(PATIENCE_SECONDS, _give_up, (item, threading.get_ident()))
    watch.daemon = True
    watch.start()
    try:
        return (yield)
    finally:
        watch.cancel()


def _give_up(item: pytest.Item, thread: int) -> None:
    """Ends the process: nothing that hangs can be trusted to end by itself."""
    capture = item.config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        capture.suspend_global_capture(in_=True)
    lines = [f"\n{item.nodeid} hung for {PATIENCE_SECONDS:.0f} seconds\n"]
    try:
        lines += _where(thread)
    finally:
        sys.stdout.flush()
        os.write(2, "".join(lines).encode(errors="replace"))
        os._exit(1)


def _where(tested: int) -> Iterator[str]:
    for ident, frame in sys._current_frames().items():
        if ident != threading.get_ident():
            yield f"thread {'of the test' if ident == tested else ident}\n"
            yield from _frames(traceback.StackSummary.extract(traceback.walk_stack(frame)))
        if ident == tested and (loop := _loop(frame)) is not None:
            for task in asyncio.all_tasks(loop):
                yield f"task {task.get_name()} {getattr(task.get_coro(), '__qualname__', '')}\n"
                yield from _frames(traceback.StackSummary.extract(_awaited(task)))


def _frames(summary: traceback.StackSummary) -> Iterator[str]:
    """The project's own, and the innermost one whosever it is."""
    for place, frame in list(enumerate(summary))[:_SHOWN]:
        if place == 0 or "site-packages" not in frame.filename:
            yield f"  {frame.filename}:{frame.lineno} {frame.name}: {frame.line}\n"


def _loop(frame: FrameType | None) -> asyncio.AbstractEventLoop | None:
    while frame is not None:
        found = frame.f_locals.get("self")
        if isinstance(found, asyncio.AbstractEventLoop):
            return found
        frame = frame.f_back
    return None


def _awaited(task: asyncio.Task[object]) -> Iterator[tuple[FrameType, int]]:
    """The chain of coroutines and generators that *task* stands in, innermost first."""
    chain = []
    stage: object = task.get_coro()
    while stage is not None and len(chain) < _SHOWN:
        for prefix, next_name in (("cr", "await"), ("ag", "await"), ("gi", "yieldfrom")):
            if (frame := getattr(stage, f"{prefix}_frame", None)) is not None:
                chain.append((frame, frame.f_lineno))
                stage = getattr(stage, f"{prefix}_{next_name}")
                break
        else:
            # An asynchronous generator's step shows its generator to nobody but the collector.
            stage = next((held for held in gc.get_referents(stage) if inspect.isasyncgen(held)), None)
    yield from reversed(chain)
