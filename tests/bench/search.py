"""Lists and search over a large index: the time of one request to the API, by the clock, store warm.

The index is filled with rows as a gateway writes them; making a million takes a minute or two.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2

from tests.api.conftest import CONFIG, Office
from tests.bench.figures import Figure
from vedette.api import build
from vedette.config import load
from vedette.journal import Journal, JournalKeys
from vedette.store import Store
from vedette.store.follow import _write
from vedette.store.index import Changes, Tally

TARGET = 300.0
BATCH = 5000
PER_SESSION = 50
ROUNDS = 7

# (what it shows, the request): common and rare words, rare filters, the last page as well as the first.
REQUESTS = (
    ("sessions, first page", "/sessions?limit=50"),
    ("sessions of one principal", "/sessions?principal=vedette%23agent7"),
    ("actions, first page", "/actions?limit=50"),
    ("search, a word that every second action holds", "/actions?q=customers"),
    ("search, a word that one action holds", "/actions?q=needle4711"),
    ("search, two words and a verdict", "/actions?q=orders%20status&verdict=deny"),
    ("search, a beginning", "/actions?q=needle*"),
    ("actions by effect, object and principal", "/actions?effect=delete&object=public.orders&principal=vedette%23agent3"),
    ("actions of the first hour, with a word", "/actions?q=customers&until={hour}"),
    ("actions that people approved", "/actions?held=true"),
    ("sessions that hold a word", "/sessions?q=needle4711"),
    ("overview of a day", "/overview"),
)  # fmt: skip


def _rows(count: int, now: float) -> Iterator[Changes]:
    chance = random.Random(4711)
    began = now - 30 * 86400
    step = (now - began) / count
    for first in range(0, count, BATCH):
        changes = Changes("main")
        for number in range(first, min(first + BATCH, count)):
            session, at = f"s{number // PER_SESSION}", began + number * step
            who = f"vedette#agent{number // PER_SESSION % 20}"
            if number % PER_SESSION == 0:
                changes.sessions[session] = _session(session, who, at)
            effect, table = chance.choice((("read", "customers"), ("read", "orders"), ("delete", "orders")))
            verdict = "deny" if effect == "delete" and number % 10 else "allow"
            words = f" -- needle{number // 100}" if number % 100 == 0 else ""
            changes.actions[f"{session}.{number}"] = {
                "id": f"{session}.{number}", "worker": "main", "seq": number + 1, "session": session, "at": at,
                "principal": who, "resource": "appdb", "protocol": "postgres", "form": "query",
                "text": f"SELECT id, name, status FROM {table} WHERE id = {number} AND city = 'Oslo'{words}",
                "effects": effect, "objects": f"public.{table}", "verdict": verdict, "rule": "agents/allow-1",
                "reason": "", "code": "" if verdict == "allow" else "policy.denied",
                "approval": f"h{number}" if number % 5000 == 0 else "", "observed": "", "status": "ok",
                "rows": 1, "bytes": 200, "tag": "SELECT 1", "sqlstate": "", "masked": 0, "duration": 0.001,
            }  # fmt: skip
            tally = changes.tallies.setdefault(session, Tally())
            tally.last, tally.actions = number + 1, tally.actions + 1
            tally.denied += verdict == "deny"
        yield changes


def _session(name: str, who: str, at: float) -> dict[str, object]:
    return {
        "id": name, "worker": "main", "first_seq": 1, "last_seq": 1, "principal": who, "kind": "agent",
        "groups": ["ai-agents"], "actor": "", "resource": "appdb", "protocol": "postgres", "address": "",
        "application": "", "policy": "p", "run": "", "opened": at, "closed": at + 60, "reason": "caller",
        "actions": 0, "denied": 0, "held": 0, "rows": 0, "bytes": 0, "masked": 0,
    }  # fmt: skip


async def _measured(folder: Path, count: int) -> list[Figure]:
    file = folder / "vedette.yaml"
    file.write_text(CONFIG)
    store = await Store.open(folder / "vedette.db")
    journal = Journal.open(folder / "journal", JournalKeys.generate())
    try:
        now = time.time()
        for changes in _rows(count, now):
            async with store.writing() as connection:
                await _write(connection, changes, store.dialect)
        office = Office(load(file, {}), store, journal)
        await office.blocks.refresh()
        return await _asked(office, count, now)
    finally:
        journal.close()
        await store.close()


async def _asked(office: Office, count: int, now: float) -> list[Figure]:
    blocks = asyncio.create_task(office.blocks.run())
    found = []
    headers = {"Authorization": f"Bearer {office.token('auditor')}"}
    transport = httpx2.ASGITransport(app=build(office))
    try:
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://gateway", headers=headers
        ) as client:
            for what, request in REQUESTS:
                path = request.format(hour=now - 30 * 86400 + 3600)
                spent, items = [], 0
                for _ in range(ROUNDS):
                    start = time.perf_counter()
                    answer = await client.get(f"/api/v1{path}", timeout=120)
                    spent.append((time.perf_counter() - start) * 1000)
                    answer.raise_for_status()
                    items = len(answer.json().get("items", ()))
                beside = f"first: {spent[0]:.0f} ms, {items} items"
                name = f"{what}, {count:,} actions"
                found.append(Figure(name, "-", statistics.median(spent), TARGET, "ms", beside=beside))
    finally:
        blocks.cancel()
        await asyncio.gather(blocks, return_exceptions=True)
    return found


def searches(count: int) -> list[Figure]:
    """Milliseconds of each request over *count* actions."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measured(Path(folder), count))
