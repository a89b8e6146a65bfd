"""The OpenAPI document against the server itself, by schemathesis: what it promises holds for odd requests too."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.api.conftest import CONFIG, Office
from vedette.api import build
from vedette.api.server import serve_api
from vedette.config import load
from vedette.journal import Journal, JournalKeys
from vedette.store import Store

EXAMPLES = 12
# Answers without end, and an answer that makes the next one meaningless (the key that signs our token).
LEFT_OUT = "^/api/v1/(events|issuer/rotate)$"


class Served:
    """A gateway's API in a thread of its own, and a token for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready = threading.Event()
        self._over: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.url = self.token = ""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._over is not None:
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    async def _run(self) -> None:
        self._over, self._loop = asyncio.Event(), asyncio.get_running_loop()
        file = self._folder / "vedette.yaml"
        file.write_text(CONFIG)
        store = await Store.open(self._folder / "vedette.db")
        journal = Journal.open(self._folder / "journal", JournalKeys.generate())
        office = Office(load(file, {}), store, journal)
        blocks = asyncio.create_task(office.blocks.run())
        await office.blocks.refresh()
        await office.session("s-1")
        _, waiting = await office.ask()
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.token = office.token("operator")
        stop = await serve_api(office, listener, build(office))
        self._ready.set()
        try:
            await self._over.wait()
        finally:
            await stop
            blocks.cancel()
            await asyncio.gather(blocks, return_exceptions=True)
            await office.desk.close()
            await waiting
            journal.close()
            await store.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("served")) as made:
        yield made


SCHEMA = schemathesis.openapi.from_dict(build(cast(Any, None)).openapi()).exclude(path_regex=LEFT_OUT)
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_the_document_is_kept(operation: Any, served: Served) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def holds(case: Any) -> None:
        case.call_and_validate(
            base_url=served.url,
            headers={"Authorization": f"Bearer {served.token}"},
            timeout=30,
            # What a schema cannot say is refused too: a cursor of another list, a password that is weak.
            excluded_checks=[positive_data_acceptance],
        )

    holds()
