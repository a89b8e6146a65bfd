"""Long lists in pages: a cursor says where the next one begins, and stays right while rows are added."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from vedette.api.problems import ProblemError

MAX_LIMIT = 500
#: Rows looked at for one page, where most of them are not for this visitor.
MAX_LOOKED_AT = 2000

Row = TypeVar("Row")
Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="at most this many items")]
Next = Annotated[str | None, Query(max_length=200, description="what the page before gave as `next`")]


class Page(BaseModel, Generic[Item]):
    """Newest first. *next* is null on the last page."""

    items: list[Item]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """After the row *id* of time *at*, the *ties*-th of that very time."""

    at: float
    id: str
    ties: int

    def write(self) -> str:
        text = json.dumps([self.at, self.id, self.ties], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode("ascii")

    @classmethod
    def read(cls, text: str) -> Cursor:
        try:
            at, name, ties = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, TypeError, RecursionError):
            raise _bad() from None
        if not (isinstance(at, float) and math.isfinite(at) and isinstance(name, str) and type(ties) is int):
            raise _bad()
        if not 0 < ties <= 100_000:
            raise _bad()
        return cls(at, name, ties)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list that is sorted by *keys* goes on: after that row."""

    keys: tuple[float | str, ...]

    def write(self) -> str:
        text = json.dumps(list(self.keys), separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode("ascii")

    @classmethod
    def read(cls, text: str, *kinds: type) -> Place:
        """Raises ProblemError where *text* is not a place of rows whose keys are of these *kinds*."""
        try:
            keys = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, TypeError, RecursionError):
            raise _bad() from None
        if not isinstance(keys, list) or [type(key) for key in keys] != list(kinds):
            raise _bad()
        if not all(-(2**63) < key < 2**63 for key in keys if not isinstance(key, str)):
            raise _bad()
        return cls(tuple(keys))


def cut(
    items: Sequence[Item],
    mark: Callable[[Item], tuple[float, str] | tuple[str]],
    cursor: str | None,
    limit: int,
) -> Page[Item]:
    """
    One page of a list that is short enough to be held whole, sorted by *mark*.

    Raises ProblemError for a cursor that is none.
    """
    ordered = sorted(((mark(item), item) for item in items), key=lambda pair: pair[0])
    if cursor is not None and ordered:
        kinds = [type(key) for key in ordered[0][0]]
        after = Place.read(cursor, *kinds).keys
        ordered = [pair for pair in ordered if pair[0] > after]
    found = ordered[:limit]
    more = len(ordered) > limit
    return Page(items=[item for _, item in found], next=Place(found[-1][0]).write() if more else None)


def _bad() -> ProblemError:
    return ProblemError(400, "cursor.invalid", "this cursor is none of ours", "begin again without one")


async def page(
    find: Callable[[float | None, int], Awaitable[list[Row]]],
    mark: Callable[[Row], tuple[float, str]],
    cursor: str | None,
    limit: int,
    keep: Callable[[Row], bool] = lambda row: True,
) -> tuple[list[Row], str | None]:
    """
    At most *limit* rows that *keep*, and the cursor of the next page.

    *find* gives rows older than a time, newest first, rows of one time by id; *mark* is a
    row's time and id. Raises ProblemError for a cursor that is none.
    """
    here = Cursor.read(cursor) if cursor else None
    found: list[Row] = []
    looked = 0
    while True:
        before = math.nextafter(here.at, math.inf) if here else None
        wanted = limit + 1 + (here.ties if here else 0)
        rows = await find(before, wanted)
        more = len(rows) == wanted
        for row in rows:
            at, name = mark(row)
            if here and at == here.at and name <= here.id:
                continue
            if len(found) == limit:
                return found, here.write() if here else None
            looked += 1
            here = Cursor(at, name, here.ties + 1 if here and here.at == at else 1)
            if keep(row):
                found.append(row)
        if not more:
            return found, None
        if looked >= MAX_LOOKED_AT:
            return found, here.write() if here else None
