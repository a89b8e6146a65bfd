"""The protocols that policies may name, and what can be asked of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spoken:
    """
    *masks*: results can be masked; *columns*: they have columns that a mask can name. *dialects*: whose facts
    its actions carry. *terminals*: there are commands and terminals, which are recorded as they go.
    """

    masks: bool
    dialects: tuple[str, ...] = ()
    terminals: bool = False
    columns: bool = True


PROTOCOLS: Mapping[str, Spoken] = {
    "kubernetes": Spoken(masks=True, dialects=("kubernetes", "shell"), terminals=True),
    "postgres": Spoken(masks=True, dialects=("sql",)),
    "ssh": Spoken(masks=True, dialects=("shell",), terminals=True, columns=False),
}
