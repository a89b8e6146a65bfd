"""What people who are to approve a request would want to see first, and what to ask the server for it.

Pure: `looks` says what to ask, `tell` makes words of the answers. Nothing here changes anything: reads, and
writes that the server is asked to try out only.

Sources: Kubernetes documentation, "Dry-run" of "Kubernetes API Concepts" and "Garbage Collection" (owners and
dependants).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from vedette.kubernetes.facts import BodyFacts
from vedette.kubernetes.fields import Fields
from vedette.kubernetes.placeholders import REDACTED
from vedette.kubernetes.request import KubernetesRequest, read_request
from vedette.masking.prose import hide
from vedette.masking.tally import Tally
from vedette.model import MaskRule

MAX_LINES = 400
MAX_CHARACTERS = 32 << 10
MAX_NAMES = 20
PAGE = 500
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
JSON = "application/json"

Purpose = Literal["before", "after", "owner", "count", "owned", "on node"]

# What a namespace holds that people would miss. More stands in most, yet follows from these.
_IN_NAMESPACE = (
    "/api/v1/{}/pods", "/apis/apps/v1/{}/deployments", "/apis/apps/v1/{}/statefulsets",
    "/apis/apps/v1/{}/daemonsets", "/apis/batch/v1/{}/jobs", "/apis/batch/v1/{}/cronjobs",
    "/api/v1/{}/services", "/api/v1/{}/configmaps", "/api/v1/{}/secrets", "/api/v1/{}/persistentvolumeclaims",
)  # fmt: skip
_OWNED: Mapping[str, tuple[str, ...]] = {
    "cronjobs": ("/apis/batch/v1/{}/jobs", "/api/v1/{}/pods"),
    "daemonsets": ("/api/v1/{}/pods",),
    "deployments": ("/apis/apps/v1/{}/replicasets", "/api/v1/{}/pods"),
    "jobs": ("/api/v1/{}/pods",),
    "replicasets": ("/api/v1/{}/pods",),
    "replicationcontrollers": ("/api/v1/{}/pods",),
    "statefulsets": ("/api/v1/{}/pods", "/api/v1/{}/persistentvolumeclaims"),
}
# The server makes up what changes by itself, and says it again each time.
_NOISE = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"})
_NEVER_TRIED = frozenset({"approval", "binding", "eviction", "finalize", "token"})
_HIDDEN = MaskRule("preview", columns=("secrets.data", "secrets.stringData", "configmaps.binaryData"))


@dataclass(frozen=True, slots=True)
class Look:
    """One thing to ask the server for. *body* goes with it where *with_body*: the write, tried out."""

    purpose: Purpose
    request: KubernetesRequest
    accept: str = JSON
    with_body: bool = False


def looks(request: KubernetesRequest, facts: BodyFacts | None) -> tuple[Look, ...]:
    """What to ask the server for before people are asked about *request*. All of it is without effect."""
    if request.verb in ("create", "update", "patch") and facts is not None and not facts.reason:
        return tuple(_tried(request, facts))
    if request.verb in ("delete", "deletecollection", "evict"):
        return tuple(_missed(request))
    return ()


def _tried(request: KubernetesRequest, facts: BodyFacts) -> Iterator[Look]:
    if request.subresource in _NEVER_TRIED or request.resource == "bindings":
        return
    if request.verb != "create":
        yield Look("before", _get(request.path))
    if not request.dry_run:
        kept = tuple(pair for pair in request.query if pair[0] != "dryRun")
        yield Look("after", replace(request, query=(*kept, ("dryRun", "All"))), with_body=True)
    if facts.drains:
        yield from _on_node(request)
    if facts.stops or request.subresource == "scale":
        yield from _owned(request)


def _missed(request: KubernetesRequest) -> Iterator[Look]:
    if request.verb == "deletecollection":
        chosen = tuple(pair for pair in request.query if pair[0] in ("labelSelector", "fieldSelector"))
        yield Look("count", replace(_get(request.path), query=(*chosen, _PAGE)), METADATA)
    elif request.resource == "namespaces":
        for path in _IN_NAMESPACE:
            yield Look("count", _get(path.format(f"namespaces/{request.namespace}"), _PAGE), METADATA)
    elif request.resource == "nodes":
        yield from _on_node(request)
    else:
        whole = request.path.rpartition("/")[0] if request.subresource else request.path
        yield Look("before", _get(whole))
        yield from _owned(request)


_PAGE = ("limit", str(PAGE))


def _owned(request: KubernetesRequest) -> Iterator[Look]:
    if request.subresource == "scale":
        yield Look("owner", _get(request.path.removesuffix("/scale")))
    for path in _OWNED.get(request.resource, ()):
        yield Look("owned", _get(path.format(f"namespaces/{request.namespace}"), _PAGE), METADATA)


def _on_node(request: KubernetesRequest) -> Iterator[Look]:
    chosen = ("fieldSelector", f"spec.nodeName={request.name}")
    yield Look("on node", _get("/api/v1/pods", chosen, _PAGE), METADATA)


def _get(path: str, *pairs: tuple[str, str]) -> KubernetesRequest:
    return replace(read_request("GET", path), query=pairs)


# --- words -------------------------------------------------------------------------------------


def tell(
    request: KubernetesRequest,
    answers: Sequence[tuple[Look, bytes | None]],
    masks: Sequence[MaskRule] = (),
    key: bytes = b"",
) -> str:
    """
    What the *answers* come to, in lines; empty where there is nothing to say. None is an answer that did not
    come, which is said as well. Nothing that *masks* hide is shown, and of Secrets only which keys change.

    Raises:
        CannotMask: a rule of *masks* cannot be applied.
    """
    lines = list(_lines(request, [(look, _read(body)) for look, body in answers], masks, key))
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], f"... and {len(lines) - MAX_LINES} more lines"]
    text = hide("\n".join(lines), masks, key, Tally())
    return text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + "\n... cut here"


Answered = tuple[Look, dict[str, Any] | None]


def _lines(
    request: KubernetesRequest, answers: list[Answered], masks: Sequence[MaskRule], key: bytes
) -> Iterator[str]:
    lost = [look for look, found in answers if found is None]
    for look in lost:
        yield f"not known, because the cluster did not say: {look.purpose} ({look.request.path})"
    last = {look.purpose: found for look, found in answers if found is not None}
    if "after" in last:
        before = None if request.verb == "create" else last.get("before")
        yield from _changes(request, before, last["after"], masks, key)
    elif "before" in last and request.verb in ("delete", "evict"):
        yield f"would be gone: {_kind(request)} {_name(last['before'])}"
    yield from _counts(request, answers)
    owned = [(look, found) for look, found in answers if look.purpose == "owned" and found is not None]
    root = last.get("owner") or last.get("before")
    if owned and root is not None:
        yield from _named("it owns", list(_dependants(root, owned)))


def _changes(
    request: KubernetesRequest,
    before: dict[str, Any] | None,
    after: dict[str, Any],
    masks: Sequence[MaskRule],
    key: bytes,
) -> Iterator[str]:
    if after.get("kind") == "Status" and after.get("status") == "Failure":
        yield f"the cluster itself would refuse it: {' '.join(str(after.get('message', '')).split())[:400]}"
        return
    kind = f"{request.resource}.{request.group}" if request.group else request.resource
    fields = Fields(kind, (*masks, _HIDDEN), key)
    old, new = _shown(before, fields), _shown(after, fields)
    if before is not None:
        _mark(before, after, new)
    if old == new:
        same = _plain(before or {}) == _plain(after)
        yield "nothing would change" if same else "only values that are hidden would change"
        return
    lines = difflib.unified_diff(_text(old), _text(new), "now", "then", n=2, lineterm="")
    yield from (line[:300] for line in lines)


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    """*found* without what changes by itself."""
    copy: dict[str, Any] = json.loads(json.dumps(found))
    copy.pop("status", None)
    for name in _NOISE:
        _metadata(copy).pop(name, None)
    return copy


def _shown(found: dict[str, Any] | None, fields: Fields) -> dict[str, Any]:
    """*found* without that, and without what is hidden."""
    if found is None:
        return {}
    copy = _plain(found)
    fields.hide(copy, Tally())
    return copy


def _mark(before: dict[str, Any], after: dict[str, Any], shown: dict[str, Any]) -> None:
    """Values that are hidden on both sides look alike: says of those in *shown* which differ."""
    for name, value in after.items():
        seen = shown.get(name)
        if isinstance(value, dict) and isinstance(seen, dict) and isinstance(before.get(name), dict):
            _mark(before[name], value, seen)
        elif (
            name in shown
            and value != seen
            and value != before.get(name)
            and not isinstance(value, dict | list)
        ):
            shown[name] = f"{REDACTED} (changed)"


def _text(found: dict[str, Any]) -> list[str]:
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=True).splitlines() if found else []


def _counts(request: KubernetesRequest, answers: list[Answered]) -> Iterator[str]:
    for look, found in answers:
        if look.purpose in ("count", "on node") and found is not None:
            names, more = _names(found)
            if not names and request.verb != "deletecollection":
                continue
            where = "would be gone" if look.purpose == "count" else "runs on the node"
            yield from _named(f"{where}: {_kind(look.request)}", names, more)


def _named(lead: str, names: list[str], more: int = 0) -> Iterator[str]:
    count = len(names) + more
    shown = ", ".join(names[:MAX_NAMES]) + (", ..." if count > min(len(names), MAX_NAMES) else "")
    yield f"{lead}: {count}" + (f" ({shown})" if names else "")


def _names(found: dict[str, Any]) -> tuple[list[str], int]:
    """Names of the items of a list, and how many more there are behind this page."""
    more = _metadata(found).get("remainingItemCount", 0)
    return [_name(item) for item in _items(found)], more if isinstance(more, int) else 0


def _dependants(root: dict[str, Any], lists: Iterable[tuple[Look, dict[str, Any]]]) -> Iterator[str]:
    """Of *lists*, owners before owned, whatever *root* owns, directly or through others."""
    owners = {_metadata(root).get("uid")} - {None, ""}
    for look, found in lists:
        for item in _items(found):
            references = _metadata(item).get("ownerReferences")
            if isinstance(references, list) and any(
                isinstance(each, dict) and each.get("uid") in owners for each in references
            ):
                owners.add(_metadata(item).get("uid"))
                yield f"{look.request.resource}/{_name(item)}"


def _items(found: dict[str, Any]) -> list[dict[str, Any]]:
    items = found.get("items")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _metadata(found: dict[str, Any]) -> dict[str, Any]:
    metadata = found.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _name(found: dict[str, Any]) -> str:
    return str(_metadata(found).get("name", ""))[:253]


def _kind(request: KubernetesRequest) -> str:
    return f"{request.resource}.{request.group}" if request.group else request.resource


def _read(body: bytes | None) -> dict[str, Any] | None:
    if body is None:
        return None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
