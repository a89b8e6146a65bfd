"""``record``: how much is kept of what terminals and commands show, and whether what is typed is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vedette.model import Recorded
from vedette.policy.strict import Node

KEYS = ("output", "input")
MAX_OUTPUT_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Recording:
    """An obligation on the session; it has no opinion on any action. *output* None says nothing of it."""

    name: str
    output: int | None = None
    input: bool = False


def decode(name: str, node: Node) -> Recording:
    fields = node.fields(KEYS)
    if node.value == {}:
        node.problem("a record rule needs output, input or both", "for example output: 1MB")
    return Recording(
        name,
        fields["output"].size(0, MAX_OUTPUT_BYTES) if "output" in fields else None,
        fields["input"].boolean() if "input" in fields else False,
    )


def fullest(rules: Iterable[Recording]) -> Recorded:
    """The most that any of *rules* asks for."""
    many = tuple(rules)
    sizes = [rule.output for rule in many if rule.output is not None]
    some = any(rule.input for rule in many)
    return Recorded(max(sizes), some) if sizes else Recorded(input=some)
