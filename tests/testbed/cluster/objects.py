"""What a cluster holds, what changes, and who watches."""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str, str, str]  # group, resource, namespace, name
CREATED = "2026-11-22T10:00:00Z"


class Trouble(Exception):
    """An answer that is a Status: *code* of HTTP, *reason* of Kubernetes."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message


@dataclass(slots=True)
class Objects:
    """By key. Every change has a version, and is told to all who watch."""

    version: int = 1000
    held: dict[Key, Object] = field(default_factory=dict)
    watchers: list[asyncio.Queue[tuple[str, Key, Object]]] = field(default_factory=list)
    past: list[tuple[int, str, Key, Object]] = field(default_factory=list)

    def put(self, key: Key, value: Object, *, dry: bool = False) -> Object:
        """Create or replace it, as the server stores it."""
        made = copy.deepcopy(value)
        metadata = made.setdefault("metadata", {})
        metadata["name"] = key[3]
        if key[2]:
            metadata["namespace"] = key[2]
        old = self.held.get(key)
        metadata.setdefault("uid", old["metadata"]["uid"] if old else str(uuid.uuid4()))
        metadata.setdefault("creationTimestamp", CREATED)
        if dry:
            return made
        self.version += 1
        metadata["resourceVersion"] = str(self.version)
        self.held[key] = made
        self._tell("MODIFIED" if old else "ADDED", key, made)
        return made

    def get(self, key: Key) -> Object:
        if key not in self.held:
            raise Trouble(404, "NotFound", f'{key[1]} "{key[3]}" not found')
        return self.held[key]

    def drop(self, key: Key) -> Object:
        value = self.get(key)
        del self.held[key]
        self.version += 1
        self._tell("DELETED", key, value)
        return value

    def among(self, group: str, resource: str, namespace: str) -> Iterator[tuple[Key, Object]]:
        for key, value in sorted(self.held.items()):
            if key[:2] == (group, resource) and namespace in ("", key[2]):
                yield key, value

    def _tell(self, kind: str, key: Key, value: Object) -> None:
        self.past.append((self.version, kind, key, copy.deepcopy(value)))
        for watcher in self.watchers:
            watcher.put_nowait((kind, key, copy.deepcopy(value)))


def merged(old: Any, patch: Any, *, by_name: bool) -> Any:
    """A merge patch (RFC 7386); with *by_name* lists of named things are merged one by one, as strategic patches do."""
    if isinstance(patch, dict):
        found = dict(old) if isinstance(old, dict) else {}
        for name, value in patch.items():
            if name.startswith("$"):
                continue
            if value is None:
                found.pop(name, None)
            else:
                found[name] = merged(found.get(name), value, by_name=by_name)
        return found
    named = isinstance(patch, list) and all(isinstance(each, dict) and "name" in each for each in patch)
    if by_name and named and isinstance(old, list):
        found_list = {each.get("name"): each for each in old}
        for each in patch:
            found_list[each["name"]] = merged(found_list.get(each["name"]), each, by_name=True)
        return list(found_list.values())
    return patch


def fits(value: Object, labels: str, fields: str) -> bool:
    """Whether the selectors choose it; only ``=``, ``==`` and ``!=`` are known."""
    have = value.get("metadata", {}).get("labels") or {}
    for part in filter(None, labels.split(",")):
        name, wanted, equal = _part(part)
        if (have.get(name) == wanted) is not equal:
            return False
    for part in filter(None, fields.split(",")):
        name, wanted, equal = _part(part)
        found: Any = value
        for step in name.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        if ((found or "") == wanted) is not equal:
            return False
    return True


def _part(part: str) -> tuple[str, str, bool]:
    for sign, equal in (("!=", False), ("==", True), ("=", True)):
        if sign in part:
            name, _, wanted = part.partition(sign)
            return name, wanted, equal
    raise Trouble(400, "BadRequest", "a selector this fake does not know")
