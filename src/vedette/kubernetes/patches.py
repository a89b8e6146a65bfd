"""Patches as parts of the object that they make: what a merge would lay over it.

Sources: RFC 6902 (JSON patch), RFC 7396 (merge patch), Kubernetes documentation, "Update API Objects in Place
Using kubectl patch" (strategic merge and its directives) and "Server-Side Apply".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vedette.kubernetes.documents import MAX_DEPTH, Unreadable

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
KINDS = frozenset({JSON_PATCH, MERGE, STRATEGIC, APPLY})
MAX_OPERATIONS = 10_000
"""What the API server takes (``maxJSONPatchOperations``)."""

#: Where adding replaces a whole that finalizers may stand in.
_WHOLE = frozenset({(), ("metadata",), ("metadata", "finalizers"), ("spec",), ("spec", "finalizers")})
_OPERATION = frozenset({"op", "path", "value", "from"})


@dataclass(frozen=True, slots=True)
class Fragment:
    """*value* is laid over the object; *removed* are the paths of what is taken away from it."""

    value: Any
    removed: tuple[tuple[str, ...], ...] = ()


def fragments(operations: Any) -> list[Fragment]:
    """
    What each operation of a JSON patch does to the object.

    Raises:
        Unreadable: no list of operations; a move or a copy, whose value stands in the object and not here.
    """
    if not isinstance(operations, list) or len(operations) > MAX_OPERATIONS:
        raise Unreadable("a JSON patch that is no list of operations, or too long a one")
    return [found for operation in operations if (found := _fragment(operation)) is not None]


def _fragment(operation: Any) -> Fragment | None:
    if not isinstance(operation, dict) or not operation.keys() <= _OPERATION:
        raise Unreadable("a JSON patch with something else than op, path, value and from in it")
    word, path = operation.get("op"), operation.get("path")
    if not isinstance(path, str):
        raise Unreadable("an operation without a path")
    parts = pointer(path)
    if word == "test":
        return None
    if word == "remove":
        return Fragment({}, (parts,))
    if word in ("add", "replace") and "value" in operation:
        # What stood in the place of the new value is gone, and all that it had besides.
        gone = (parts,) if word == "replace" or parts in _WHOLE else ()
        return Fragment(_nested(parts, operation["value"]), gone)
    raise Unreadable("a JSON patch that moves or copies what cannot be seen here")


def pointer(text: str) -> tuple[str, ...]:
    """The parts of a JSON pointer (RFC 6901)."""
    if not text:
        return ()
    if not text.startswith("/"):
        raise Unreadable("a path in a patch that is no JSON pointer")
    if text.count("/") > MAX_DEPTH:
        raise Unreadable("a path in a patch that is too long")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))


def _nested(parts: tuple[str, ...], value: Any) -> Any:
    for part in reversed(parts):
        # Where a number is a key and no place in a list, nothing depends on the key.
        value = [value] if part == "-" or part.isdigit() else {part: value}
    return value
