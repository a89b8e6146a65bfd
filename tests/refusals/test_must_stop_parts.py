"""Rules on a table and its partitions, against a real server: no other name is a way around them.

Each row is refused, and does its harm without the gateway.
"""

from __future__ import annotations

import asyncpg
import pytest

from tests.live.gateways import ALL, living

pytestmark = pytest.mark.live

MADE = """
CREATE TABLE pay (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE pay_2026 PARTITION OF pay FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY RANGE (day);
CREATE TABLE pay_2026_11 PARTITION OF pay_2026 FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');
CREATE TABLE pay_2025 PARTITION OF pay FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE loose (id int, day date);
CREATE TABLE old () INHERITS (loose);
CREATE VIEW seen AS SELECT * FROM pay;
INSERT INTO pay VALUES (1, '2026-11-22'), (2, '2025-01-01');
INSERT INTO old VALUES (3, '2020-01-01');
"""
LEFT = "SELECT (SELECT string_agg(id::text || day, ',' ORDER BY id) FROM pay) || (SELECT count(*) FROM loose)"
PARENT = ["public.pay", "public.loose"]
CHILD = ["public.pay_2026_11", "public.old"]
ROWS = [
    (PARENT, "UPDATE pay_2026_11 SET id = 9 WHERE id = 1"),
    (PARENT, "DELETE FROM pay_2026 WHERE id = 1"),
    (PARENT, "DELETE FROM ONLY pay_2025 WHERE id = 2"),
    (PARENT, "TRUNCATE pay_2025"),
    (PARENT, "DROP TABLE pay_2026_11"),
    (PARENT, "INSERT INTO pay_2025 VALUES (4, '2025-02-02')"),
    (PARENT, "ALTER TABLE pay DETACH PARTITION pay_2025"),
    (PARENT, "CREATE TABLE pay_2024 PARTITION OF pay FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')"),
    (PARENT, "DELETE FROM old WHERE id = 3"),
    (PARENT, "WITH gone AS (DELETE FROM pay_2025 WHERE id = 2 RETURNING 1) SELECT * FROM gone"),
    (PARENT, "DO $$ BEGIN DELETE FROM pay_2025 WHERE id = 2; END $$"),
    (PARENT, "SET search_path = audit, public; DELETE FROM pay_2025 WHERE id = 2"),
    (CHILD, "UPDATE pay SET id = 9 WHERE id = 1"),
    (CHILD, "UPDATE pay_2026 SET id = 9 WHERE id = 1"),
    (CHILD, "UPDATE seen SET id = 9 WHERE id = 1"),
    (CHILD, "DELETE FROM pay WHERE id = 1"),
    (CHILD, "TRUNCATE pay"),
    (CHILD, "INSERT INTO pay VALUES (4, '2026-11-30')"),
    (CHILD, "UPDATE pay SET day = '2026-11-01' WHERE id = 2"),
    (CHILD, "DELETE FROM loose WHERE id = 3"),
]
CHANGES = [each for each in ALL if each not in ("read", "execute", "configure", "create")]


@pytest.mark.parametrize("objects", [PARENT, CHILD], ids=["rules on the whole", "rules on a part"])
async def test_a_table_and_its_partitions_are_one(pg16, database, tmp_path, objects):
    rules = ({"allow": {"effects": ALL}}, {"deny": {"effects": CHANGES, "objects": objects}})
    pg16.run(MADE, database)
    async with living(pg16, database, tmp_path, *rules) as live:
        there = await asyncpg.connect(**live.keywords())
        before = live.direct(LEFT)
        for _, text in (row for row in ROWS if row[0] is objects):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="vedette"):
                await there.execute(text)
            assert live.direct(LEFT) == before, text
            plain = await asyncpg.connect(pg16.dsn(database))
            try:
                change = plain.transaction()
                await change.start()
                shape = "SELECT string_agg(attrelid::text || attname, ',' ORDER BY 1) FROM pg_attribute"
                one = (await plain.fetchval(LEFT), await plain.fetchval(shape))
                await plain.execute(text)
                assert await _differs(plain, one, shape), text
                await change.rollback()
            finally:
                await plain.close()
        # What is no part of it is not meant.
        await there.execute("UPDATE notes SET body = 'x' WHERE id = 1")
        await there.close()


async def _differs(plain, one, shape: str) -> bool:
    try:
        return (await plain.fetchval(LEFT), await plain.fetchval(shape)) != one
    except asyncpg.UndefinedColumnError:
        return True


async def test_a_rule_on_a_part_leaves_other_parts_alone(pg16, database, tmp_path):
    rules = ({"allow": {"effects": ALL}}, {"deny": {"effects": ["write"], "objects": ["public.pay_2026_11"]}})
    pg16.run(MADE, database)
    async with living(pg16, database, tmp_path, *rules) as live:
        there = await asyncpg.connect(**live.keywords())
        assert await there.execute("UPDATE pay_2025 SET id = 5 WHERE id = 2") == "UPDATE 1"
        assert await there.fetchval("SELECT count(*) FROM pay") == 2
        await there.close()
