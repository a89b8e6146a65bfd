"""The query of a request: decoded once, known keys only, each said once."""

from __future__ import annotations

import re
from functools import lru_cache

from vedette.kubernetes import escapes
from vedette.kubernetes.errors import BadRequest

Query = tuple[tuple[str, str], ...]

CODE = "kubernetes.query"
MAX_PAIRS = 512
MAX_VALUE_CHARACTERS = 32 << 10

#: Said more than once, these make a list; anything else said twice means one thing here and another there.
REPEATED = frozenset({"command", "ports", "exclude"})

# Source: Kubernetes API reference, "Common parameters", and the options of Pod's connect subresources.
KNOWN = REPEATED | frozenset(
    {
        "allowWatchBookmarks", "container", "continue", "dryRun", "exact", "export", "fieldManager",
        "fieldSelector", "fieldValidation", "follow", "force", "gracePeriodSeconds", "hash",
        "ignoreStoreReadErrorWithClusterBreakingPotential", "includeObject", "includeUninitialized",
        "insecureSkipTLSVerifyBackend", "labelSelector", "limit", "limitBytes", "metricLabelSelector",
        "orphanDependents", "path", "preconditions", "pretty", "previous", "propagationPolicy",
        "resourceVersion", "resourceVersionMatch", "sendInitialEvents", "shardSelector", "sinceSeconds",
        "sinceTime", "stderr", "stdin", "stdout", "stream", "tailLines", "timeout", "timeoutSeconds",
        "timestamps", "tty", "verbose", "watch",
    }
)  # fmt: skip
_FLAGS = frozenset(
    {
        "allowWatchBookmarks", "exact", "export", "follow", "force", "includeUninitialized",
        "insecureSkipTLSVerifyBackend", "orphanDependents", "previous", "sendInitialEvents", "stderr",
        "stdin", "stdout", "timestamps", "tty", "watch",
    }
)  # fmt: skip
# As clients write them; it is sent on in one way.
_TRUTHS = {
    "true": "true", "True": "true", "TRUE": "true", "1": "true",
    "false": "false", "False": "false", "FALSE": "false", "0": "false",
}  # fmt: skip
_TOKENS = re.compile(
    r"(?i)(?:access|id|refresh|bearer|auth|api|client)?[-_]?(?:token|bearer|authorization|secret|key)"
)


def read(text: str, *, opaque: bool = False) -> Query:
    """
    The pairs of *text*, which is what stands behind the question mark. *opaque*: somebody else reads it
    (a proxied service), so that any key may stand in it, and stand twice.

    Raises:
        BadRequest: what one reader takes for one thing and another for another; a token.
    """
    if not text:
        return ()
    if ";" in text:
        raise BadRequest(CODE, "a semicolon in the query: some take it for a separator, and some do not")
    found: list[tuple[str, str]] = []
    for part in text.split("&"):
        key, _, value = part.partition("=")
        pair = escapes.decode(key, CODE, plus=True), escapes.decode(value, CODE, plus=True)
        if not pair[0] or len(pair[1]) > MAX_VALUE_CHARACTERS:
            raise BadRequest(CODE, "a query with an empty part, or with a value that is too long")
        found.append(pair)
    if len(found) > MAX_PAIRS:
        raise BadRequest(CODE, f"a query has at most {MAX_PAIRS} parts")
    _check(found, opaque)
    if opaque:
        return tuple(found)
    return tuple((key, _TRUTHS[value] if key in _FLAGS else value) for key, value in found)


def _check(pairs: list[tuple[str, str]], opaque: bool) -> None:
    seen: set[str] = set()
    for key, value in pairs:
        if _TOKENS.fullmatch(key):
            raise BadRequest("kubernetes.token", "a token in a query ends up in logs: send it as a header")
        if opaque:
            continue
        if key not in KNOWN:
            raise BadRequest(CODE, "a parameter that the API of Kubernetes does not have (case counts)")
        if key in seen and key not in REPEATED:
            raise BadRequest(CODE, f"{key} stands twice in the query")
        if key in _FLAGS and value not in _TRUTHS:
            # The server takes whatever is neither "false" nor "0" for true, an empty text included.
            raise BadRequest(CODE, f"{key} is either true or false")
        seen.add(key)


@lru_cache(maxsize=128)
def write(pairs: Query) -> str:
    """The query that means *pairs*, in the one way that is forwarded."""
    return "&".join(f"{escapes.value(key)}={escapes.value(value)}" for key, value in pairs)


def first(pairs: Query, key: str) -> str:
    """The value of *key*; empty where it is not there."""
    return next((value for name, value in pairs if name == key), "")


def flag(pairs: Query, key: str) -> bool:
    return first(pairs, key) == "true"
