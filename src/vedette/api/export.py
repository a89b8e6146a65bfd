"""Lists as files: JSON Lines and CSV, streamed page by page until the end."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Query
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from vedette.api.pages import MAX_LIMIT, Page

Item = TypeVar("Item", bound=BaseModel)
Form = Literal["json", "jsonl", "csv"]
Format = Annotated[
    Form, Query(description="json: one page; jsonl and csv: a file of everything that fits, *limit* or not")
]
MEDIA = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
#: What routes that can be exported say of it in the OpenAPI document.
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "application/jsonl": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
        }
    }
}
# A spreadsheet takes a cell that begins so for a formula, and runs it (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")


async def listed(
    name: str,
    form: Form,
    model: type[Item],
    turn: Callable[[str | None, int], Awaitable[Page[Item]]],
    cursor: str | None,
    limit: int,
) -> Page[Item] | Response:
    """One page as it is, or a file called *name* of all pages from *cursor* on."""
    if form == "json":
        return await turn(cursor, limit)
    # The first page is fetched before anything is answered: what is wrong is said as a problem.
    first = await turn(cursor, MAX_LIMIT)
    return StreamingResponse(
        _lines(form, model, turn, first),
        media_type=MEDIA[form],
        headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'},
    )


async def _lines(
    form: Form,
    model: type[Item],
    turn: Callable[[str | None, int], Awaitable[Page[Item]]],
    page: Page[Item],
) -> AsyncIterator[str]:
    if form == "csv":
        yield row(list(model.model_fields))
    while True:
        yield "".join(map(_row if form == "csv" else _line, page.items))
        if page.next is None:
            return
        page = await turn(page.next, MAX_LIMIT)


def _line(item: BaseModel) -> str:
    return json.dumps(item.model_dump(mode="json"), separators=(",", ":")) + "\n"


def _row(item: BaseModel) -> str:
    return row(list(item.model_dump(mode="json").values()))


def row(values: list[Any]) -> str:
    """One line of CSV (RFC 4180); lists and objects are JSON in their cell, null is empty."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_cell(value) for value in values])
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    # No NUL in a file of text. What would be taken for a formula is led by an apostrophe, which shows.
    text = text.replace("\0", "\ufffd")
    return f"'{text}" if value and text.lstrip(" \ufffd").startswith(_FORMULA) else text
