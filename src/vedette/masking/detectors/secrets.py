"""Secrets: keys and tokens of services, private keys, passwords in addresses.

The shapes are those the services document for their own tokens.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from vedette.masking.detectors.detector import CONTEXT_BYTES, Detector, Span, is_word, whole
from vedette.masking.patterns import compile_bytes

# --- Amazon Web Services ---------------------------------------------------------------
_AWS_ID = rb"(?:AKIA|ASIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|ABIA|ACCA)[0-9A-Z]{16}"
_AWS_SECRET = rb"[0-9A-Za-z/+]{40}"
AWS_WORDS = rb"(?i)aws|amazon|secret|access.?key|" + _AWS_ID


def _aws(text: bytes, start: int, end: int, hinted: bool) -> Iterator[Span]:
    """Ids by their shape; secrets, which have none, only near a word that says so."""
    if end - start == 20:
        if not is_word(text, start - 1) and not is_word(text, end):
            yield start, end
        return
    if end - start != 40 or text[end : end + 1] in (b"=", b"+", b"/"):
        return
    body = text[start:end]
    mixed = body != body.lower() and body != body.upper() and any(0x30 <= byte <= 0x39 for byte in body)
    around = text[max(0, start - 2 * CONTEXT_BYTES) : start] + b" " + text[end : end + CONTEXT_BYTES]
    if mixed and (hinted or compile_bytes(AWS_WORDS).search(around) is not None):
        yield start, end


# --- others with a prefix --------------------------------------------------------------
_GITHUB = rb"gh[oprsu]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{36,}"
_SLACK = (
    rb"xox[abceoprs]-[0-9A-Za-z-]{10,}|xox[be]\.xox[bp]-[0-9A-Za-z-]{10,}|xapp-[0-9]-[0-9A-Za-z-]{10,}"
    rb"|hooks\.slack\.com/(?:services|workflows|triggers)/[0-9A-Za-z/_-]{20,}"
)
_STRIPE = rb"(?:[rs]k_(?:live|test)|whsec)_[0-9A-Za-z]{16,}"
_GOOGLE = rb"AIza[0-9A-Za-z_-]{35}"

# --- JSON web tokens. Source: RFC 7519 and RFC 7515, compact serialisation ----------------
_JWT = rb"eyJ[0-9A-Za-z_-]{6,}\.[0-9A-Za-z_-]{2,}(?:\.[0-9A-Za-z_-]*){1,3}"


def _jwt(text: bytes, start: int, end: int, hinted: bool) -> Iterator[Span]:
    head = text[start:end].partition(b".")[0]
    try:
        header = base64.b64decode(head + b"=" * (-len(head) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return  # not base64url, so not a token
    if b'"alg"' in header or b'"typ"' in header or b'"enc"' in header:
        yield start, end


# --- private keys. Source: RFC 7468; an end that is missing hides what remains ------------
_PEM = rb"-----BEGIN [0-9A-Z ]*PRIVATE KEY(?: BLOCK)?-----"
_PEM_END = compile_bytes(rb"-----END [0-9A-Z ]*PRIVATE KEY(?: BLOCK)?-----")


def _private_key(text: bytes, start: int, end: int, hinted: bool) -> Iterator[Span]:
    close = _PEM_END.search(text, end)
    yield start, close.span()[1] if close is not None else len(text)


# --- passwords in addresses. Source: RFC 3986 section 3.2.1 -------------------------------
_URL = rb"[A-Za-z][0-9A-Za-z+.-]*://[^\s\x00/?#@:\"'<>]*:[^\s\x00/?#\"'<>]+@"


def _url_password(text: bytes, start: int, end: int, hinted: bool) -> Iterator[Span]:
    """The password only, up to the last @ before the host."""
    colon = text.index(b":", text.index(b"://", start) + 3)
    password = text[colon + 1 : end - 1]
    if password.strip(b"*") and password != b"[url_password]":
        yield colon + 1, end - 1


DETECTORS = (
    Detector(
        "aws_key",
        "secrets",
        anchor=_AWS_ID + rb"|[0-9A-Za-z/+]{40}",
        pattern=_AWS_ID + rb"|[0-9A-Za-z/+]{40,}",
        check=_aws,
        words=rb"(?i)aws|secret|access.?key",
    ),
    Detector("github_token", "secrets", anchor=_GITHUB, pattern=_GITHUB, check=whole),
    Detector("slack_token", "secrets", anchor=_SLACK, pattern=_SLACK, check=whole),
    Detector("stripe_key", "secrets", anchor=_STRIPE, pattern=_STRIPE, check=whole),
    Detector("google_key", "secrets", anchor=_GOOGLE, pattern=_GOOGLE, check=whole),
    Detector("jwt", "secrets", anchor=_JWT, pattern=_JWT, check=_jwt),
    Detector("private_key", "secrets", anchor=_PEM, pattern=_PEM, check=_private_key),
    Detector("url_password", "secrets", anchor=_URL, pattern=_URL, check=_url_password),
)
