"""``limit``: no more than this much comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vedette.model import Limit
from vedette.policy.strict import Node

KEYS = ("rows", "bytes", "per")
MAX_ROWS = 10**15
MAX_BYTES = 1 << 50


@dataclass(frozen=True, slots=True)
class Limiting:
    """An obligation on everything that passes; it has no opinion on whether anything does."""

    name: str
    limit: Limit


def decode(name: str, node: Node) -> Limiting:
    fields = node.fields(KEYS)
    if isinstance(node.value, dict) and not {"rows", "bytes"} & fields.keys():
        node.problem("a limit needs rows, bytes or both", "for example rows: 10000")
    per: Literal["session", "action"] = "session"
    if "per" in fields and fields["per"].choice(("session", "action")) == "action":
        per = "action"
    return Limiting(
        name,
        Limit(
            name,
            rows=fields["rows"].integer(1, MAX_ROWS) if "rows" in fields else None,
            bytes=fields["bytes"].size(1, MAX_BYTES) if "bytes" in fields else None,
            per=per,
        ),
    )
