"""Header fields: what of a caller's goes to the cluster, what of the cluster's comes back.

Both are lists of what may pass. Whatever is on neither stays here, in whichever spelling it comes:
identity by header (``Impersonate-*``, ``X-Remote-*``: Kubernetes documentation, "Authenticating"),
forwarding, cookies, and what is about one connection only.
"""

from __future__ import annotations

from collections.abc import Iterable

from vedette.model import Principal
from vedette.protocols.http.heads import Fields
from vedette.protocols.http.writing import end_to_end

UP = frozenset(
    {
        "accept", "accept-encoding", "cache-control", "content-type", "if-match", "if-modified-since",
        "if-none-match", "kubectl-command", "kubectl-session", "traceparent", "tracestate", "user-agent",
    }
)  # fmt: skip
DOWN = frozenset(
    {
        "accept-ranges", "audit-id", "cache-control", "content-disposition", "content-encoding",
        "content-type", "date", "etag", "last-modified", "retry-after", "vary", "warning",
        "x-content-type-options", "x-from-cache", "x-kubernetes-pf-flowschema-uid",
        "x-kubernetes-pf-prioritylevel-uid", "x-stream-protocol-version",
    }
)  # fmt: skip

#: More groups than anybody is in.
MAX_GROUPS = 100


def upwards(fields: Fields) -> Fields:
    """What of a caller's *fields* goes to the cluster."""
    return _among(fields, UP)


def downwards(fields: Fields) -> Fields:
    """What of the cluster's *fields* comes back."""
    return _among(fields, DOWN)


_PLAIN = frozenset({"keep-alive", "close", "upgrade"})


def _among(fields: Fields, passing: frozenset[str]) -> Fields:
    """Those that are *passing*, without those that ``Connection`` names (RFC 9110 section 7.6.1)."""
    found = tuple(field for field in fields if field[0] in passing)
    for name, value in fields:
        if name == "connection" and value.lower() not in _PLAIN:
            return tuple(field for field in end_to_end(fields) if field[0] in passing)
    return found


def readable(fields: Fields, accept: str) -> Fields:
    """*fields* of a request whose answer has to be read here: *accept* instead, and not compressed."""
    kept = (field for field in fields if field[0] not in ("accept", "accept-encoding"))
    return (*kept, ("accept", accept))


def impersonation(principal: Principal) -> Iterable[tuple[str, str]]:
    """
    Whom the cluster is asked to take the gateway's request for ("User impersonation" in its documentation).

    Raises ValueError where a name cannot stand in a header as it is: a cluster must never read another one.
    """
    groups = sorted(principal.groups)
    if len(groups) > MAX_GROUPS:
        raise ValueError(f"more than {MAX_GROUPS} groups")
    for text in (principal.subject, *groups):
        if not text or text != text.strip() or not text.isascii() or not text.isprintable():
            raise ValueError("a name that cannot stand in a header")
        if text.startswith("system:"):
            # What a cluster means by such names (system:masters) is not for an issuer to give.
            raise ValueError("a name that belongs to the cluster itself")
    yield "Impersonate-User", principal.subject
    for group in groups:
        yield "Impersonate-Group", group
    yield "Impersonate-Extra-vedette-issuer", _extra(principal.issuer)


def _extra(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
