"""Where masks cannot follow: statements that would carry a masked value somewhere else.

A column mask is bound to a column. What is copied into another table, a setting, a
notification or a file, or renamed, is that column no longer; so it is refused,
never passed. (Lineage will let some of it pass.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vedette.model import Effect, MaskRule
from vedette.protocols.postgres.results import Outputs
from vedette.sql.facts import Facts

# These leave nothing behind that could be read later.
_FLEETING = frozenset({Effect.READ, Effect.DELETE})
_RAW = ("file:", "program:")
_EVERYTHING = frozenset({"*"})


def near(outputs: Outputs, masks: Sequence[MaskRule], facts: Facts) -> bool:
    """Whether the statement is about a relation with a masked column at all."""
    return outputs.tainted(masks, replace(facts, mentions=_EVERYTHING))


def astray(outputs: Outputs, masks: Sequence[MaskRule], facts: Facts) -> str:
    """Why the statement would take masked values where masks do not follow; empty where it would not."""
    if not any(rule.columns for rule in masks):
        return ""
    if any(touch.object.startswith(_RAW) for touch in facts.touches):
        return "files and programs of the server may hold masked columns"
    lasting = [touch for touch in facts.touches if touch.effect not in _FLEETING and not touch.implied]
    unsure = any(setting.value is None for setting in facts.settings)
    if not lasting and not unsure:
        return ""
    if any(touch.effect is Effect.ALTER for touch in lasting) and near(outputs, masks, facts):
        return "a relation with masked columns may not be altered by those from whom they are masked"
    plain = all(touch.effect is Effect.WRITE and touch.object in facts.targets for touch in lasting)
    names = facts.stored if plain and not unsure else facts.mentions
    if outputs.tainted(masks, replace(facts, mentions=names)):
        return "it would copy what is masked to where the mask does not follow"
    return ""
