"""The ID token (OpenID Connect Core section 2): for the client to read, never a way into the gateway."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from vedette.identity.signing import ALGORITHM, SigningKey


def id_token(key: SigningKey, claims: Mapping[str, object]) -> str:
    """*claims*, signed. Its type is not that of gateway tokens, which therefore never take it for one."""
    head = {"alg": ALGORITHM, "typ": "JWT", "kid": key.id}
    signed = b".".join(
        _base64(json.dumps(part, separators=(",", ":")).encode()) for part in (head, dict(claims))
    )
    return (signed + b"." + _base64(key.sign(signed))).decode("ascii")


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
