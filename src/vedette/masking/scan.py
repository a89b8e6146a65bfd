"""Finding and hiding values inside a text, by content."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vedette.masking.detectors import DETECTORS, Detector, expand
from vedette.masking.fold import DISGUISES, fold
from vedette.masking.patterns import Which, which_of
from vedette.masking.strategies import REDACTED, STRICTNESS, digest, replacement
from vedette.masking.tally import Tally
from vedette.model import MaskRule

# Hiding one value can bring out another (its neighbour's digits no longer touch
# it). Each round hides at least one, so ordinary text settles in one or two.
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Sought:
    """One entity to hide, how, and whether the column's name says that it is there."""

    detector: Detector
    strategy: str
    keep: int
    hinted: bool = False


@dataclass(slots=True)
class Find:
    """``text[start:end]`` is to be hidden, in this way."""

    start: int
    end: int
    by: Sought
    strategy: str


@dataclass(frozen=True, slots=True)
class Scanner:
    """Hides what its detectors find. Made by ``scanner``; *which* knows their anchors, then disguises."""

    sought: tuple[Sought, ...]
    key: bytes
    which: Which

    def finds(self, text: bytes) -> list[Find]:
        """What is found in *text* as it is and as it reads, merged where finds overlap."""
        hits = self.which.of(text)
        if not hits:
            return []
        disguised = hits[-1] == len(self.sought)
        found = [
            Find(start, end, by, by.strategy)
            for by in map(self.sought.__getitem__, hits[:-1] if disguised else hits)
            for start, end in by.detector.finds(text, by.hinted)
        ]
        folded = fold(text) if disguised else None
        if folded is not None:
            for hit in self.which.of(folded.text):
                if hit < len(self.sought):
                    by = self.sought[hit]
                    for start, end in by.detector.finds(folded.text, by.hinted):
                        found.append(Find(*folded.original(start, end), by, by.strategy))
        return merged(found) if len(found) > 1 else found

    def hide(self, text: bytes, tally: Tally, lead: bytes = b"") -> bytes | None:
        """
        *text* with every find replaced; *text* itself where there is none.

        None where a find's strategy is to make the cell NULL. *lead* is read as
        standing in front of *text* (the key of a JSON member), and not hidden.
        """
        names: set[str] = set()
        skip = len(lead)
        for _ in range(_ROUNDS):
            found = [find for find in self.finds(lead + text if lead else text) if find.end > skip]
            if not found:
                break
            names.update(find.by.detector.name for find in found)
            if any(find.strategy == "null" for find in found):
                _count(tally, names)
                return None
            text = self._replaced(text, found, skip)
        else:
            text = REDACTED
        _count(tally, names)
        return text

    def holds_any(self, text: bytes) -> frozenset[str]:
        """Names of the entities found in *text*."""
        return frozenset(find.by.detector.name for find in self.finds(text))

    def _replaced(self, text: bytes, found: list[Find], skip: int) -> bytes:
        pieces = []
        here = 0
        for find in found:
            start, end = max(0, find.start - skip), find.end - skip
            pieces.append(text[here:start])
            by = find.by
            pieces.append(replacement(by.detector.name, find.strategy, by.keep, text[start:end], self.key))
            here = end
        pieces.append(text[here:])
        return b"".join(pieces)


def _count(tally: Tally, names: Iterable[str]) -> None:
    for name in names:
        tally.add(name)


def merged(found: list[Find]) -> list[Find]:
    """Finds in order, overlapping ones made one: named for the first, hidden by the strictest way."""
    found.sort(key=lambda find: (find.start, -find.end))
    merged = [found[0]]
    for find in found[1:]:
        last = merged[-1]
        if find.start >= last.end:
            merged.append(find)
            continue
        if find.end > last.end or find.by is not last.by:
            # What two detectors say of it together is too much to show a part of.
            both = max(last.strategy, find.strategy, key=STRICTNESS.__getitem__)
            same = (find.start, find.end, find.by) == (last.start, last.end, last.by)
            last.strategy = both if same or both != "partial" else "redact"
        last.end = max(last.end, find.end)
    return merged


def sought(masks: Sequence[MaskRule], column: str = "") -> tuple[Sought, ...]:
    """What content rules together look for, in a column of this name; the strictest way for each.

    Raises:
        KeyError: a rule names an entity that no detector finds.
    """
    best: dict[str, MaskRule] = {}
    for rule in masks:
        for name in expand(rule.entities):
            other = best.get(name)
            if other is None or _strictness(rule) > _strictness(other):
                best[name] = rule
    return tuple(
        Sought(DETECTORS[name], best[name].strategy, best[name].keep, DETECTORS[name].speaks_of(column))
        for name in DETECTORS
        if name in best
    )


def _strictness(rule: MaskRule) -> tuple[int, int]:
    return STRICTNESS[rule.strategy], -rule.keep


def scanner(wanted: tuple[Sought, ...], key: bytes) -> Scanner:
    """
    Raises:
        ValueError: something is to be hashed and there is no key.
    """
    if any(one.strategy == "hash" for one in wanted):
        digest(b"", key)
    return Scanner(wanted, key, which_of((*anchors(wanted), DISGUISES)))


def anchors(wanted: Iterable[Sought]) -> list[bytes]:
    """One pattern source for each: where neither it nor DISGUISES matches, there is no find."""
    return [
        one.detector.hinted + b"|" + one.detector.anchor
        if one.hinted and one.detector.hinted
        else one.detector.anchor
        for one in wanted
    ]
