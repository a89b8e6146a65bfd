"""Decoding of matchers: ``effects``, ``objects``, ``pattern`` and ``when``."""

from __future__ import annotations

from collections.abc import Mapping

import re2  # type: ignore[import-untyped]

from vedette.model import Effect
from vedette.policy.conditions import Condition, Unsound, compile_condition
from vedette.policy.globs import Globs, misspelt
from vedette.policy.matching import Matcher, Pattern
from vedette.policy.strict import Node

KEYS = ("effects", "objects", "pattern", "when")
ANY = "*"
EFFECTS = tuple(map(str, Effect))
MAX_PATTERN_CHARACTERS = 4096
MAX_PATTERN_BYTES = 8 << 20


def decode(fields: Mapping[str, Node]) -> Matcher:
    """The matcher in those of *fields* that are matcher keys."""
    return Matcher(
        effects=_effects(fields["effects"]) if "effects" in fields else None,
        objects=_objects(fields["objects"]) if "objects" in fields else None,
        pattern=_pattern(fields["pattern"]) if "pattern" in fields else None,
        condition=_condition(fields["when"]) if "when" in fields else None,
    )


def _effects(node: Node) -> frozenset[Effect] | None:
    words = node.choices((*EFFECTS, ANY), what="effect")
    if ANY not in words:
        return frozenset(map(Effect, words))
    if words == (ANY,):
        return None
    if Effect.UNKNOWN in words:
        if len(words) > 2:
            node.problem('"*" already stands for every effect but unknown', 'write ["*", unknown]')
        return frozenset(Effect)
    node.problem('"*" already stands for every effect but unknown', 'write ["*"] alone')
    return None


def _objects(node: Node) -> Globs:
    globs = node.texts()
    for place, glob in enumerate(globs):
        wrong = misspelt(glob) if glob else None
        if wrong is not None:
            node.child(place, glob).problem(*wrong)
    return Globs(globs)


def _pattern(node: Node) -> Pattern | None:
    source = node.text()
    if len(source) > MAX_PATTERN_CHARACTERS:
        node.problem(f"the pattern is longer than {MAX_PATTERN_CHARACTERS} characters")
        return None
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_PATTERN_BYTES
    try:
        return Pattern(source, re2.compile(source, options))
    except (re2.error, UnicodeError) as error:
        reason = error.args[0] if error.args else ""
        said = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        node.problem(f"the pattern is not RE2: {said}", "look-around and back references do not exist in RE2")
        return None


def _condition(node: Node) -> Condition | None:
    source = node.text()
    if not source:
        return None
    try:
        return compile_condition(source)
    except Unsound as error:
        node.problem(str(error), error.fix)
        return None
