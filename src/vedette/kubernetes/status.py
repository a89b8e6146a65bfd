"""Answers in the API's own form: the Status object, which kubectl and client-go print.

Source: Kubernetes API reference, ``meta/v1 Status``; k8s.io/apimachinery, pkg/api/errors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from vedette.kubernetes.errors import BadRequest
from vedette.kubernetes.request import KubernetesRequest
from vedette.model import Deny

#: What client-go tests for (``errors.IsForbidden`` and its like), by HTTP status.
REASONS: Mapping[int, str] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Gone",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
#: Kinds of cause that begin with this are the gateway's; what follows is its own stable code.
CAUSE = "vedette/"
MAX_MESSAGE_CHARACTERS = 4096


def status(
    code: int,
    reason: str,
    message: str,
    *,
    request: KubernetesRequest | None = None,
    causes: Sequence[tuple[str, str, str]] = (),
    retry_after: int = 0,
) -> bytes:
    """
    A Status of failure, as JSON. *reason* empty is the usual one for the HTTP status *code*.

    *causes* are (reason, field, message); *retry_after* is in seconds, 0 for none. What *request* asked for
    stands in the details.
    """
    details: dict[str, object] = {}
    if request is not None and request.resource:
        details |= {"name": request.name, "group": request.group, "kind": request.resource}
    if causes:
        details["causes"] = [
            {"reason": why, "message": told, **({"field": field} if field else {})}
            for why, field, told in causes
        ]
    if retry_after:
        details["retryAfterSeconds"] = retry_after
    answer: dict[str, object] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message[:MAX_MESSAGE_CHARACTERS],
        "reason": reason or REASONS.get(code, "Unknown"),
        "details": {key: value for key, value in details.items() if value != ""},
        "code": code,
    }
    return json.dumps(
        {key: value for key, value in answer.items() if value != {} or key == "metadata"}
    ).encode()


def denied(request: KubernetesRequest | None, deny: Deny, *, code: int = 403) -> bytes:
    """
    What policy said no to, as the server itself would say it: who refuses, why, by which rule, what to do.

    kubectl prints the message of a Forbidden and nothing else, so that everything stands in it.
    """
    what = f'"{_what(request)}" is forbidden' if request is not None and request.resource else "forbidden"
    told = f"{what}: vedette: {deny.reason}"
    told += f" (rule {deny.rule})" if deny.rule else ""
    told += f"; {deny.hint}" if deny.hint else ""
    causes = [(CAUSE + deny.code, "", deny.rule)]
    return status(code, "", told, request=request, causes=causes)


def refused(error: BadRequest, request: KubernetesRequest | None = None) -> bytes:
    """What could not even be judged."""
    causes = [(CAUSE + error.code, "", error.message)]
    return status(error.status, "", f"vedette: {error.message}", request=request, causes=causes)


def _what(request: KubernetesRequest) -> str:
    kind = f"{request.resource}.{request.group}" if request.group else request.resource
    return f"{request.verb} {kind}{f' {request.name}' if request.name else ''}"
