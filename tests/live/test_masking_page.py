"""docs/masking.md says what a column rule does to which statement; a real server and a driver say the same."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
import pytest

from tests.live.gateways import ALL, living

pytestmark = pytest.mark.live

PAGE = (Path(__file__).parents[2] / "docs" / "masking.md").read_text()
TABLE = PAGE[PAGE.index("## What a column rule refuses") : PAGE.index("**A predicate is an oracle.**")]
ROWS = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", TABLE, re.MULTILINE)
MASK = {"mask": {"columns": ["public.customers.ssn"], "as": "redact"}}
HIDDEN = (None, "[redacted]")


@pytest.mark.parametrize(("text", "happens"), ROWS, ids=[text for text, _ in ROWS])
async def test_the_page_is_right(pg16, database, tmp_path, text, happens):
    async with living(pg16, database, tmp_path, {"allow": {"effects": ALL}}, MASK) as live:
        there = await asyncpg.connect(**live.keywords())
        if happens == "refused":
            with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
                await there.fetch(text)
            assert "masking.refused" in str(refused.value.detail)
        elif "withheld" in happens:
            with pytest.raises(asyncpg.UndefinedTableError, match="withheld"):
                await there.fetch(text)
        else:
            rows = await there.fetch(text)
            assert rows or happens == "passes"
            assert all((row[-1] in HIDDEN) is ("hidden" in happens) for row in rows), rows
        await there.close()


async def test_a_predicate_is_an_oracle_as_the_page_says(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, {"allow": {"effects": ["read"]}}, MASK) as live:
        there = await asyncpg.connect(**live.keywords())
        assert await there.fetchval("SELECT id FROM customers WHERE ssn = '078-05-1120'") == 1
        with pytest.raises(asyncpg.DivisionByZeroError) as failed:
            await there.fetch("SELECT 1/(ssn = '078-05-1120')::int FROM customers")
        assert "078" not in str(failed.value)
        await there.close()


async def test_a_mask_on_a_partition_holds_when_the_table_is_read(pg16, database, tmp_path):
    pg16.run(
        "CREATE TABLE people (id int, ssn text) PARTITION BY LIST (id);"
        "CREATE TABLE people_1 PARTITION OF people FOR VALUES IN (1);"
        "CREATE TABLE people_2 PARTITION OF people FOR VALUES IN (2);"
        "INSERT INTO people VALUES (1, '078-05-1120'), (2, '219-09-9999')",
        database,
    )
    mask = {"mask": {"columns": ["public.people_1.ssn"], "as": "redact"}}
    async with living(pg16, database, tmp_path, {"allow": {"effects": ALL}}, mask) as live:
        there = await asyncpg.connect(**live.keywords())
        for text in (
            "SELECT ssn FROM people", "SELECT ssn FROM people_1", "SELECT upper(ssn) FROM people WHERE id = 1",
        ):  # fmt: skip
            assert {row[0] for row in await there.fetch(text)} <= {*HIDDEN}, text
        assert await there.fetchval("SELECT ssn FROM people_2") == "219-09-9999", "another part is not meant"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await there.execute("CREATE TABLE copied AS SELECT ssn FROM people")
        await there.close()
