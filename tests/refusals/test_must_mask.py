"""What masks cover is never seen, in any byte that a caller hears, whatever it asks for."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.refusals.bench import HERE, Bench, benches, shared_out, texts
from tests.refusals.plain import Lost, Plain
from tests.testbed.postgres import Postgres

pytestmark = [pytest.mark.live, pytest.mark.slow]

COLLECTION: Mapping[str, Any] = yaml.safe_load((HERE / "masking.yaml").read_text())
# No test may take so long that a hang could not be told from it.
PARTS = 5
WAYS = ("simple", "extended", "extended-binary")
# Everything is allowed, so that the masks stand alone.
MASKED: Mapping[str, Any] = {
    "name": "masked",
    "who": {},
    "where": {},
    "rules": [
        {
            "allow": {
                "effects": [
                    *("read", "write", "delete", "destroy", "create", "alter"),
                    *("grant", "execute", "export", "configure"),
                ]
            }
        },
        {"mask": {"columns": ["public.customers.ssn", "public.customers.email"], "as": "redact"}},
        {"mask": {"entities": ["credit_card"], "as": "redact"}},
    ],
}


def disguises(value: str) -> set[bytes]:
    """*value* as callers may have it written: also backwards, in hexadecimal and in base64."""
    raw = value.encode()
    found = {raw, raw.lower(), raw[::-1], raw.hex().encode(), raw.hex().upper().encode()}
    for offset in range(3):
        # Of base64, only what does not hang on the bytes around it.
        code = base64.b64encode(b"x" * offset + raw)
        found.add(code[(4 if offset else 0) : len(code) // 4 * 4 - 4])
    if value.isdigit():
        found.add(int(value).to_bytes(8, "big"))
    return {form for form in found if len(form) >= 4}


COLUMN = set().union(*(disguises(value) for value in COLLECTION["column"])) | {
    (8317264950).to_bytes(8, "big")
}
CARD = {value.encode() for value in COLLECTION["card"]} | {(4539148803436467).to_bytes(8, "big")}


def seen(session: Plain, row: Mapping[str, Any]) -> set[bytes]:
    wanted = CARD if row.get("sees") == "card" else COLUMN
    return {value for value in wanted if value in session.heard}


async def ask(session: Plain, row: Mapping[str, Any], way: str) -> bool:
    """Whether anything of it was done: not all was refused."""
    codes: list[str] = []
    for text in texts(row):
        if way == "simple":
            answer = await session.query(text)
        else:
            answer = await session.extended(text, binary=way == "extended-binary")
        codes += answer.codes or [""]
    if (await session.query("")).status != "I":
        await session.query("COMMIT")
    return any(code != "42501" for code in codes)


def changes(row: Mapping[str, Any]) -> bool:
    """Whether it may leave something behind for the next row."""
    words = re.findall(r"[a-z_]+", " ".join(texts(row)).lower())
    return "setup" in row or not {*words}.isdisjoint(_LASTING)


_LASTING = {"insert", "update", "delete", "merge", "create", "alter", "drop", "do", "into", "vacuum"} | {
    "lo_from_bytea",
    "setval",
}


async def is_masked(bench: Bench, row: Mapping[str, Any]) -> None:
    lasting = changes(row)
    ways = row.get("ways", WAYS)
    leaks = {}
    for way in ways:
        await bench.ready(row.get("setup"), COLLECTION["plant"])
        async with await bench.through() as agent:
            try:
                bench.stale = await ask(agent, row, way) and lasting
            except Lost:
                bench.stale = lasting  # ended rather than shown
            leaked = seen(agent, row)
            if leaked and "echoes" not in row:
                leaks[way] = (leaked, bytes(agent.heard[-400:]))
    assert not leaks, leaks
    if row.get("sees") == "nothing":
        return
    for way in ways:
        await bench.ready(row.get("setup"), COLLECTION["plant"])
        bench.stale = lasting
        async with await bench.direct() as operator:
            await ask(operator, row, way)
            if seen(operator, row):
                return
    raise AssertionError("shows nothing without the gateway either")


@pytest.mark.parametrize("part", range(PARTS))
async def test_what_is_masked_is_never_seen(proving: Postgres, tmp_path: Path, part: int) -> None:
    assert len(COLLECTION["rows"]) >= 300
    work = [row for row in COLLECTION["rows"][part::PARTS] if row.get("since", 0) <= proving.version]
    async with benches(proving, tmp_path, MASKED) as hands:
        wrong = await shared_out(work, hands, is_masked)
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())
