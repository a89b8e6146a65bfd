"""The reading of statements under damaged text: it answers for any text at all, and never raises."""

from __future__ import annotations

import pytest

from tests.fuzz.mutations import inputs
from tests.postgres.dialogue import CATALOG, STATE
from vedette.model import Effect
from vedette.sql.reading import read
from vedette.sql.shape import shape

pytestmark = pytest.mark.fuzz

STATEMENTS = (
    b"SELECT name, count(*) FROM customers WHERE email LIKE '%@example.com' GROUP BY 1 ORDER BY 2 LIMIT 5",
    b"WITH gone AS (DELETE FROM customers WHERE id = 1 RETURNING *) SELECT * FROM gone",
    b"DO $$ BEGIN EXECUTE 'DROP TABLE customers'; END $$",
    b"COPY (SELECT * FROM customers) TO STDOUT WITH (FORMAT csv, HEADER)",
    b"PREPARE p AS UPDATE customers SET name = $1 WHERE id = $2; EXECUTE p('x', 3)",
    b"EXPLAIN ANALYZE INSERT INTO customers VALUES (1, E'a\\'b', U&'d\\0061t', $tag$ x $tag$)",
    b"SELECT set_config('search_path', 'audit', false), pg_read_file('/etc/passwd')",
    b"MERGE INTO customers c USING orders o ON c.id = o.id WHEN MATCHED THEN DELETE",
)


def test_any_text_has_facts() -> None:
    for data in inputs("sql", STATEMENTS):
        text = data.decode("utf-8", "replace")
        facts = read(text, STATE, CATALOG)
        assert facts.touches, f"no touch for {text!r}"
        if any(touch.effect is Effect.UNKNOWN for touch in facts.touches):
            assert facts.reason, f"unknown without a reason: {text!r}"


def test_equal_shapes_have_equal_facts() -> None:
    """The text with other constants of the same shape."""
    for data in inputs("shape", STATEMENTS):
        text = data.decode("utf-8", "replace")
        other = text.replace("1", "7").replace("3", "8").replace("example", "elpmaxe")
        if other == text or shape(text) is None or shape(text) != shape(other):
            continue
        ours, theirs = read(text, STATE, CATALOG), read(other, STATE, CATALOG)
        if ours.constant_free and theirs.constant_free:
            assert ours == theirs, f"{text!r} and {other!r}"
