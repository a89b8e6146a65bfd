"""The permanent collection against a real server.

Each row is refused, and is proven to be dangerous without us.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.refusals.bench import Bench, benches, rows, shared_out, texts
from tests.refusals.plain import Answer, Plain
from tests.testbed.postgres import Postgres

PARTS = 3
pytestmark = [pytest.mark.live, pytest.mark.slow]


async def proof_of(session: Plain, row: Mapping[str, Any]) -> list[Any]:
    answer = await session.query(row["proof"])
    # That a proof fails afterwards (its table is gone) is a difference as well.
    return [answer.rows, answer.codes]


async def is_refused(bench: Bench, row: Mapping[str, Any]) -> None:
    """Through the gateway: refused in its own words, and nothing has changed."""
    async with await bench.direct() as watcher, await bench.through() as agent:
        before = await proof_of(watcher, row)
        answers = []
        for text in texts(row):
            answers.append(await agent.query(text))
            if answers[-1].errors:
                break
        assert _refusals(answers), [answer.messages[:4] for answer in answers]
        after = await proof_of(watcher, row)
        assert before == after, (before, after)


def _refusals(answers: list[Answer]) -> list[dict[str, str]]:
    return [e for answer in answers for e in answer.errors if e["C"] == "42501" and "vedette" in e["M"]]


async def is_dangerous(bench: Bench, row: Mapping[str, Any]) -> None:
    """Without the gateway: it does change something."""
    if row.get("unproven"):
        bench.stale = "setup" in row
        return
    if "setup" not in row and not bench.stale and await _changes(bench, row, "BEGIN"):
        return
    # Some of it cannot run in a transaction, or ends it.
    if not await _changes(bench, row, ""):
        raise AssertionError("proves nothing without the gateway")


async def _changes(bench: Bench, row: Mapping[str, Any], begin: str) -> bool:
    """Whether the proof differs afterwards. With *begin*, all of it is rolled back if it can be."""
    async with await bench.direct() as agent:
        before = await proof_of(agent, row)
        await agent.query(begin)
        for text in texts(row):
            await agent.query(text)
        after = await proof_of(agent, row)
        bench.stale = bench.stale or (await agent.query("ROLLBACK")).notices != [] or not begin
    for text in row.get("cleanup", "").split(";"):
        async with await bench.operator() as operator:
            await operator.query(text)
    # "The transaction is aborted" is no difference.
    return before != after and "25P02" not in after[1]


@pytest.mark.parametrize("part", range(PARTS))
async def test_what_must_stop_is_stopped_and_would_have_done_harm(
    proving: Postgres, tmp_path: Path, part: int
) -> None:
    every = rows("sql_must_stop.yaml")
    assert len(every) >= 250
    work = [row for row in every[part::PARTS] if row.get("since", 0) <= proving.version]

    async def both(bench: Bench, row: Mapping[str, Any]) -> None:
        await bench.ready(row.get("setup"))
        await is_refused(bench, row)
        await is_dangerous(bench, row)

    async with benches(proving, tmp_path) as hands:
        wrong = await shared_out(work, hands, both)
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())


async def test_what_must_pass_passes(proving: Postgres, tmp_path: Path) -> None:
    work = [row for row in rows("sql_must_pass.yaml") if row.get("since", 0) <= proving.version]
    assert len(work) >= 50

    async def passes(bench: Bench, row: Mapping[str, Any]) -> None:
        await bench.ready(None)
        bench.stale = any(
            word in " ".join(texts(row)).upper() for word in ("INSERT", "UPDATE", "DELETE", "COPY", "MERGE")
        )
        async with await bench.through() as agent:
            for text in texts(row):
                answer = await agent.query(text, copy=str(row["copy"]).encode() if "copy" in row else None)
                assert not answer.errors, answer.errors

    async with benches(proving, tmp_path) as hands:
        wrong = await shared_out(work, hands, passes)
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())
