"""Conditions made up at random, judged here and asked of a server."""

from __future__ import annotations

import random

import pytest

from tests.sql.world import CATALOG, STATE
from tests.testbed.postgres import Postgres
from vedette.sql.columns import Sources
from vedette.sql.conditions import Rows, judge
from vedette.sql.objects import find
from vedette.sql.parse import Unreadable, statements
from vedette.sql.reader import Reader
from vedette.sql.statements import NODES

pytestmark = pytest.mark.live

CONSTANTS = """1 2 0 -1 1.0 1.5 0.1 0.2 0.3 'a' 'A' '1' '01' 'a_' 't' 'f' 'yes' true false NULL '' '%' 'a%'
    1e0 100000000000 '10' '9' '0x1'""".split()  # noqa: SIM905
TYPES = "int bool text numeric varchar(1) char(2) float8 numeric(3,1) name text[]".split()  # noqa: SIM905
COMPARISONS = ["=", "<>", "<", ">", "<=", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]
PATTERNS = ["LIKE", "NOT LIKE", "ILIKE", "SIMILAR TO", "~", "!~"]

WORLD = """
CREATE TEMP TABLE wide AS SELECT (g * 7919) % 61 - 20 AS id,
    (array['', 'a', 'A', 'b', '1', 'true', 'xyz', '%', 'a ', 't', 'q'])[1 + g % 11] AS body
    FROM generate_series(1, 60) g;
CREATE FUNCTION pg_temp.passing(condition text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int;
BEGIN
    EXECUTE 'SELECT count(*) FROM wide AS notes WHERE ' || condition INTO n;
    RETURN n;
EXCEPTION WHEN others THEN RETURN -1;
END $$;
"""


class Maker:
    """Makes conditions; most are nonsense, which the server says."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def value(self, depth: int) -> str:
        pick = self.dice.choice
        if depth <= 0 or self.dice.random() < 0.25:
            return pick(CONSTANTS) if self.dice.random() < 0.7 else pick(["id", "body", "length(body)"])
        one, two = self.value(depth - 1), self.value(depth - 1)
        return pick(
            [
                f"({one} {pick('+-*/%')} {two})",
                f"({one} || {two})",
                f"({one})::{pick(TYPES)}",
                f"coalesce({one}, {two})",
                f"(CASE WHEN {self.test(depth - 1)} THEN {one} ELSE {two} END)",
                f"(SELECT {one})",
                f"nullif({one}, {two})",
                f'({one}) COLLATE "C"',
            ]
        )

    def test(self, depth: int) -> str:
        pick = self.dice.choice
        if depth <= 0:
            return pick(["true", "false", "NULL", "1 = 1", "'a' = 'b'", "id = id", "id = 1"])
        one, two, three = (self.value(depth - 1) for _ in range(3))
        this, that = self.test(depth - 1), self.test(depth - 1)
        no = pick(["", "NOT "])
        return pick(
            [
                f"({one} {pick(COMPARISONS)} {two})",
                f"({one} {pick(COMPARISONS)} {two})",
                f"(NOT {this})",
                f"({this} AND {that})",
                f"({this} OR {that})",
                f"({one} IS {no}NULL)",
                f"({this} IS {no}{pick(['TRUE', 'FALSE', 'UNKNOWN'])})",
                f"({one} {pick(PATTERNS)} {two})",
                f"({one} {no}IN ({two}, {three}))",
                f"({one} {no}BETWEEN {pick(['', 'SYMMETRIC '])}{two} AND {three})",
                f"EXISTS (SELECT {one} WHERE {this})",
                f"({one})::bool",
                f"(CASE WHEN {this} THEN {that} ELSE {self.test(depth - 1)} END)",
            ]
        )


def judged(condition: str) -> Rows | None:
    try:
        (statement,) = statements(f"DELETE FROM notes WHERE {condition}")
    except Unreadable:
        return None
    node = statement["stmt"]["DeleteStmt"]
    r = Reader(NODES, CATALOG, STATE.search_path, {})
    return judge(r, node["whereClause"], Sources.of(r, node, find(r, "public", "notes"), [], {}))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_holds_for_every_row_is_never_judged_to_hold_for_none(seed, pg16: Postgres):
    maker = Maker(seed)
    conditions = [maker.test(1 + n % 4) for n in range(1500)]
    asked = "".join(f"SELECT pg_temp.passing($c${condition}$c$);\n" for condition in conditions)
    passing = [int(line) for line in pg16.run(WORLD + asked).split()]
    assert len(passing) == len(conditions)

    verdicts = ((judged(one), rows, one) for one, rows in zip(conditions, passing, strict=True))
    readable = [verdict for verdict in verdicts if verdict[0] is not None and verdict[1] >= 0]
    assert len(readable) > 300
    assert [condition for kind, rows, condition in readable if kind is Rows.NONE and rows == 60] == []
    assert [condition for kind, rows, condition in readable if kind is Rows.ALL and rows == 0] == []
