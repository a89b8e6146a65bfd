"""Errors as RFC 9457 problem details: stable codes, the gateway's own words, nothing of what was sent."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
MAX_BODY_BYTES = 64 << 10
TOO_LARGE = ("request.too_large", f"a request has at most {MAX_BODY_BYTES} bytes")
CHALLENGE = 'Bearer realm="vedette"'


class ProblemError(Exception):
    """A request that gets no for an answer. *code* is stable; *fix* says what would help."""

    def __init__(
        self, status: int, code: str, detail: str, fix: str = "", *, more: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.fix = status, code, detail, fix
        self.more = dict(more or {})


def forbidden(detail: str, fix: str = "") -> ProblemError:
    return ProblemError(403, "access.denied", detail, fix)


def not_found(what: str) -> ProblemError:
    return ProblemError(404, "not_found", f"there is no such {what}")


def body(status: int, code: str, detail: str, fix: str = "", **more: object) -> dict[str, object]:
    """The members of a problem (RFC 9457 section 3.1), *code* and *fix* beside them."""
    problem: dict[str, object] = {
        "type": f"urn:vedette:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if fix:
        problem["fix"] = fix
    return problem | more


#: The shape of every error, for the OpenAPI document.
SCHEMA: dict[str, object] = {
    "title": "Problem",
    "description": "RFC 9457. *code* is stable; *detail* and *fix* are for people.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "fix": {"type": "string"},
    },
}
_SAYS = {
    400: "a cursor that is none of ours",
    401: "no good token",
    403: "not for you",
    404: "not there, or not for you to see",
    409: "over, taken, or not as it was",
    413: "too large",
    422: "the request does not fit",
    429: "too often",
    503: "the store or the journal does not answer; nothing was done",
}


def document(found: dict[str, Any]) -> None:
    """Say in the OpenAPI document *found* how every operation fails."""
    found.setdefault("components", {}).setdefault("schemas", {})["Problem"] = SCHEMA
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    failures = {str(status): {"description": says, "content": content} for status, says in _SAYS.items()}
    for methods in found["paths"].values():
        for operation in methods.values():
            for status, failure in failures.items():
                if status not in operation["responses"] or status == "422":
                    operation["responses"][status] = failure
    for unused in ("HTTPValidationError", "ValidationError"):
        found["components"]["schemas"].pop(unused, None)


def answer(problem: ProblemError) -> JSONResponse:
    headers = {"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'} if problem.status == 401 else {}
    content = body(problem.status, problem.code, problem.detail, problem.fix, **problem.more)
    return JSONResponse(content, problem.status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Every way in which a request can fail ends in a problem."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OSError, _unavailable)


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)  # noqa: S101  (Starlette hands over what was registered)
    return answer(error)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Where and what, without the value: it may be a secret that stood in the wrong place."""
    found: Sequence[Mapping[str, object]] = getattr(error, "errors", list)()
    errors = [{"where": _where(each.get("loc")), "what": str(each.get("msg"))} for each in found[:20]]
    first = f"{errors[0]['where']}: {errors[0]['what']}" if errors else "the request cannot be read"
    return answer(ProblemError(422, "request.invalid", first, more={"errors": errors}))


def _where(path: object) -> str:
    return ".".join(map(str, path)) if isinstance(path, tuple | list) else ""


async def _http(_: Request, error: Exception) -> JSONResponse:
    status = getattr(error, "status_code", 500)
    words = {
        404: ("not_found", "there is nothing here"),
        405: ("request.method", "not by this method"),
        413: TOO_LARGE,
    }
    code, detail = words.get(status, ("request.refused", HTTPStatus(status).phrase))
    response = answer(ProblemError(status, code, detail))
    response.headers.update(getattr(error, "headers", None) or {})
    return response


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    """The store or the journal fails: nothing was done, because nothing is done without them."""
    log.error("the API cannot answer: %s", error)
    return answer(
        ProblemError(503, "unavailable", "the store or the journal does not answer", "try again; see the log")
    )
