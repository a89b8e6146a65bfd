"""``session``: how long a session may last, and how often its caller is asked about anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vedette.model import Bound, Lifetime
from vedette.policy.strict import Node

KEYS = ("max", "idle", "recheck")
MIN_SECONDS = 1.0
MAX_SECONDS = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Lasting:
    """An obligation on the session as a whole; it has no opinion on any action."""

    name: str
    lifetime: Lifetime


def decode(name: str, node: Node) -> Lasting:
    fields = node.fields(KEYS)
    if node.value == {}:
        node.problem("a session rule needs max, idle, recheck or several of them", "for example max: 8h")

    def bound(key: str) -> Bound | None:
        given = fields.get(key)
        return None if given is None else Bound(given.duration(MIN_SECONDS, MAX_SECONDS), name)

    longest, idle = bound("max"), bound("idle")
    if longest is not None and idle is not None and idle.seconds >= longest.seconds:
        fields["idle"].problem(
            f"idle: {fields['idle'].value} never ends a session that max has not ended",
            "make it shorter than max, or remove it",
        )
    return Lasting(name, Lifetime(longest, idle, bound("recheck")))


def strictest(lifetimes: Iterable[Lifetime]) -> Lifetime:
    """Of each bound the shortest; of equally short ones the first."""
    many = tuple(lifetimes)

    def shortest(bounds: Iterable[Bound | None]) -> Bound | None:
        return min((each for each in bounds if each is not None), key=lambda each: each.seconds, default=None)

    return Lifetime(
        shortest(each.max for each in many),
        shortest(each.idle for each in many),
        shortest(each.recheck for each in many),
    )
