"""What is done to a partition is done to what it is a part of, and the other way round."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.sql.world import STATE, catalog, table, told, view
from vedette.sql import State, read

ROOT = replace(table(200, "events", "id", "day"), kind="p")
YEAR = replace(table(201, "events_2026", "id", "day"), kind="p", parents=(200,))
MONTH = replace(table(202, "events_2026_11", "id", "day", schema="parts"), parents=(201,))
OTHER = replace(table(203, "events_2025", "id", "day"), parents=(200,))
WORLD = catalog(ROOT, YEAR, MONTH, OTHER, view(204, "seen", "SELECT id FROM public.events", "id"))

ABOVE = {"public.events", "public.events_2026"}
WHOLE = {"public.events_2026", "parts.events_2026_11", "public.events_2025"}


@pytest.mark.parametrize(
    ("text", "named", "implied"),
    [
        ("SELECT id FROM parts.events_2026_11", "read parts.events_2026_11", ABOVE),
        ("SELECT id FROM events", "read public.events", WHOLE),
        ("SELECT id FROM events_2026", "read public.events_2026", {"public.events", "parts.events_2026_11"}),
        ("SELECT id FROM events_2025", "read public.events_2025", {"public.events"}),
        ("DELETE FROM events WHERE id = 1", "delete public.events", WHOLE),
        ("INSERT INTO parts.events_2026_11 VALUES (1)", "write parts.events_2026_11", ABOVE),
        ("TRUNCATE events", "destroy public.events", WHOLE),
        ("DROP TABLE parts.events_2026_11", "destroy parts.events_2026_11", ABOVE),
        ("COPY events_2026 TO STDOUT", "read public.events_2026", {"public.events", "parts.events_2026_11"}),
        ("ALTER TABLE events ADD x int", "alter public.events", WHOLE),
        ("SELECT id FROM ONLY events", "read public.events", WHOLE),
    ],
)
def test_both_count(text, named, implied):
    effect, _, _ = named.partition(" ")
    found = told(read(text, STATE, WORLD))
    assert named in found
    assert {touch for touch in found if touch.startswith(f"({effect} ")} == {
        f"({effect} {name})" for name in implied
    }


def test_behind_a_view_and_in_what_is_prepared():
    for text in ("SELECT id FROM seen", "PREPARE p AS SELECT id FROM seen", "SELECT id FROM seen, notes"):
        assert "(read parts.events_2026_11)" in told(read(text, STATE, WORLD)), text


def test_where_the_search_path_is_not_known_every_table_of_that_name_counts():
    found = told(read("DELETE FROM events_2026 WHERE id = 1", State(), WORLD))
    assert {"delete? events_2026", "(delete public.events)", "(delete parts.events_2026_11)"} <= found


def test_both_named_are_touched_once():
    found = told(read("SELECT id FROM events JOIN events_2025 USING (id)", STATE, WORLD))
    assert {"read public.events", "read public.events_2025"} <= found
    assert "(read public.events_2025)" not in found


def test_a_circle_in_what_the_server_says_ends():
    one, two = replace(YEAR, parents=(202,)), replace(MONTH, parents=(201,))
    assert read("SELECT id FROM events_2026", STATE, catalog(one, two)).touches
