"""``mask``: hide these in whatever comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from vedette.masking.detectors import DETECTORS, GROUPS, expand
from vedette.model import MaskRule
from vedette.policy import packs
from vedette.policy.strict import Node, near

Strategy = Literal["redact", "partial", "hash", "null"]
STRATEGIES: tuple[Strategy, ...] = ("redact", "partial", "hash", "null")
KEYS = ("entities", "columns", "pack", "as", "keep", "binary", "files")
BINARY: tuple[Literal["refuse", "text"], ...] = ("refuse", "text")
MAX_FILE_BYTES = 64 << 20
# What `partial` may show of a column; of a value found by content it never shows more than four.
MAX_KEEP, MAX_KEEP_FOUND = 8, 4


@dataclass(frozen=True, slots=True)
class Masking:
    """An obligation on everything that passes; it has no opinion on whether anything does."""

    name: str
    mask: MaskRule


def decode(name: str, node: Node) -> Masking:
    fields = node.fields(KEYS)
    chosen = [key for key in ("entities", "columns", "pack") if key in fields]
    if len(chosen) != 1 and isinstance(node.value, dict):
        fix = (
            "write a rule for each" if chosen else 'for example entities: [email], or columns: ["public.t.c"]'
        )
        node.problem("a mask needs exactly one of entities, columns and pack", fix)
    strategy: Strategy = "redact"
    if "as" in fields:
        strategy = cast(Strategy, fields["as"].choice(STRATEGIES, what="strategy"))
    if "keep" in fields and strategy != "partial":
        fields["keep"].problem(f"keep means nothing with as: {strategy}", "write as: partial, or remove keep")
    most = MAX_KEEP if "columns" in fields else MAX_KEEP_FOUND
    for key in ("binary", "files"):
        if key in fields and "columns" in fields:
            fields[key].problem(f"{key} means nothing for columns", f"remove {key}")
    binary: Literal["refuse", "text"] = "refuse"
    if "binary" in fields:
        binary = cast(Literal["refuse", "text"], fields["binary"].choice(BINARY, what="word"))
    mask = MaskRule(
        name,
        strategy,
        entities=_entities(fields),
        columns=_columns(fields["columns"]) if "columns" in fields else (),
        keep=fields["keep"].integer(1, most) if "keep" in fields else 4,
        binary=binary,
        files=fields["files"].size(1, MAX_FILE_BYTES) if "files" in fields else 16 << 20,
    )
    return Masking(name, mask)


def _entities(fields: dict[str, Node]) -> frozenset[str]:
    if "entities" in fields:
        return expand(fields["entities"].choices((*DETECTORS, *GROUPS), what="entity"))
    if "pack" in fields:
        node, name = fields["pack"], fields["pack"].text()
        known = packs.names(entities=True)
        if name in known:
            return packs.load(name).entities
        other = name in packs.names(entities=False)
        if name:
            fix = near(name, known)
            node.problem(f'pack "{name}" has nothing to mask' if other else f'unknown pack "{name}"', fix)
    return frozenset()


def _columns(node: Node) -> tuple[str, ...]:
    globs = node.texts()
    for place, glob in enumerate(globs):
        if set(glob) & set("[]?"):
            fix = "write * in its place"
            node.child(place, glob).problem(
                f'"{glob}": the only wildcard is *, and [, ] and ? match nothing', fix
            )
        elif glob and "*" not in glob and "." not in glob:
            node.child(place, glob).problem(
                f'"{glob}" names no table',
                f'write "public.table.{glob}", or "*.{glob}" for any table',
            )
    return globs
