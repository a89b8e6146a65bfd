"""JSON and YAML of request bodies, read strictly: what two readers could take differently is not read at all.

Sources: RFC 8259; YAML 1.1 as sigs.k8s.io/yaml reads it, which turns it into JSON first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import yaml

MAX_BYTES = 3 << 20
"""What the API server itself takes (``MaxRequestBodyBytes``)."""
MAX_YAML_BYTES = 512 << 10
MAX_DEPTH = 64
MAX_NODES = 200_000

# What every reader of YAML takes for the same plain scalar. Anything else stays text: whoever wants a number
# or a truth there finds a text, and knows that it does not know.
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}")
_WORDS: Mapping[str, object] = {"true": True, "false": False, "null": None, "": None, "~": None}


class Unreadable(Exception):
    """It is not read; the text says why, without values."""


def read(body: bytes, *, yaml_too: bool = False) -> Any:
    """
    The one document that *body* is, in plain dicts, lists, texts, numbers, truths and None.

    Raises:
        Unreadable: not JSON (or YAML, with *yaml_too*), a key that stands twice, aliases, tags, several
            documents, or more than the bounds of this module.
    """
    if len(body) > MAX_BYTES:
        raise Unreadable(f"a body of more than {MAX_BYTES >> 20} MiB")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("a body that is not UTF-8") from None
    if not yaml_too:
        return _json(text)
    if text.lstrip(" \t\r\n")[:1] in ("{", "["):
        try:
            return _json(text)
        except _NotJson:
            pass  # a flow mapping may be YAML and no JSON
    return _yaml(text)


class _NotJson(Unreadable):
    pass


def _json(text: str) -> Any:
    try:
        found = json.loads(text, object_pairs_hook=_mapping, parse_constant=_constant)
    except RecursionError:
        raise Unreadable("a body nested too deeply") from None
    except ValueError:
        raise _NotJson("a body that is not JSON") from None
    _bounded(found)
    return found


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("a key that stands twice in one object")
    return found


def _constant(_: str) -> NoReturn:
    raise ValueError


def _bounded(root: Any) -> None:
    """Raises Unreadable for what is too deep or too much, or holds half a character."""
    level, nodes = [root], 0
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                nodes += 2 * len(node)
                below.extend(node)
                below.extend(node.values())
            elif isinstance(node, list):
                nodes += len(node)
                below.extend(node)
            elif isinstance(node, str) and not node.isascii() and _HALF.search(node):
                raise Unreadable("a text with half a character in it")
        if nodes > MAX_NODES:
            raise Unreadable("a body with too many parts")
        if not below:
            return
        level = below
    raise Unreadable("a body nested too deeply")


_HALF = re.compile("[\ud800-\udfff]")


# --- what is expected somewhere; absent and null are the same -----------------------------


def mapping(value: Any) -> dict[str, Any]:
    """Raises Unreadable for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unreadable("something else where an object belongs")
    return value


def listing(value: Any) -> list[Any]:
    """Raises Unreadable for anything else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unreadable("something else where a list belongs")
    return value


def text(value: Any) -> str:
    """Raises Unreadable for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unreadable("something else where a text belongs")
    return value


# --- YAML --------------------------------------------------------------------------------

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _yaml(text: str) -> Any:
    if len(text) > MAX_YAML_BYTES:
        raise Unreadable(f"YAML of more than {MAX_YAML_BYTES >> 10} KiB")
    if "\0" in text or text.startswith(("\ufeff", "%")) or "\n%" in text:
        raise Unreadable("YAML with a directive or a mark of byte order")
    try:
        events = yaml.parse(text, Loader=_Loader)
        found = _Composer(events).document()
    except yaml.YAMLError:
        raise Unreadable("a body that is not YAML") from None
    _bounded(found)
    return found


class _Composer:
    """Builds the document from the parser's events, so that neither aliases nor tags can do anything."""

    __slots__ = ("_events", "_nodes")

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._nodes = 0

    def document(self) -> Any:
        found: list[Any] = []
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                found.append(self._node(next(self._events), 0))
        if len(found) != 1:
            raise Unreadable("YAML with several documents, or none")
        return found[0]

    def _node(self, event: Any, depth: int) -> Any:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise Unreadable("a body nested too deeply, or with too many parts")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise Unreadable("YAML with anchors and aliases")
        if event.tag is not None:
            raise Unreadable("YAML with tags")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return list(self._until(yaml.SequenceEndEvent, depth))
        pairs: list[tuple[str, Any]] = []
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                return _mapping(pairs)
            if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.tag or event.value == "<<":
                raise Unreadable("a key in YAML that is no plain text")
            self._nodes += 1
            pairs.append((event.value, self._node(next(self._events), depth + 1)))
        raise Unreadable("YAML that ends too early")

    def _until(self, end: type, depth: int) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield self._node(event, depth + 1)


def _scalar(event: Any) -> Any:
    value: str = event.value
    if event.style:
        return value
    if value in _WORDS:
        return _WORDS[value]
    if _INTEGER.fullmatch(value):
        return int(value)
    return float(value) if _FLOAT.fullmatch(value) else value
