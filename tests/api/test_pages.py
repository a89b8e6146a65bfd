"""Cursors: every row once, whatever shares its time and whatever is added meanwhile."""

from __future__ import annotations

import random

import pytest

from tests.api.conftest import Client, Office
from vedette.api.pages import Cursor, page
from vedette.api.problems import ProblemError

Row = tuple[float, str]


class Shelf:
    """Rows as the store gives them: newest first, then by id."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows

    async def find(self, before: float | None, many: int) -> list[Row]:
        ordered = sorted(self.rows, key=lambda row: (-row[0], row[1]))
        return [row for row in ordered if before is None or row[0] < before][:many]


async def walk(shelf: Shelf, limit: int, **more: object) -> list[Row]:
    found: list[Row] = []
    cursor = None
    while True:
        rows, cursor = await page(shelf.find, lambda row: row, cursor, limit, **more)  # type: ignore[arg-type]
        assert len(rows) <= limit
        found += rows
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_every_row_once_though_times_are_shared(limit: int) -> None:
    chance = random.Random(limit)
    rows = [(float(chance.randint(0, 5)), f"id-{number:03}") for number in range(50)]
    found = await walk(Shelf(rows), limit)
    assert found == sorted(rows, key=lambda row: (-row[0], row[1]))


async def test_rows_that_are_passed_over_end_no_page_early() -> None:
    rows = [(float(number), f"id-{number}") for number in range(500)]
    found = await walk(Shelf(rows), 10, keep=lambda row: int(row[0]) % 50 == 0)
    assert [row[0] for row in found] == [float(number) for number in range(450, -1, -50)]


async def test_new_rows_do_not_shift_the_old() -> None:
    shelf = Shelf([(float(number), f"id-{number}") for number in range(10)])
    first, cursor = await page(shelf.find, lambda row: row, None, 4)
    shelf.rows.append((99.0, "new"))
    second, _ = await page(shelf.find, lambda row: row, cursor, 4)
    assert [row[0] for row in first + second] == [9, 8, 7, 6, 5, 4, 3, 2]


@pytest.mark.parametrize(
    "text", ["x", "", "bnVsbA", Cursor(1.0, "a", 0).write(), "W05hTiwiYSIsMV0", "e30", "é"]
)
def test_cursors_that_are_none(text: str) -> None:
    with pytest.raises(ProblemError) as caught:
        Cursor.read(text)
    assert caught.value.code == "cursor.invalid"


async def test_through_the_api(client: Client, office: Office) -> None:
    for number in range(7):
        await office.session(f"s-{number}", at=1000.0 + number // 3)
    found, cursor = [], ""
    while cursor is not None:
        answer = (await client.ask("auditor", "GET", f"/sessions?limit=2&cursor={cursor}")).json()
        found += [each["id"] for each in answer["items"]]
        cursor = answer["next"]
    assert found == ["s-6", "s-3", "s-4", "s-5", "s-0", "s-1", "s-2"]
    bad = await client.ask("auditor", "GET", "/sessions?cursor=bad")
    assert (bad.status_code, bad.json()["code"]) == (400, "cursor.invalid")
