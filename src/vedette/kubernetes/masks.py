"""Answers of the API server without what rules hide: objects, lists, tables, watch events, texts.

What is not JSON, YAML or text cannot be masked and must not pass: see `vedette.kubernetes.negotiation`, which
asks the server for JSON in the first place.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import msgspec

from vedette.kubernetes import documents
from vedette.kubernetes.bodies import JSON, YAML, media_type
from vedette.kubernetes.contents import Contents
from vedette.kubernetes.fields import Fields
from vedette.kubernetes.request import KubernetesRequest
from vedette.masking.plan import CannotMask
from vedette.masking.prose import hide
from vedette.masking.tally import Tally
from vedette.model import MaskRule

MAX_EVENT_BYTES = 16 << 20
"""One event of a watch must be held as a whole; the API server's own objects end at some 1.5 MiB."""
# What the server says of itself and of kinds, not of objects. Asked for by every client, and large.
_ABOUT = frozenset(
    {"", "api", "apis", "healthz", "livez", "openapi", "openid", "readyz", "version", ".well-known"}
)


class Mask:
    """What is hidden in answers to one sort of request. Made by `mask_for`."""

    __slots__ = ("contents", "fields", "key", "rules")

    def __init__(self, kind: str, rules: tuple[MaskRule, ...], key: bytes) -> None:
        fields = Fields(kind, rules, key)
        self.rules = rules
        self.key = key
        self.fields = None if fields.nothing else fields
        self.contents = Contents(rules, key) if any(rule.entities for rule in rules) else None

    @property
    def nothing(self) -> bool:
        """Whether answers may pass unopened."""
        return self.fields is None and self.contents is None

    @property
    def tables(self) -> bool:
        """Whether a table may be asked for: not where it would show fields that nobody could tell apart."""
        return self.fields is None or not self.fields.chosen

    def json(self, body: bytes, tally: Tally) -> bytes:
        """One JSON document. Raises CannotMask."""
        if self.fields is not None:
            found = _decoded(body)
            self.fields.hide(found, tally)
            body = msgspec.json.encode(found)
        return self.contents.hide(body, tally) if self.contents is not None else body

    def event(self, line: bytes, tally: Tally) -> bytes:
        """One event of a watch. Raises CannotMask."""
        if self.fields is not None:
            found = _decoded(line)
            if not isinstance(found, dict) or "object" not in found:
                raise CannotMask("an event of no known form")
            self.fields.hide(found["object"], tally)
            line = msgspec.json.encode(found)
        return self.contents.hide(line, tally) if self.contents is not None else line

    def text(self, body: bytes, tally: Tally) -> bytes:
        """A whole text, such as a log that is not followed; by content only."""
        plain = body.decode("utf-8", "surrogateescape")
        hidden = hide(plain, self.rules, self.key, tally)
        return body if hidden == plain else hidden.encode("utf-8", "replace")


def mask_for(request: KubernetesRequest, masks: Sequence[MaskRule], key: bytes) -> Mask | None:
    """
    What *masks* ask for in the answer to *request*; None where it may pass unopened.

    Raises:
        CannotMask: a rule names an unknown entity, or hashes without a *key*.
    """
    if not masks or (not request.resource and request.path.split("/")[1] in _ABOUT):
        return None
    kind = f"{request.resource}.{request.group}" if request.group else request.resource
    mask = _mask(kind, tuple(masks), key)
    return None if mask.nothing else mask


@lru_cache(maxsize=128)
def _mask(kind: str, masks: tuple[MaskRule, ...], key: bytes) -> Mask:
    return Mask(kind, masks, key)


def masked_body(content_type: str, body: bytes, mask: Mask, tally: Tally) -> bytes:
    """
    A whole answer, under the same *content_type*.

    Raises:
        CannotMask: of a type that cannot be masked, or not what its type says.
    """
    media = media_type(content_type)
    if not body:
        return body
    if media == JSON:
        return mask.json(body, tally)
    if media in YAML:
        return mask.json(_from_yaml(body), tally)  # JSON is YAML
    if media.startswith("text/"):
        if mask.fields is not None:
            raise CannotMask("a text in which nobody can tell which field is which")
        return mask.text(body, tally)
    raise CannotMask("an answer of a type that cannot be masked")


class WatchMask:
    """A watch, event by event; how its bytes were cut on the way does not matter."""

    __slots__ = ("_mask", "_tally", "_unfinished")

    def __init__(self, mask: Mask, tally: Tally) -> None:
        self._mask = mask
        self._tally = tally
        self._unfinished = bytearray()

    def feed(self, data: bytes) -> bytes:
        """The events that *data* ends, masked. Raises CannotMask; then nothing more may pass."""
        self._unfinished += data
        end = self._unfinished.rfind(b"\n", max(0, len(self._unfinished) - len(data)))
        if end < 0:
            if len(self._unfinished) > MAX_EVENT_BYTES:
                raise CannotMask(f"an event of more than {MAX_EVENT_BYTES >> 20} MiB")
            return b""
        whole = bytes(self._unfinished[:end])
        del self._unfinished[: end + 1]
        return b"".join(
            self._mask.event(line, self._tally) + b"\n" if line.strip() else line + b"\n"
            for line in whole.split(b"\n")
        )

    def finish(self) -> bytes:
        """What a last event without an end of line is. Raises CannotMask where it broke off."""
        line = bytes(self._unfinished)
        self._unfinished.clear()
        return self._mask.event(line, self._tally) if line.strip() else b""


def _decoded(body: bytes) -> Any:
    try:
        with _no_collection():
            return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise CannotMask("an answer that is not JSON") from None


def _from_yaml(body: bytes) -> bytes:
    try:
        return msgspec.json.encode(documents.read(body, yaml_too=True))
    except documents.Unreadable as error:
        raise CannotMask(f"an answer in YAML that cannot be masked: {error}") from None


@contextmanager
def _no_collection() -> Iterator[None]:
    """Building a large document makes nothing but what is kept; looking for garbage doubles its cost."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
