"""Hiding what stands in chosen places of objects: Secrets, and the fields that rules name.

A rule's ``columns`` are globs on ``resource.group.path.to.field``, without the places in lists:
``secrets.data``, ``pods.spec.containers.env.value``, ``deployments.apps.metadata.annotations.*``.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from vedette.kubernetes.placeholders import REDACTED, hidden, hidden_base64
from vedette.kubernetes.resources import KNOWN
from vedette.masking.plan import CannotMask
from vedette.masking.strategies import STRICTNESS
from vedette.masking.tally import Tally
from vedette.model import MaskRule

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MAX_DEPTH = 128
MAX_PATHS = 10_000
# In base64, where no detector sees anything.
_ENCODED = {"secrets": ("data",), "configmaps": ("binaryData",)}
_KINDS = {"Secret": "secrets", "ConfigMap": "configmaps"}
_HIDDEN = frozenset(f"{kind}.{part}" for kind, parts in _ENCODED.items() for part in (*parts, "stringData"))
_RESOURCES = frozenset(resource for _, resource in KNOWN)
#: What a table says of any object, and shows nothing of its fields.
_PLAIN_CELLS = frozenset({"age", "data", "name", "namespace", "type"})
_QUOTING = re.compile(r"(?s)((?:Invalid|Unsupported|Duplicate|Forbidden) value|Invalid|value): .*")


class Fields:
    """What is hidden whole in objects of one *kind* (``secrets``, ``deployments.apps``)."""

    __slots__ = ("_by_content", "_covers", "_key", "_kind", "_rules")

    def __init__(self, kind: str, rules: Sequence[MaskRule], key: bytes) -> None:
        """
        *rules* are all that apply. Where any looks at content, what is in base64 is hidden whole, because
        no detector can see into it.
        """
        self._kind = kind
        self._key = key
        self._rules = tuple(rule for rule in rules if rule.columns and _may_cover(rule, kind))
        self._by_content = next((rule for rule in rules if rule.entities), None)
        self._covers: dict[str, MaskRule | None] = {}

    @property
    def nothing(self) -> bool:
        """Whether nothing is hidden whole in any object of this kind."""
        encoded = self._kind in _ENCODED and self._by_content is not None
        return not self._rules and not encoded

    @property
    def chosen(self) -> bool:
        """Whether rules name fields of this kind, so that a table of it may show them."""
        return bool(self._rules)

    def hide(self, found: Any, tally: Tally) -> None:
        """
        Hides in *found*, which is changed: an object, a list of them, a Table, a Status.

        Raises:
            CannotMask: it is nested too deeply, or of no known form.
        """
        if not isinstance(found, dict):
            raise CannotMask("an answer that is no object")
        kind = found.get("kind")
        if kind == "Status":
            return self._status(found, tally)
        if kind == "Table":
            return self._table(found, tally)
        items = found.get("items")
        if isinstance(items, list) and isinstance(kind, str) and kind.endswith("List"):
            for item in items:
                self._object(item, tally)
            return None
        return self._object(found, tally)

    def _object(self, found: Any, tally: Tally) -> None:
        if not isinstance(found, dict):
            raise CannotMask("an answer that is no object")
        name = _KINDS.get(str(found.get("kind", "")), self._kind)
        values = _values(found) if name == "secrets" else ()
        if name in _ENCODED and self._by_content is not None:
            self._encoded(found, name, self._by_content, tally)
        if self._rules:
            self._walk(found, self._kind, 0, tally)
        metadata = found.get("metadata")
        if isinstance(metadata, dict):
            self._copies(metadata, values, tally)

    def _encoded(self, found: dict[str, Any], name: str, rule: MaskRule, tally: Tally) -> None:
        for part in (*_ENCODED[name], "stringData"):
            write = hidden if part == "stringData" else hidden_base64
            for key, value in _entries(found.get(part)):
                best = self._cover(f"{name}.{part}.{key}") or self._cover(f"{name}.{part}") or rule
                found[part][key] = write(str(value), best.strategy, best.keep, self._key)
                tally.add(best.rule)

    # --- what rules name ------------------------------------------------------------------

    def _walk(self, value: Any, path: str, depth: int, tally: Tally) -> None:
        if depth > MAX_DEPTH:
            raise CannotMask("an object nested too deeply")
        if isinstance(value, dict):
            for key, inner in value.items():
                below = f"{path}.{key}"
                if depth == 0 and below in _HIDDEN and self._by_content is not None:
                    continue
                rule = self._cover(below)
                if rule is not None:
                    value[key] = self._whole(inner, rule, below, tally)
                elif isinstance(inner, dict | list):
                    self._walk(inner, below, depth + 1, tally)
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                rule = self._cover(path) if not isinstance(inner, dict | list) else None
                if rule is not None:
                    value[place] = self._whole(inner, rule, path, tally)
                else:
                    self._walk(inner, path, depth + 1, tally)

    def _cover(self, path: str) -> MaskRule | None:
        if not self._rules:
            return None
        try:
            return self._covers[path]
        except KeyError:
            covering = [rule for rule in self._rules if any(_covers(glob, path) for glob in rule.columns)]
        best = max(covering, key=lambda rule: (STRICTNESS[rule.strategy], -rule.keep), default=None)
        if len(self._covers) > MAX_PATHS:
            self._covers.clear()
        self._covers[path] = best
        return best

    def _whole(self, value: Any, rule: MaskRule, path: str, tally: Tally) -> Any:
        """*value* hidden, whatever it is, and still of its type where clients would not read it otherwise."""
        if isinstance(value, dict):
            return {key: self._whole(inner, rule, f"{path}.{key}", tally) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._whole(inner, rule, path, tally) for inner in value]
        if value is None or value == "":
            return value
        tally.add(rule.rule)
        if not isinstance(value, str):
            return None
        encoded = any(
            path.startswith(f"{kind}.{part}.") for kind, parts in _ENCODED.items() for part in parts
        )
        return (hidden_base64 if encoded else hidden)(value, rule.strategy, rule.keep, self._key)

    # --- copies ---------------------------------------------------------------------------

    def _copies(self, metadata: dict[str, Any], values: Sequence[str], tally: Tally) -> None:
        """Who applied or changed an object left copies of it beside it."""
        metadata.pop("managedFields", None)
        annotations = metadata.get("annotations")
        if not isinstance(annotations, dict):
            return
        known = list(values)
        applied = annotations.get(APPLIED)
        if isinstance(applied, str):
            annotations[APPLIED] = self._applied(applied, known, tally)
        for name, text in annotations.items():
            if name != APPLIED and isinstance(text, str) and self._kind == "secrets" and _copy(text, known):
                annotations[name] = REDACTED
                tally.add(self._by_content.rule if self._by_content else self._rules[0].rule)

    def _applied(self, text: str, known: list[str], tally: Tally) -> str:
        """The copy that kubectl keeps, hidden as the object is; what a Secret held in it goes to *known*."""
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            return REDACTED
        if not isinstance(inner, dict):
            return REDACTED
        if self._kind == "secrets":
            known += _values(inner)
        metadata = inner.get("metadata")
        if isinstance(metadata, dict) and isinstance(metadata.get("annotations"), dict):
            metadata["annotations"].pop(APPLIED, None)
        self._object(inner, tally)
        return json.dumps(inner, separators=(",", ":")) + ("\n" if text.endswith("\n") else "")

    # --- answers that are no objects --------------------------------------------------------

    def _status(self, found: dict[str, Any], tally: Tally) -> None:
        """The server's errors quote what they complain about."""
        details = found.get("details")
        causes = details.get("causes") if isinstance(details, dict) else None
        for each in (found, *(causes if isinstance(causes, list) else ())):
            message = each.get("message") if isinstance(each, dict) else None
            if isinstance(message, str) and (new := _QUOTING.sub(r"\1: " + REDACTED, message)) != message:
                each["message"] = new
                tally.add(self._by_content.rule if self._by_content else self._rules[0].rule)

    def _table(self, found: dict[str, Any], tally: Tally) -> None:
        columns, rows = found.get("columnDefinitions"), found.get("rows")
        if rows is None:
            return
        if not isinstance(rows, list) or not isinstance(columns or [], list):
            raise CannotMask("a table of no known form")
        names = [
            str(each.get("name", "")).lower() if isinstance(each, dict) else "" for each in columns or []
        ]
        for row in rows:
            if not isinstance(row, dict):
                raise CannotMask("a table of no known form")
            inner = row.get("object")
            if inner is not None:
                self._object(inner, tally)
            cells = row.get("cells")
            if not self._rules or not isinstance(cells, list):
                continue
            # Of which field a cell was made, nobody says.
            for place, cell in enumerate(cells):
                plain = place < len(names) and names[place] in _PLAIN_CELLS
                if not plain and cell is not None:
                    cells[place] = REDACTED
                    tally.add(self._rules[0].rule)


def _entries(value: Any) -> list[tuple[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, dict):
        raise CannotMask("data of no known form")
    return list(value.items())


def _values(found: dict[str, Any]) -> list[str]:
    """What a Secret holds, as it is written and as it is meant."""
    values = [str(value) for _, value in _entries(found.get("stringData"))]
    for _, value in _entries(found.get("data")):
        values.append(str(value))
        try:
            values.append(base64.b64decode(str(value), validate=True).decode("utf-8"))
        except ValueError:
            continue  # bytes that are no text stand in no annotation but in base64
    return values


def _copy(text: str, values: Sequence[str]) -> bool:
    """Whether an annotation of a Secret is, or holds, what the Secret holds."""
    return text.lstrip()[:1] in ("{", "[") or any(len(value) >= 4 and value in text for value in values)


def _covers(glob: str, path: str) -> bool:
    """As of columns: without regard to case, ``*`` for dots as well, and a shorter name means its end."""
    glob, path = glob.lower(), path.lower()
    parts = path.split(".")
    shorter = ".".join(parts[-1 - glob.count(".") :])
    return fnmatchcase(path, glob) or fnmatchcase(shorter, glob)


def _may_cover(rule: MaskRule, kind: str) -> bool:
    """Whether *rule* may name a field of *kind*: not where its first part is the name of another kind."""
    resource = kind.partition(".")[0]
    firsts = {glob.lower().partition(".")[0] for glob in rule.columns}
    return any(first == resource or first not in _RESOURCES for first in firsts)
