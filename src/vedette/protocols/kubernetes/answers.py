"""What callers read from the gateway itself: Status objects, and warnings beside the cluster's answers."""

from __future__ import annotations

from collections.abc import Iterable

from vedette.kubernetes import status
from vedette.kubernetes.errors import BadRequest
from vedette.kubernetes.request import KubernetesRequest
from vedette.model import Deny, Hold
from vedette.protocols.http import writing
from vedette.protocols.http.heads import Framing
from vedette.protocols.lifetime import Ending

#: HTTP status of refusals that are not about permission; every other is 403.
_STATUS = {
    "journal.unavailable": 503,
    "approval.unavailable": 503,
    "approval.void": 409,
    "kubernetes.accept": 406,
    "masking.written_back": 409,
}
PHRASES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    406: "Not Acceptable", 408: "Request Timeout", 409: "Conflict", 413: "Content Too Large",
    415: "Unsupported Media Type", 417: "Expectation Failed", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    502: "Bad Gateway", 503: "Service Unavailable", 505: "HTTP Version Not Supported",
}  # fmt: skip
MAX_WARNING_CHARACTERS = 500

Fields = Iterable[tuple[str, str]]


def answer(
    code: int, body: bytes, *, close: bool = False, head_only: bool = False, more: Fields = ()
) -> bytes:
    """A whole answer of the gateway's own; *head_only* to HEAD."""
    fields = [
        ("Content-Type", "application/json"), ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"), *more,
    ]  # fmt: skip
    if close:
        fields.append(("Connection", "close"))
    head = writing.response(code, PHRASES.get(code, "Refused"), fields, Framing(len(body)))
    return head if head_only else head + body


def denied(request: KubernetesRequest | None, deny: Deny) -> tuple[int, bytes]:
    code = _STATUS.get(deny.code, 403)
    return code, status.denied(request, deny, code=code)


def refused(problem: BadRequest) -> tuple[int, bytes]:
    return problem.status, status.refused(problem)


def failed(code: int, stable: str, reason: str, *, retry_after: int = 0) -> tuple[int, bytes]:
    """Neither policy nor the request is at fault. *stable* is our own code for it."""
    causes = [(status.CAUSE + stable, "", reason)]
    return code, status.status(code, "", f"vedette: {reason}", causes=causes, retry_after=retry_after)


def ended(ending: Ending) -> tuple[int, bytes]:
    """The session is over while an answer is awaited."""
    said = f"session ended: {ending.reason}; {ending.hint}"
    code = 503 if ending.code in ("session.max", "session.idle") else 403
    return failed(code, ending.code, said)


def waited(number: str, hold: Hold) -> tuple[str, str]:
    """Beside the answer to what people approved."""
    who = ", ".join(sorted(hold.approvers)) or "an approver"
    return warning(f"waited for approval {number} by {who} (rule {hold.rule})")


def waiting(number: str, hold: Hold) -> bytes:
    """
    While people are asked: an interim answer, which every client passes over and some show.

    100 and no other status: that is what clients expect without having asked for it (RFC 9110, section 15.2).
    """
    who = ", ".join(sorted(hold.approvers)) or "an approver"
    name, value = warning(f"waiting for approval {number} by {who} (rule {hold.rule})")
    return writing.response(100, "Continue", ((name, value),), None)


def warning(text: str) -> tuple[str, str]:
    """A Warning field that clients of Kubernetes print (RFC 7234 section 5.5, code 299)."""
    plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in text)[:MAX_WARNING_CHARACTERS]
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    return "Warning", f'299 vedette "{quoted}"'
