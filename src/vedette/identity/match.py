"""What a claim has to be for a rule to hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from vedette.identity import claims as claim
from vedette.identity.claims import Claims, Path


@dataclass(frozen=True, slots=True)
class Match:
    """Whether a claim has a value, or is a list that holds it.

    The value is *equals*, or a text that is *like* a pattern in which ``*`` stands
    for any characters, also none; upper and lower case differ. Exactly one of the
    two is given, else creation raises ValueError.
    """

    claim: Path
    equals: str | int | bool | None = None
    like: str | None = None
    _parts: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if (self.equals is None) == (self.like is None):
            raise ValueError("a match has either equals or like")
        object.__setattr__(self, "_parts", tuple((self.like or "").split("*")))

    def holds(self, claims: Claims) -> bool:
        """Raises IdentityError where a step on the way to the claim is not an object."""
        value = claim.find(claims, self.claim)
        return any(self._is(member) for member in (value if isinstance(value, list) else [value]))

    def _is(self, member: object) -> bool:
        if self.like is not None:
            return isinstance(member, str) and spelt_by(self._parts, member)
        # Types count: true is not 1, and "1" is neither.
        return type(member) is type(self.equals) and member == self.equals


def spelt_by(parts: tuple[str, ...], text: str) -> bool:
    """Whether *text* is *parts* with anything in between: a pattern that was split at its stars."""
    first, *middle = parts
    if not middle:
        return text == first
    last = middle.pop()
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True
