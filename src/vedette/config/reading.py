"""YAML text to plain data, with the place of every value, and nothing of YAML that surprises.

Plain scalars are read as in YAML 1.2's core schema (``yes`` and ``12:30`` are
text). Anchors, aliases, tags, merge keys and several documents are refused:
settings need none of them, and a few bytes of alias can stand for gigabytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from vedette.policy.problems import ConfigError, Marks, Path, Place, Problem

MAX_BYTES = 4 << 20
MAX_VALUES = 100_000
MAX_DEPTH = 32

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_FLOAT = re.compile(r"[-+]?[0-9]{1,15}\.[0-9]{1,15}", re.ASCII)
_WORDS: dict[str, object] = {"": None, "~": None, "null": None, "true": True, "false": False}

_Parser: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


@dataclass(frozen=True, slots=True)
class Document:
    """The plain value of a file: mappings with text keys, lists, texts, numbers, true, false and None.

    *problems* do not keep it from being decoded, so that all can be told at
    once; they keep it from being used.
    """

    value: object
    marks: Marks
    problems: tuple[Problem, ...] = ()


def read_bytes(raw: bytes, file: str) -> Document:
    """Raises ConfigError where the YAML cannot be read at all."""
    if len(raw) > MAX_BYTES:
        raise _stop(file, f"the file has {len(raw)} bytes", f"settings have at most {MAX_BYTES}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise _stop(file, "this is not UTF-8", "save the file as UTF-8", (line, column)) from None
    return read_text(text, file)


def read_text(text: str, file: str) -> Document:
    """Raises ConfigError where the YAML cannot be read at all."""
    building = _Building(file)
    try:
        _build(text, building)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
        words = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise _stop(file, f"this is not YAML: {words}", "check quotes and indentation", place) from None
    except yaml.YAMLError as error:
        words = str(getattr(error, "reason", "")) or type(error).__name__
        raise _stop(file, f"this is not YAML: {words}", "remove control characters") from None
    if building.holes:
        raise ConfigError(building.problems)
    return Document(building.value, Marks(file, building.values, building.keys), tuple(building.problems))


def _stop(file: str, message: str, fix: str, place: Place = (0, 0)) -> ConfigError:
    return ConfigError([Problem(file, *place, message, fix)])


@dataclass(slots=True)
class _Building:
    """A document on its way from events to a value."""

    file: str
    value: object = None
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0
    holes: bool = False

    def note(self, event: yaml.Event, message: str, fix: str) -> None:
        self.problems.append(Problem(self.file, *_place(event), message, fix))

    def stop(self, event: yaml.Event, message: str, fix: str) -> ConfigError:
        """For what must not be read further."""
        self.note(event, message, fix)
        return ConfigError(self.problems)


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)


def _build(text: str, building: _Building) -> None:
    loader = _Parser(text)
    try:
        events = _events(loader)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if building.count:
                    raise building.stop(event, "a second document begins here", "write one document only")
                building.value = _value(next(events), events, (), building)
    finally:
        loader.dispose()


def _events(loader: Any) -> Iterator[yaml.Event]:
    while loader.check_event():
        yield loader.get_event()


def _value(event: yaml.Event, events: Iterator[yaml.Event], path: Path, building: _Building) -> object:
    """The value that begins with *event*."""
    building.count += 1
    if building.count > MAX_VALUES:
        raise building.stop(event, f"more than {MAX_VALUES} values", "split the file")
    if len(path) > MAX_DEPTH:
        raise building.stop(event, f"nested deeper than {MAX_DEPTH}", "settings are never that deep")
    building.values.setdefault(path, _place(event))
    if isinstance(event, yaml.AliasEvent):
        building.holes = True
        building.note(
            event, f'"*{event.anchor}" repeats another value', "write the value out, or quote a star"
        )
        return None
    if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
        _check_plain(event, building)
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, yaml.SequenceStartEvent):
        return _list(events, path, building)
    return _mapping(events, path, building)


def _check_plain(event: yaml.ScalarEvent | yaml.CollectionStartEvent, building: _Building) -> None:
    if event.anchor is not None:
        building.note(event, f'"&{event.anchor}" names a value to repeat', "write each value out")
    if event.tag is not None and event.tag != "!":
        building.note(event, f'the tag "{event.tag}" is not used here', "remove it")


def _scalar(event: yaml.ScalarEvent) -> object:
    text = event.value
    if event.style is not None and event.style != "":
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _list(events: Iterator[yaml.Event], path: Path, building: _Building) -> list[object]:
    found: list[object] = []
    for event in events:
        if isinstance(event, yaml.SequenceEndEvent):
            break
        found.append(_value(event, events, (*path, len(found)), building))
    return found


def _mapping(events: Iterator[yaml.Event], path: Path, building: _Building) -> dict[str, object]:
    found: dict[str, object] = {}
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            break
        key = _key(event, building)
        inner = (*path, key)
        if key in found:
            first = building.keys[inner][0]
            building.note(event, f'the key "{key}" stands here twice', f"the first is on line {first}")
        building.keys.setdefault(inner, _place(event))
        value = _value(next(events), events, inner, building)
        found.setdefault(key, value)
    return found


def _key(event: yaml.Event, building: _Building) -> str:
    if not isinstance(event, yaml.ScalarEvent):
        raise building.stop(
            event, "a key must be a plain text", "write name: value, or quote what begins with [ or {"
        )
    _check_plain(event, building)
    if event.value == "<<" and not event.style:
        building.note(event, "merging of mappings is not used here", "write the keys out")
    return event.value
