"""A request to the API of Kubernetes, taken apart as the API server does it.

Source: ``RequestInfoFactory.NewRequestInfo`` of k8s.io/apiserver (pkg/endpoints/request), whose steps are
followed, after whatever it and anybody in between could read differently has been refused. What is sent on
is rebuilt from what is here (`KubernetesRequest.target`), so that judged is forwarded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from vedette.kubernetes import escapes, query
from vedette.kubernetes.errors import BadRequest
from vedette.kubernetes.query import Query
from vedette.kubernetes.resources import KNOWN

__all__ = ["BadRequest", "KubernetesRequest", "read_request"]

PATH = "kubernetes.path"
MAX_TARGET_BYTES = 64 << 10
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_SPECIAL = frozenset({"watch", "proxy"})
_OF_NAMESPACES = frozenset({"status", "finalize"})
# Verbs that their subresource gives, and the methods by which the server takes it.
_STREAMS = {"exec": ("GET", "POST"), "attach": ("GET", "POST"), "portforward": ("GET", "POST")}
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_WORD = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_VERSION = re.compile(r"v[0-9]{1,4}(?:(?:alpha|beta)[0-9]{1,4})?")
_EXACT_NAME = re.compile(r"metadata\.name==?([^,=!\\\s]+)")
MAX_NAME_CHARACTERS = 253


@dataclass(frozen=True, slots=True)
class KubernetesRequest:
    """
    What is asked of the API server. *method* is the HTTP method to send on.

    *verb* is get, list, watch, create, update, patch, delete, deletecollection, exec, attach, portforward,
    proxy, log, evict or approve. *resource* is empty for what is no resource (``/version``); *group* is
    empty for the core group. *namespace* is empty for what stands in none, and for all of them at once.
    *name* is empty for collections, and where only the body says it; a field selector that names one
    object counts. *path* is canonical and has nothing of the query. *proxied* is what of the path goes to
    whoever is behind a ``proxy``.
    """

    method: str
    verb: str
    path: str
    query: Query = ()
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    proxied: str = ""

    def target(self) -> str:
        """The request target to send on; reading it again gives this request."""
        return f"{self.path}?{query.write(self.query)}" if self.query else self.path

    @property
    def writes(self) -> bool:
        """Whether a body says what is done, and is to be read before anything is judged."""
        return self.method in ("POST", "PUT", "PATCH", "DELETE") and self.verb not in (*_STREAMS, "proxy")

    @property
    def streams(self) -> bool:
        """Whether the connection is taken over: exec, attach and port-forward."""
        return self.verb in _STREAMS

    @property
    def follows(self) -> bool:
        """Whether the answer may go on for as long as the caller listens."""
        return self.verb == "watch" or (self.verb == "log" and self.flag("follow"))

    def first(self, key: str) -> str:
        return query.first(self.query, key)

    def flag(self, key: str) -> bool:
        return query.flag(self.query, key)

    @property
    def dry_run(self) -> bool:
        """By the query alone: where a deletion has a body, that is what counts (see `BodyFacts.dry_run`)."""
        return self.writes and self.first("dryRun") == "All"

    @property
    def field_manager(self) -> str:
        return self.first("fieldManager")

    @property
    def label_selector(self) -> str:
        return self.first("labelSelector")

    @property
    def field_selector(self) -> str:
        return self.first("fieldSelector")

    @property
    def container(self) -> str:
        return self.first("container")

    @property
    def command(self) -> tuple[str, ...]:
        """What exec is to start, with its arguments."""
        return tuple(value for key, value in self.query if key == "command")

    @property
    def kind(self) -> tuple[str, str]:
        """Group and resource: the key of `vedette.kubernetes.resources.KNOWN`."""
        return self.group, self.resource


def read_request(method: str, target: str, headers: Sequence[tuple[str, str]] = ()) -> KubernetesRequest:
    """
    The request that *method* and *target* (in origin-form, as received) ask for.

    Raises:
        BadRequest: a method, path, query or header that is not taken, or that could be read in two ways.
    """
    _check_headers(headers)
    return _known(method, target) if len(target) <= _SHORT else _read(method, target)


def _read(method: str, target: str) -> KubernetesRequest:
    if method not in _METHODS:
        raise BadRequest("kubernetes.method", "a method that the API of Kubernetes does not have", 405)
    path, pairs, parts = _split(target)
    found = _resource(method, path, parts, pairs) if _names_resource(parts) else None
    if found is not None:
        return found
    if method == "HEAD" or method == "GET":
        checked = query.read(pairs)
        return KubernetesRequest(method, "get", path, checked)
    return KubernetesRequest(method, _VERBS[method], path, query.read(pairs))


# Clients ask for the same again and again.
_SHORT = 512
_known = lru_cache(maxsize=2048)(_read)


# --- headers -----------------------------------------------------------------------------

_NEVER: Mapping[str, tuple[str, str]] = {
    "impersonate-": (
        "kubernetes.impersonation",
        "nobody is impersonated through the gateway: it says itself who is calling",
    ),
    "x-remote-": ("kubernetes.impersonation", "the gateway says itself who is calling"),
    "x-http-method": ("kubernetes.method", "the method is the one in the request line"),
    "x-method-override": ("kubernetes.method", "the method is the one in the request line"),
    "x-original-": (PATH, "the path is the one in the request line"),
    "x-rewrite-": (PATH, "the path is the one in the request line"),
}

_STARTS = tuple(_NEVER)


def _check_headers(headers: Sequence[tuple[str, str]]) -> None:
    for name, _ in headers:
        plain = name.strip().lower().replace("_", "-")
        if plain.startswith(_STARTS):
            code, message = next(found for start, found in _NEVER.items() if plain.startswith(start))
            raise BadRequest(code, message, 403 if code == "kubernetes.impersonation" else 400)


# --- paths -------------------------------------------------------------------------------


def _split(target: str) -> tuple[str, str, list[str]]:
    """The canonical path, the query as received, and the path's parts, decoded."""
    if len(target) > MAX_TARGET_BYTES:
        raise BadRequest(PATH, f"a request target is at most {MAX_TARGET_BYTES} bytes long", 414)
    if not target.startswith("/") or target.startswith("//"):
        raise BadRequest(PATH, "the request target is a path that begins with one slash")
    if any(not "!" <= char <= "~" for char in target) or any(char in target for char in '#\\"<>^`{|}'):
        raise BadRequest(PATH, "a character that has to be escaped, or a fragment, in the request target")
    raw, _, pairs = target.partition("?")
    body = raw[1:-1] if raw.endswith("/") and len(raw) > 1 else raw[1:]
    parts = [_part(part) for part in body.split("/")] if body else []
    path = "/" + "/".join(map(escapes.segment, parts)) + ("/" if raw.endswith("/") and parts else "")
    return path, pairs, parts


def _part(raw: str) -> str:
    if not raw:
        raise BadRequest(PATH, "two slashes in a row in the path")
    if ";" in raw:
        raise BadRequest(PATH, "a semicolon in the path")
    part = escapes.decode(raw, PATH)
    if part in (".", "..") or any(char in part for char in "/\\%;?#"):
        raise BadRequest(
            PATH, "a path with dot segments, or with an escape that hides a character of its own"
        )
    if not part.isprintable() or part != part.strip():
        raise BadRequest(PATH, "a path with characters that cannot be seen")
    return part


def _names_resource(parts: list[str]) -> bool:
    if not parts:
        return False
    if parts[0] not in ("api", "apis"):
        if parts[0].lower() in ("api", "apis"):
            raise BadRequest(PATH, "case counts in a path")
        return False
    return len(parts) >= (3 if parts[0] == "api" else 4)


def _resource(method: str, path: str, parts: list[str], pairs: str) -> KubernetesRequest:
    group = "" if parts[0] == "api" else _word(parts[1])
    version, *rest = parts[1:] if parts[0] == "api" else parts[2:]
    if not _VERSION.fullmatch(version):
        raise BadRequest(PATH, "a version is written like v1 or v1beta1")
    special = rest[0] if rest[0] in _SPECIAL else ""
    rest = rest[1:] if special else rest
    if not rest:
        raise BadRequest(PATH, "nothing stands behind watch or proxy")
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = _namespace(rest[1])
        if len(rest) > 2 and (rest[2] not in _OF_NAMESPACES or special == "proxy"):
            rest = rest[2:]
            if rest[0] == "namespaces":
                raise BadRequest(PATH, "a namespace stands in no namespace", 404)
    resource, name = _word(rest[0]), _name(rest[1]) if len(rest) > 1 else ""
    subresource = "" if special == "proxy" or len(rest) < 3 else rest[2]
    tail = rest[2:] if special == "proxy" else rest[3:]
    proxies = special == "proxy" or subresource == "proxy"
    if tail and not proxies:
        raise BadRequest(PATH, "a path that goes on behind the subresource")
    if subresource and not proxies:
        _word(subresource)
    checked = query.read(pairs, opaque=proxies)
    path = path if proxies else path.rstrip("/")
    proxied = "/" + "/".join(tail) if proxies else ""
    _check_scope(group, resource, namespace, name)
    if special == "watch" and (method != "GET" or subresource):
        raise BadRequest("kubernetes.method", "watching is a GET of a collection or an object", 405)
    verb = "proxy" if proxies else _verb(method, special, subresource, name, checked)
    # Servers of others may pass over a field selector, and then all of the collection is meant.
    heeded = (group, resource) in KNOWN and group != "metrics.k8s.io"
    if heeded and not name and verb in ("list", "watch", "deletecollection"):
        name = _selected(query.first(checked, "fieldSelector"))
    return KubernetesRequest(
        method, verb, path, checked, group, version, resource, "proxy" if proxies else subresource,
        namespace, name, proxied,
    )  # fmt: skip


def _verb(method: str, special: str, subresource: str, name: str, pairs: Query) -> str:
    verb = _VERBS[method]
    if method == "HEAD":
        raise BadRequest("kubernetes.method", "resources are read by GET", 405)
    if subresource in _STREAMS:
        if method not in _STREAMS[subresource]:
            raise BadRequest("kubernetes.method", f"{subresource} is a GET or a POST", 405)
        return subresource
    watch = query.flag(pairs, "watch")
    if special == "watch" or (watch and verb == "get" and not name):
        return "watch"
    if watch:
        raise BadRequest(query.CODE, "watch goes with a collection")
    if verb == "get":
        return "log" if subresource == "log" else "get" if name else "list"
    if verb == "delete" and not name:
        return "deletecollection"
    if verb in ("update", "patch", "delete") and not name:
        raise BadRequest("kubernetes.method", "this changes one object: its name belongs in the path", 405)
    if verb == "create" and subresource == "eviction":
        return "evict"
    return "approve" if subresource == "approval" and verb in ("update", "patch") else verb


def _check_scope(group: str, resource: str, namespace: str, name: str) -> None:
    """What Kubernetes itself serves stands where it belongs: the server has no other route to it."""
    known = KNOWN.get((group, resource))
    if known is None:
        return
    if known.namespaced and name and not namespace:
        raise BadRequest(PATH, "this resource stands in a namespace", 404)
    if not known.namespaced and namespace and resource != "namespaces":
        raise BadRequest(PATH, "this resource stands in no namespace", 404)


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise BadRequest(PATH, "groups, resources and subresources are lower case letters, digits, - and .")
    return text


def _namespace(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise BadRequest(PATH, "a namespace is lower case letters, digits and -")
    return text


def _name(text: str) -> str:
    if len(text) > MAX_NAME_CHARACTERS:
        raise BadRequest(PATH, f"a name is at most {MAX_NAME_CHARACTERS} characters long")
    return text


def _selected(selector: str) -> str:
    """The one object that a field selector can choose; empty where it may choose several."""
    found = _EXACT_NAME.fullmatch(selector)
    return found[1] if found else ""
