"""Named lists that rules may use: of matchers (for allow, deny and hold) or of entities (for mask).

A pack is one YAML file in this folder, named like the pack.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import yaml

from vedette.masking.detectors import expand
from vedette.policy import matchers
from vedette.policy.matching import Matcher
from vedette.policy.problems import Marks
from vedette.policy.strict import Book, Node

SUFFIX = ".yaml"


@dataclass(frozen=True, slots=True)
class Pack:
    """*says* has a line on each entry, for the manual; its matcher has a hint, for whoever is refused.
    Either *matchers* or *entities* is empty."""

    name: str
    about: str
    says: tuple[str, ...]
    matchers: tuple[Matcher, ...] = ()
    entities: frozenset[str] = frozenset()
    source: str = ""


@functools.cache
def every() -> dict[str, Pack]:
    """All packs by name."""
    files = [file for file in resources.files(__name__).iterdir() if file.name.endswith(SUFFIX)]
    found = [_read(file.name.removesuffix(SUFFIX), file.read_text("utf-8")) for file in files]
    return {pack.name: pack for pack in sorted(found, key=lambda pack: pack.name)}


def names(*, entities: bool) -> tuple[str, ...]:
    """The packs for masks, or those for rules that judge."""
    return tuple(name for name, pack in every().items() if bool(pack.entities) is entities)


def load(name: str) -> Pack:
    """Raises KeyError: there is no such pack."""
    return every()[name]


def _hint(entry: dict[str, Node]) -> str:
    return entry["hint"].text() if "hint" in entry else ""


def _read(name: str, text: str) -> Pack:
    value: Any = yaml.safe_load(text)
    book = Book(Marks(f"packs/{name}{SUFFIX}"))
    fields = Node(value, (), book).fields(("about", "matchers", "entities"), required=("about",))
    entries = fields["matchers"].entries() if "matchers" in fields else []
    decoded = [entry.fields((*matchers.KEYS, "about", "hint"), required=("about",)) for entry in entries]
    entities = fields["entities"].texts() if "entities" in fields else ()
    pack = Pack(
        name,
        fields["about"].text(),
        says=tuple(entry["about"].text() for entry in decoded) or tuple(sorted(expand(entities))),
        matchers=tuple(replace(matchers.decode(entry), hint=_hint(entry)) for entry in decoded),
        entities=expand(entities),
        source=text,
    )
    book.close()
    return pack
