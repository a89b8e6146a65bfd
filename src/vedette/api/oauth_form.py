"""Requests and answers of OAuth 2.0: forms in, JSON or a redirect out. Source: RFC 6749."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from fastapi import Request
from fastapi.responses import JSONResponse

from vedette.issuer.errors import Refusal

MEDIA_TYPE = "application/x-www-form-urlencoded"
MAX_FIELDS = 60
MAX_VALUE_CHARACTERS = 8192
# RFC 6749 appendix A: VSCHAR and, for some, space; nothing that could be taken for a line end.
_PRINTABLE = re.compile(r"[\x20-\x7e]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Form:
    """The parameters of one request; each name once, but for those that may be there more often."""

    fields: Mapping[str, tuple[str, ...]]

    def get(self, name: str) -> str:
        """The value, empty where there is none (section 3.1: an empty one counts as left out)."""
        return self.fields.get(name, ("",))[0]

    def need(self, name: str) -> str:
        """The same. Raises Refusal where there is none."""
        value = self.get(name)
        if not value:
            raise Refusal("invalid_request", "oauth.request", f"{name} is missing")
        return value

    def words(self, name: str) -> list[str] | None:
        """All values, each of which may hold several between spaces; None where there is none."""
        if name not in self.fields:
            return None
        return [word for value in self.fields[name] for word in value.split()]


MANY = frozenset({"audience", "resource", "resources", "groups"})


def decode(text: str, *, printable: bool = True) -> Form:
    """A query or a form's body. Raises Refusal: there twice, too many, too long, or with odd characters."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise Refusal("invalid_request", "oauth.request", "the parameters cannot be read") from None
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if len(value) > MAX_VALUE_CHARACTERS or (printable and not _PRINTABLE.fullmatch(value)):
            raise Refusal("invalid_request", "oauth.request", "a parameter is too long, or not plain ASCII")
        if name in fields and name not in MANY:
            raise Refusal("invalid_request", "oauth.request", "a parameter is there twice")
        fields[name] = (*fields.get(name, ()), value)
    return Form(fields)


async def form(request: Request, *, printable: bool = True) -> Form:
    """The form in the request's body; what stands in its address does not count. Raises Refusal."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MEDIA_TYPE:
        raise Refusal("invalid_request", "oauth.request", f"send the parameters as {MEDIA_TYPE}")
    try:
        return decode((await request.body()).decode("ascii"), printable=printable)
    except UnicodeDecodeError:
        raise Refusal("invalid_request", "oauth.request", "a form is plain ASCII, the rest escaped") from None


def credentials(request: Request, sent: Form) -> tuple[str, str]:
    """
    The client's id and secret, by header or in the form (section 2.3.1); no secret for a public client.

    Raises Refusal: both ways at once, or a header that cannot be read.
    """
    values: Sequence[str] = request.headers.getlist("authorization")
    if not values:
        return sent.get("client_id"), sent.get("client_secret")
    scheme, _, text = values[0].partition(" ")
    if len(values) > 1 or scheme.lower() != "basic" or sent.get("client_secret"):
        raise Refusal("invalid_request", "oauth.request", "one way to say who the client is, not two")
    try:
        name, colon, secret = base64.b64decode(text.strip(), validate=True).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        raise Refusal("invalid_client", "oauth.client", "the Authorization header cannot be read") from None
    name, secret = unquote_plus(name), unquote_plus(secret)
    if not colon or sent.get("client_id") not in ("", name):
        raise Refusal("invalid_request", "oauth.request", "client_id and the Authorization header differ")
    return name, secret


MIN_SECONDS = 60
Answer = dict[str, Any]


def seconds(sent: Form, usual: float) -> float:
    """How long a token is to live, by the form's *ttl*; never longer than *usual*."""
    text = sent.get("ttl")
    if not text:
        return usual
    if not text.isascii() or not text.isdecimal() or len(text) > 8 or int(text) < MIN_SECONDS:
        raise Refusal(
            "invalid_request", "oauth.request", f"ttl is a number of seconds, {MIN_SECONDS} at least"
        )
    return min(float(text), usual)


def answer(text: str, lives: int, granted: str, **more: object) -> Answer:
    """RFC 6749 section 5.1."""
    found: Answer = {"access_token": text, "token_type": "Bearer", "expires_in": lives, **more}
    return found | ({"scope": granted} if granted else {})


def refused(refusal: Refusal, *, basic: bool = False) -> JSONResponse:
    """The error as RFC 6749 section 5.2 has it; the reason is ours, and quotes nothing that was sent."""
    headers = {}
    if refusal.wait:
        headers["Retry-After"] = str(max(1, round(refusal.wait)))
    if basic and refusal.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="vedette"'
    body: dict[str, object] = {"error": refusal.error, "error_description": refusal.reason}
    return JSONResponse(body, refusal.status, headers)
